"""What an administrator tells a job: be On or Off, start over.

Each takes an edit of the directory, so that the switch, its audit row and the feed's entry are one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from provisor import audit
from provisor.directory import applications
from provisor.directory.applications import Application
from provisor.directory.edit import Edit
from provisor.refusal import Conflict
from provisor.storage.queries import queries
from provisor.sync.leavers import how_many
from provisor.sync.ledger import Ledger, stop


class StillLeaving(Conflict):
    """Somebody who left may still be active at a target."""


async def switch(work: Edit, identity: UUID, status: Literal["On", "Off"]) -> Application:
    """*Provisioning Status*; Off also stops a cycle that runs, before its next request.

    Raises Conflict for On without a tenant URL and a secret token.
    """
    work.require("provisioning.run", identity)
    before = await applications.locked(work, identity)
    if status == "On" and not before.connected:
        raise Conflict(f"{before.name} has no Tenant URL and Secret Token yet: save these first (provisor app set).")
    after = replace(before, provisioning=status)
    await applications.save(work, before, after, f"provisioning {status}", may="provisioning.run")
    if status == "Off":
        await stop(work.tx, work.tenant.id, identity)
    return after


async def restart(work: Edit, ledger: Ledger, application: Application, *, full: bool, force: bool = False) -> None:
    """*Clear current state and restart synchronization*; ``full`` also forgets which accounts are whose.

    Raises StillLeaving as :func:`forget` does, unless forced.
    """
    work.require("provisioning.run", application.id)
    if full and not force:
        await forget(work, application)
    await ledger.restart(work.tx, full=full)
    work.touch("Application", application.id)
    after = {"clear": "full" if full else "state"}
    work.record(audit.Entry("restart", f"application {application.name}", str(application.id), after=after))


async def forget(work: Edit, application: Application) -> None:
    """Raises StillLeaving while somebody who left may be active at the target: without links nobody would know it."""
    count = await how_many(work.tx, work.tenant.id, application.id)
    if count:
        raise StillLeaving(
            f"{count} who left may still be active at the target of {application.name}, and nobody would know of them "
            f"any more. provisor leavers {application.name} names them; --force forgets them all the same."
        )
    if await work.tx.fetchval(queries("leavers").unknown, work.tenant.id, application.id):
        raise StillLeaving(
            f"It is not known now who left and may still be active at the target of {application.name}, and nobody "
            f"would know it any more: look with provisor leavers {application.name} first, or say --force."
        )


async def ordered(work: Edit, application: Application, order: str, said: Mapping[str, Any]) -> None:
    """Remember who told a cycle to do something that it would not have done by itself: ``approve plan``, ``release
    plan``, ``provision on demand``, ``revert cycle``."""
    work.require("provisioning.run", application.id)
    work.record(audit.Entry(order, f"application {application.name}", str(application.id), after=said))
