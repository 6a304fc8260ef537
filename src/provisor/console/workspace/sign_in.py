"""Signing in to a workspace's console: through its tenant, or with a one-time link; and out of it, and of the tenant.

The workspace is a relying party of its tenant like any other, and finds out everything at the tenant's own addresses;
that this server answers there is not used for more than getting there (:mod:`provisor.connectors.openid`).
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from provisor.access import jwt, sessions
from provisor.connectors.openid import Registration, end_session_address
from provisor.console import relying_party, site
from provisor.console.page import Page
from provisor.console.relying_party import Place, Trip
from provisor.console.visit import WorkspaceVisit
from provisor.directory import relying_parties, tenants
from provisor.directory.edit import Tenant
from provisor.refusal import NotFound
from provisor.workspace import sign_in, users

#: The first part of the console's addresses.
LETTER: Final = "w"
PAGE = Page("sign_in", "/sign-in", public=True)


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    """Looking at a link does not use it up: mail programs look at links too."""
    token = visit.query("token")
    if not token:
        if visit.signed_in:
            return visit.go("/")
        return visit.render(owner=None, token="", tenant=await tenant(visit), next=visit.query("next"))
    async with visit.house.database.reading() as tx:
        owner = await sign_in.link_owner(tx, visit.workspace, token)
    return visit.render(owner=owner, token=token, tenant=None, next="")


@PAGE.post()
async def submit(visit: WorkspaceVisit) -> Response:
    secret = await sign_in.with_link(visit.house.database, visit.workspace, visit.form.text("token"), visit.actor)
    return await begin(visit, secret, "/")


@PAGE.post("/tenant")
async def through_tenant(visit: WorkspaceVisit) -> Response:
    """On to the tenant. ``again``: it is to ask who somebody is even when it knows."""
    trip = Trip(visit.form.text("next"), again=visit.form.ticked("again"))
    return await relying_party.leave(visit, place(visit), await registration(visit, await asked_tenant(visit)), trip)


@PAGE.post("/end")
async def end(visit: WorkspaceVisit) -> Response:
    return await begin(visit, "", "/sign-in?ended=out")


@PAGE.post("/end-everywhere")
async def end_everywhere(visit: WorkspaceVisit) -> Response:
    if visit.signed_in:
        async with visit.edit() as edit:
            await sign_in.sign_out_everywhere(edit, await users.get(edit.tx, visit.workspace, visit.user_id))
    return await begin(visit, "", "/sign-in?ended=out")


@PAGE.post("/end-tenant")
async def end_at_tenant(visit: WorkspaceVisit) -> Response:
    """On to where one is signed out of the tenant, which leads back here."""
    known = await registration(visit, await asked_tenant(visit))
    provider = await relying_party.provider(visit, known)
    address = end_session_address(provider, known, visit.base + visit.url("/sign-in"))
    if address is None:
        raise NotFound("The tenant has no address at which one is signed out.")
    return relying_party.away(visit, address)


async def begin(visit: WorkspaceVisit, secret: str, path: str) -> Response:
    """Give the browser its session, or take it away, and go on. The one that it had before has ended then."""
    if visit.signed_in:
        async with visit.house.database.transaction() as tx:
            await sessions.close(tx, visit.secret)
    return site.keep(visit, LETTER, visit.workspace.name, secret, visit.go(path))


def place(visit: WorkspaceVisit) -> Place:
    return Place(LETTER, visit.workspace.name, visit.workspace.realm)


async def tenant(visit: WorkspaceVisit) -> Tenant | None:
    """The tenant that the workspace's people sign in through."""
    if visit.workspace.sign_in_tenant is None:
        return None
    try:
        async with visit.house.database.reading() as tx:
            return await tenants.by_id(tx, visit.workspace.sign_in_tenant)
    except NotFound:
        return None


async def asked_tenant(visit: WorkspaceVisit) -> Tenant:
    """As :func:`tenant`. Raises NotFound when there is none."""
    found = await tenant(visit)
    if found is None:
        raise NotFound(
            f"Nobody signs in to {visit.workspace.name} through a tenant: provisor workspace sign-in names one."
        )
    return found


async def registration(visit: WorkspaceVisit, through: Tenant) -> Registration:
    """As whom the tenant knows the workspace: as long as it was never asked, it does not."""
    async with visit.house.database.transaction() as tx:
        party = await relying_parties.ensure_workspace(tx, through, visit.workspace.name)
    return Registration(jwt.issuer(visit.base, through.id), str(party.id))
