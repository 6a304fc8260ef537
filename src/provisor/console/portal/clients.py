"""*API clients*: programs that sign in as themselves, with one directory role; made, renewed and deleted.

A secret is shown once, in the answer to the form that asked for it: no page that can be loaded again has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starlette.responses import Response

from provisor.access.roles import DIRECTORY_ROLES, covers
from provisor.console.page import Page
from provisor.console.templating import moment
from provisor.console.visit import PortalVisit
from provisor.directory import clients
from provisor.directory.clients import OVERLAP, NewSecret
from provisor.refusal import Invalid
from provisor.storage.pool import Row

PAGE = Page("clients", "/clients", action="client.read")
_HOUR: Final = timedelta(hours=1)
#: More hours than any secret is kept for, and few enough to be a span of time.
_TOO_MANY: Final = 10**6


@dataclass(frozen=True, slots=True)
class Shown:
    """A client; ``changeable``: whoever looks may renew its secret and delete it."""

    row: Row
    changeable: bool


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    writable = visit.may("client.write")
    async with visit.house.database.reading() as tx:
        rows = await clients.everyone(tx, visit.tenant)
    return visit.render(
        clients=[Shown(row, writable and covers(visit.actor, row["role"])) for row in rows],
        roles=[("", "Choose …"), *((role, role) for role in DIRECTORY_ROLES if covers(visit.actor, role))],
        hours=OVERLAP // _HOUR,
    )


@PAGE.post("", action="client.write")
async def create(visit: PortalVisit) -> Response:
    role = visit.form.text("role")
    if not role:
        raise Invalid("Choose a role: a client may what it allows, and no more.")
    async with visit.edit() as edit:
        made = await clients.create(edit, visit.form.text("name"), role)
    return await _once(visit, made, f"{made.name} is a client now")


@PAGE.post("/renew", action="client.write")
async def renew(visit: PortalVisit) -> Response:
    if not visit.form.text("hours"):
        raise Invalid("Say for how many hours the secret before still counts; 0 ends it at once.")
    hours = visit.form.number("hours", "The number of hours")
    overlap = timedelta(hours=hours) if abs(hours) < _TOO_MANY else timedelta.max
    async with visit.edit() as edit:
        made = await clients.renew(edit, str(visit.form.id("client")), overlap)
    before = f"counts until {moment(made.old_until)}" if made.old_until else "is refused from now on"
    return await _once(visit, made, f"{made.name} has another secret; the one before {before}")


@PAGE.post("/delete", action="client.write")
async def delete(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        await clients.delete(edit, str(visit.form.id("client")))
    return await visit.done("/clients", "The client is deleted: its secrets and tokens are refused from now on.")


async def _once(visit: PortalVisit, made: NewSecret, what: str) -> Response:
    """What a program needs to sign in, named as it is named there."""
    tenant = visit.tenant.id
    values = {
        "tenant_id": tenant,
        "client_id": made.client,
        "client_secret": made.value,
        "token_endpoint": f"{await visit.house.public_url()}/{tenant}/oauth2/v2.0/token",
    }
    return visit.part("client_secret", what=what, client=made.client, values=values)
