"""To the tenant's provider and back: signed in then, shown whom one is to be connected with, or with the sentence that
says why not."""

from __future__ import annotations

from starlette.responses import Response

from provisor.access import sessions
from provisor.console import relying_party, site
from provisor.console.page import Page
from provisor.console.portal.external import chosen, opened, place, sealed
from provisor.console.portal.sign_in import begin
from provisor.console.relying_party import Trip
from provisor.console.visit import PortalVisit
from provisor.directory import external, sign_in
from provisor.directory.external import UnknownSubject
from provisor.refusal import Forbidden, Refusal

PAGE = Page("signed_in", "/signed-in", public=True)


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    try:
        return relying_party.forget(visit, place(visit), await _finish(visit))
    except Refusal as error:
        subject = error.subject if isinstance(error, UnknownSubject) else ""
        return visit.render(sentence=str(error), subject=subject, provider=None, status=site.status_of(error))


@PAGE.post("/begin")
async def leave(visit: PortalVisit) -> Response:
    """On to the provider. ``again``: it is to ask who somebody is even when it knows."""
    _, registration = await chosen(visit)
    trip = Trip(visit.form.text("next"), again=visit.form.ticked("again"))
    return await relying_party.leave(visit, place(visit), registration, trip)


@PAGE.post("/connect", action="account.own")
async def connect(visit: PortalVisit) -> Response:
    """Connect whoever was shown as whom."""
    provider, registration = await chosen(visit)
    subject = opened(visit, registration, visit.form.raw("identity"))
    async with visit.edit() as edit:
        await external.connect(edit, visit.me, provider, subject)
    return await visit.done("/account", f"You can sign in with {provider.name} from now on, as the subject {subject}.")


async def _finish(visit: PortalVisit) -> Response:
    provider, registration = await chosen(visit)
    identity, kept = await relying_party.arrived(visit, place(visit), registration)
    if not kept.subject:
        begun = await sign_in.with_external(
            visit.house.database, visit.tenant, provider, identity, visitor=visit.actor, asked=kept.max_age == 0
        )
        if visit.signed_in and begun.session:
            # A session that has been proved again is another one.
            async with visit.house.database.transaction() as tx:
                await sessions.close(tx, visit.secret)
        return begin(visit, begun, kept.destination)
    if not visit.signed_in or str(visit.me.id) != kept.subject:
        raise Forbidden("You are not signed in any more as whoever wanted to be connected: sign in and connect again.")
    return visit.render(provider=provider, identity=identity, sealed=sealed(visit, registration, identity))
