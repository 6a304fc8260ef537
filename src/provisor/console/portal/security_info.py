"""*Security info*: what somebody can show beside a password, added and removed by themselves.

Looking at it takes a session. Changing anything takes a proof of the last minutes that it is still them, so that
whoever finds an open browser, or has stolen its session, can make nothing of it that lasts.
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.portal.proving import NO_PASSKEYS, party
from provisor.console.portal.second_factor import prover
from provisor.console.visit import PortalVisit
from provisor.directory import factors, second_factor

PAGE = Page("security_info", "/account/security-info", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        have = await factors.of(tx, visit.tenant, visit.me.id)
    here = party(visit)
    return visit.render(
        have=have,
        may_change=second_factor.may_change(prover(visit).arrival, have),
        prove=_prove(visit, bool(have)),
        party=here,
        no_passkeys="" if here is not None else NO_PASSKEYS,
    )


@PAGE.post("/app/remove")
async def remove_app(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        await second_factor.changing(edit, prover(visit))
        await factors.remove_app(edit, visit.me, visit.secret)
    return await visit.done(PAGE.path, "Your authenticator app is removed.")


@PAGE.post("/passkeys/remove")
async def remove_passkey(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        await second_factor.changing(edit, prover(visit))
        name = await factors.remove_passkey(edit, visit.me, visit.secret, visit.form.text("passkey"))
    return await visit.done(PAGE.path, f"The passkey {name} is removed.")


@PAGE.post("/recovery-codes")
async def codes(visit: PortalVisit) -> Response:
    """Ten new codes, shown once, in the page that asked for them."""
    async with visit.edit() as edit:
        await second_factor.changing(edit, prover(visit))
        made = await factors.renew_codes(edit, visit.me, visit.secret)
    return visit.part("recovery_codes", codes=made)


def _prove(visit: PortalVisit, has_factors: bool) -> str:
    """Where somebody proves once more that it is them, and comes back from."""
    back = {"next": visit.url(PAGE.path)}
    path = "/second-factor?" if has_factors else "/sign-in?again=1&"
    return visit.url(path + urlencode(back))
