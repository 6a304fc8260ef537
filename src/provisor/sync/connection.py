"""*Test Connection* and *Save*: may these credentials provision, and if not, which of the known causes is it.

What the target tells of itself on the way (its schemas, whose token it is) becomes the application's capabilities.
Credentials that fail the test are not saved unless forced.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from provisor.access.actors import Actor
from provisor.access.roles import require
from provisor.connectors.base import NotScim, Target, TargetError
from provisor.directory import applications
from provisor.directory.applications import Application
from provisor.directory.edit import Edit, Tenant, edit
from provisor.provisioning import capabilities
from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.schema import Rules, compile_schema
from provisor.refusal import Conflict
from provisor.scim.wires import WIRES, Wire
from provisor.storage.pool import Database
from provisor.storage.queries import queries
from provisor.sync.answers import owner, probe
from provisor.sync.ledger import Ledger

AUTHORIZED: Final = "The supplied credentials are authorized to enable provisioning"


class Untested(Conflict):
    """The credentials fail the test; ``cause`` is what the target did."""

    def __init__(self, cause: TargetError) -> None:
        super().__init__(f"{cause} Nothing was saved; --force saves it all the same.")
        self.cause = cause


async def test(target: Target, rules: Rules, wire: Wire) -> Capabilities:
    """What the target can do. Raises TargetError whose message names the cause."""
    try:
        await probe(target, rules, wire)
        if wire.lists:
            await target.page("Group", 1, 1)
        schemas, me = await target.schemas(), await owner(target) if wire.lists else None
        config = await target.config() if wire.bulk else None
    except TargetError as error:
        raise TargetError(_cause(error), status=error.status, reached=error.reached, exchange=error.exchange) from None
    return capabilities.read(schemas, me, config)


async def test_application(application: Application, make_target: Callable[[Application], Target]) -> Capabilities:
    """:func:`test` with the application's own address, token and matching attribute."""
    rules, wire = compile_schema(application.schema), WIRES[application.policies.wire]
    target = make_target(application)
    try:
        return await test(target, rules, wire)
    finally:
        await target.close()


async def save(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    application: Application,
    changes: Callable[[Application], Application],
    make_target: Callable[[Application], Target],
    *,
    force: bool = False,
    same: bool = False,
    also: Callable[[Edit], Awaitable[None]] | None = None,
) -> Application:
    """Keep ``changes`` of an application, its connection tested first, and do ``also`` in the same transaction.

    ``changes`` is asked twice: for what to test, and, when it is saved, with the application as it is then. What passed
    the test ends a quarantine: the next cycle is due at once. Raises Untested, with the cause, when the target does not
    take the credentials, and Conflict for another address while accounts are known by their ids at this one, unless it
    is the ``same`` system (or they are forgotten with it).
    """
    require(actor, "provisioning.write", application.id)
    wanted = changes(application)
    learned: Mapping[str, Any] | None = None
    passed = False
    connection = (wanted.tenant_url, wanted.sealed_token)
    if wanted.connected and connection != (application.tenant_url, application.sealed_token):
        try:
            learned, passed = (await test_application(wanted, make_target)).to_json(), True
        except TargetError as error:
            if not force:
                raise Untested(error) from None
            learned = {}
    async with edit(database, tenant, actor) as work:
        before = await applications.locked(work, application.id)
        after = changes(before)
        if before.tenant_url and after.tenant_url != before.tenant_url and not same:
            await _same_system(work, before)
        if learned is not None:
            after = replace(after, capabilities=learned)
        await applications.save(work, before, after, "configure provisioning")
        if passed:
            await Ledger(database, tenant.id, application.id).mended(work.tx)
        if also is not None:
            await also(work)
    return after


async def _same_system(work: Edit, before: Application) -> None:
    """Raises Conflict: at another system the ids of this one's accounts mean nothing, or somebody else."""
    count = await work.tx.fetchval(queries("sync").links, work.tenant.id, before.id)
    if count:
        raise Conflict(
            f"{before.name} knows {count} accounts by their ids at {before.tenant_url}. If the new address is the same "
            "system, say so (--force; in the portal tick it under the address). For another system make another "
            f"application, or forget whose these are first: provisor app stop {before.name}, then provisor app restart "
            f"{before.name} --clear full. Nothing was saved."
        )


def _cause(error: TargetError) -> str:
    """The causes that the page and its readers ask about, in words."""
    said = str(error).rstrip(".")
    if not error.reached:
        return f"The target is not reachable: {said}."
    if error.status in (401, 403):
        return f"The target refuses the secret token: {said}."
    if error.rest is not None:
        return f"The target asks to be left in peace for {error.rest:g} seconds: {said}."
    if isinstance(error, NotScim) or error.status == 404 or error.status in range(300, 400):
        return f"The tenant URL is not that of a SCIM service, like https://host/api/2.0/preview/scim: {said}."
    return f"The target does not answer as a SCIM service should: {said}."
