"""*Provisioning*: mode, credentials, mappings, scope, status, and starting over; one form, one *Save*.

*Test Connection* and *Save* answer into the form, so that nothing that was typed is lost. A save that needs a word more
(the credentials fail, everybody would come into scope) asks there and is sent again with the answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, cast

from starlette.responses import Response

from provisor.connectors.base import TargetError
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, tenants
from provisor.directory.applications import Application
from provisor.directory.edit import Edit
from provisor.provisioning.schema import OBJECT_TYPES, object_mapping
from provisor.refusal import Invalid
from provisor.sync import connection, control
from provisor.workspace import workspaces

PAGE = Page("provisioning", "/applications/{application:uuid}/provisioning", action="application.read")
SCOPES = ("assigned", "all")
#: Workspaces of this installation whose addresses are offered.
OFFERED = 20


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    mappings = [(kind, object_mapping(visit.app.schema, kind)) for kind in OBJECT_TYPES]
    addresses = []
    if visit.may("workspace.operate"):
        async with visit.house.database.reading() as tx:
            spaces = await workspaces.everyone(tx)
        addresses = [await visit.house.tenant_url(space) for space in spaces[:OFFERED]]
    return visit.render(mappings=mappings, addresses=addresses)


@PAGE.post("/test", action="provisioning.write")
async def test(visit: PortalVisit) -> Response:
    try:
        wanted = _connected(visit)
        learned = await connection.test_application(wanted, lambda item: visit.house.target(item, read_only=True))
    except TargetError as error:
        return visit.part("tested", good=False, sentence=str(error), exchange=error.exchange, owner=None)
    return visit.part("tested", good=True, sentence=connection.AUTHORIZED, exchange=None, owner=learned.owner_name)


@PAGE.post(action="provisioning.write")
async def save(visit: PortalVisit) -> Response:
    wanted, status = _wanted(visit), visit.form.text("status")
    if wanted.scope == "all" and visit.app.scope != "all" and not visit.form.ticked("everybody"):
        async with visit.house.database.reading() as tx:
            people, groups = await tenants.size(tx, visit.tenant)
        return visit.part("everybody", people=people, groups=groups)
    clear = visit.form.ticked("clear")

    async def also(work: Edit) -> None:
        if status in ("On", "Off") and status != visit.app.provisioning:
            await control.switch(work, visit.app.id, cast(Literal["On", "Off"], status))
        if clear:
            ledger = visit.house.ledger(visit.tenant, visit.app.id)
            await control.restart(work, ledger, visit.app, full=visit.form.ticked("forget"))

    try:
        await connection.save(
            visit.house.database,
            visit.tenant,
            visit.actor,
            visit.app,
            lambda _: wanted,
            lambda item: visit.house.target(item, read_only=True),
            force=visit.form.ticked("force"),
            also=also,
        )
    except connection.Untested as error:
        return visit.part("untested", sentence=str(error.cause), exchange=error.cause.exchange)
    return await visit.done(visit.app_url("/provisioning"), _said(visit.app, wanted, status, clear))


def _said(before: Application, after: Application, status: str, clear: bool) -> str:
    sentence = "Saved."
    if status == "On" and (clear or before.provisioning != "On"):
        sentence += " An initial cycle starts at once: the Overview shows it."
    elif clear:
        sentence += " Current state is cleared; the next cycle is an initial one."
    if before.tenant_url and after.tenant_url != before.tenant_url and not clear:
        sentence += (
            " Which accounts are whose at the old address is remembered: if this is another system, clear the current "
            "state and forget the links."
        )
    return sentence


def _wanted(visit: PortalVisit) -> Application:
    """The application as the form has it; what the form does not have stays."""
    scope = visit.form.text("scope") or visit.app.scope
    if scope not in SCOPES:
        raise Invalid("Choose a scope.")
    url, token = visit.form.text("tenant_url"), visit.form.text("secret_token")
    mode = visit.form.text("mode") or visit.app.provisioning_mode
    if mode == "Manual" and (url or token):
        raise Invalid("With a Tenant URL and a Secret Token the Provisioning Mode is Automatic.")
    wanted = _connected(visit) if url or token else visit.app
    return replace(wanted, scope=scope, provisioning_mode=mode)


def _connected(visit: PortalVisit) -> Application:
    url, token = visit.form.text("tenant_url"), visit.form.text("secret_token")
    allowed = visit.house.settings.allowed_targets
    given: dict[str, Any] = {"tenant_url": applications.tenant_url(url, allowed) if url else None}
    if given["tenant_url"] == visit.app.tenant_url:
        given["tenant_url"] = None
    wanted = applications.connect(visit.app, visit.house.box, **given, secret_token=token or None)
    if wanted.tenant_url is not None and wanted.sealed_token is None:
        raise Invalid("Enter the Secret Token: it is kept for the host that it was entered for, and no other.")
    return wanted
