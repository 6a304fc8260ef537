"""Where a browser comes back to from the workspace's tenant: signed in, or with the sentence that says why not."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console import relying_party, site
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace.sign_in import asked_tenant, begin, place, registration, tenant
from provisor.directory import claims
from provisor.refusal import Refusal
from provisor.workspace import openid_sign_in
from provisor.workspace.openid_sign_in import Person

PAGE = Page("signed_in", "/signed-in", public=True)


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    try:
        return relying_party.forget(visit, place(visit), await _finish(visit))
    except Refusal as error:
        return visit.render(sentence=str(error), tenant=await tenant(visit), status=site.status_of(error))


async def _finish(visit: WorkspaceVisit) -> Response:
    through = await asked_tenant(visit)
    identity, kept = await relying_party.arrived(visit, place(visit), await registration(visit, through))
    # The tenant is the same whatever the server is called by whoever comes.
    known = identity.claims.get(claims.ACCOUNTS)
    person = Person(
        through.domain,
        through.realm,
        identity.subject,
        identity.name,
        identity.issuer,
        tuple(map(str, known)) if isinstance(known, list) else (),
        identity.claims.get(claims.NAME_TAKEN) is True,
    )
    secret = await openid_sign_in.with_identity(visit.house.database, visit.workspace, person, visit.actor)
    wanted = kept.destination.removeprefix(visit.start) if site.stays(visit.start, kept.destination) else "/"
    return await begin(visit, secret, wanted)
