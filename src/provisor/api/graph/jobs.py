"""The job of an application: what provisions it, as Graph has it.

The directory knows no jobs: provisioning of an application is On or Off. It has one job here, always, unless a client
of this API made the application and has not made its job yet, or deleted it; that alone is remembered. Whoever switches
provisioning On elsewhere has a job again.
"""

from __future__ import annotations

from typing import Any, Final

from provisor import audit
from provisor.api.graph import enterprise, job_status, lists, objects
from provisor.api.graph.call import DONE, Answer, Call
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.identifiers import job_id, template_id
from provisor.directory import applications
from provisor.directory.applications import Application
from provisor.provisioning.templates import template
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.storage.pool import Tx
from provisor.storage.queries import queries
from provisor.sync import control, history

QUERIES = queries("graph_provisioning")
_JOBS: Final = Fields("synchronizationJob", {"id": Field("text"), "templateId": Field("text")})
_TEMPLATES: Final = Fields("synchronizationTemplate", {"id": Field("text")})
#: Parts of a job's state that Graph's clients name, by what happens here: a comparison of everything, or the forgetting
#: of which accounts are whose.
_STATE: Final = frozenset({"watermark", "escrows", "quarantinestate"})
_FULL: Final = frozenset({"full", "connectordatastore"})


async def templates(call: Call) -> Answer:
    """The template of the application's mappings: the only one that its job can have."""
    app = await enterprise.full(call)
    return lists.in_memory_of(call, _TEMPLATES, [_template(app)], "synchronizationTemplates")


async def template_get(call: Call) -> Answer:
    app = await enterprise.full(call)
    _require_template(app, call.keys[1])
    return objects.single(call, "synchronizationTemplates/$entity", _template(app), None)


async def of_template(call: Call, action: str = "application.read") -> Application:
    """The application of the template that an address names, for whoever may do ``action`` to it. Raises NotFound."""
    app = await enterprise.full(call, action)
    _require_template(app, call.keys[1])
    return app


async def template_schema(call: Call) -> Answer:
    app = await of_template(call)
    return Answer(body={"@odata.context": call.context("synchronizationSchema"), **template(app.template)})


def _template(app: Application) -> dict[str, Any]:
    return {
        "id": app.template,
        "applicationId": str(template_id(app.template)),
        "default": True,
        "description": None,
        "discoverable": True,
        "factoryTag": app.template,
        "metadata": [
            {"key": "ConfigurationFields", "value": '[{"name":"baseaddress"},{"name":"secrettoken","secret":true}]'}
        ],
        "schema": template(app.template),
    }


def _require_template(app: Application, name: str) -> None:
    if name != app.template:
        raise NotFound(f"{app.name} has no template {name!r}, but {app.template!r}.")


async def listed(call: Call) -> Answer:
    app = await enterprise.full(call)
    value = [await job_status.shown(call, app)] if await _exists(call, app) else []
    return lists.in_memory_of(call, _JOBS, value, "synchronizationJobs")


async def get(call: Call) -> Answer:
    app = await found(call)
    return objects.single(call, "synchronizationJobs/$entity", await job_status.shown(call, app), None)


async def create(call: Call) -> Answer:
    """The job of the application, not started."""
    app = await enterprise.full(call, "provisioning.write")
    wanted = call.given.get("templateId")
    if wanted != app.template:
        raise Invalid(f"templateId must be that of the application's template, {app.template!r}, not {wanted!r}.")
    async with call.edit() as work:
        app = await applications.locked(work, app.id)
        if await there(work.tx, app, call):
            raise Conflict(f"{app.name} has its job already: {job_id(app.template, call.tenant, app.id)}.")
        await work.tx.execute(QUERIES.remember_job, call.tenant.id, app.id, True)
        work.record(audit.Entry("create job", f"application {app.name}", str(app.id)))
    shown = await job_status.shown(call, app)
    answer = Answer(201, {"@odata.context": call.context("synchronizationJobs/$entity"), **shown})
    return objects.created(call, answer, f"servicePrincipals/{app.id}/synchronization/jobs/{shown['id']}")


async def delete(call: Call) -> Answer:
    """Provisioning Off, and nothing remembered of which accounts are whose. Refused while leavers may be active."""
    app = await found(call, "provisioning.write")
    await enterprise.look_for_leavers(call, app)
    async with enterprise.soon(call, app), call.edit() as work:
        off = await control.switch(work, app.id, "Off")
        await control.restart(work, call.house.ledger(call.tenant, app.id), off, full=True)
        await work.tx.execute(QUERIES.remember_job, call.tenant.id, app.id, False)
        work.record(audit.Entry("delete job", f"application {app.name}", str(app.id)))
    return DONE


async def start(call: Call) -> Answer:
    """Provisioning On; what was quarantined is tried at once."""
    app = await found(call, "provisioning.run")
    async with call.edit() as work:
        await control.switch(work, app.id, "On")
        if await history.quarantine(work.tx, call.tenant.id, app.id) is not None:
            await call.house.ledger(call.tenant, app.id).mended(work.tx)
    return DONE


async def pause(call: Call) -> Answer:
    app = await found(call, "provisioning.run")
    async with call.edit() as work:
        await control.switch(work, app.id, "Off")
    return DONE


async def restart(call: Call) -> Answer:
    """Clear the state that ``criteria`` names, all but whose accounts are whose when it names none; the job runs then,
    as one that was started does."""
    app = await found(call, "provisioning.run")
    scopes = _scopes((call.body or {}).get("criteria"))
    if "forcedeletes" in scopes:
        raise Invalid(
            "Deletions that are held back are not let through by a restart: look at the plan, and release it with "
            f"provisor sync {app.name} --release, or on the portal's page Plan."
        )
    if scopes == {"none"}:
        return await start(call)
    full = bool(scopes & _FULL)
    if full:
        await enterprise.look_for_leavers(call, app)
    async with call.edit() as work:
        running = await control.switch(work, app.id, "On")
        await control.restart(work, call.house.ledger(call.tenant, app.id), running, full=full)
    return DONE


def _scopes(criteria: Any) -> set[str]:
    """The parts of a state that are named, in small letters. Raises Invalid for what is none."""
    given = (criteria or {}).get("resetScope") if isinstance(criteria, dict | None) else criteria
    if given is not None and not isinstance(given, str):
        raise Invalid("criteria.resetScope must be a text like 'Watermark, Escrows'.")
    scopes = {part.strip().lower() for part in (given or "").split(",")} - {""}
    unknown = scopes - _STATE - _FULL - {"none", "forcedeletes"}
    if unknown:
        raise Invalid(f"criteria.resetScope cannot name {min(unknown)!r}.")
    return scopes


async def found(call: Call, action: str = "application.read") -> Application:
    """The application of the job that an address names, for whoever may do ``action`` to it. Raises NotFound."""
    app = await enterprise.full(call, action)
    wanted = job_id(app.template, call.tenant, app.id)
    if call.keys[1].lower() != wanted.lower() or not await _exists(call, app):
        raise NotFound(f"{app.name} has no job {call.keys[1]!r}.")
    return app


async def _exists(call: Call, app: Application) -> bool:
    async with call.database.reading() as tx:
        return await there(tx, app, call)


async def there(tx: Tx, app: Application, call: Call) -> bool:
    """Whether an application has a job."""
    row = await tx.fetchrow(QUERIES.remembered, call.tenant.id, app.id)
    return row is None or row["job"] or app.provisioning == "On"
