"""The page on which somebody shows a second factor: after the password, or once more in a session that is theirs.

Whoever must show one and has none adds it here and now. It is the one page, with that of signing in, that a pending
session opens; what it opens in a session that is one already leads back to where somebody wanted to go.
"""

from __future__ import annotations

from urllib.parse import urlencode

import segno
from starlette.responses import JSONResponse, Response

from provisor.access import recovery_codes, sessions, totp
from provisor.console.page import Page
from provisor.console.portal.proving import NO_PASSKEYS, needed_party, party
from provisor.console.portal.sign_in import begin, device
from provisor.console.visit import PortalVisit
from provisor.directory import factors, second_factor
from provisor.directory.admission import Outcome, two_factors
from provisor.directory.second_factor import Prover
from provisor.directory.sign_in import Begun

PAGE = Page("second_factor", "/second-factor", action="account.own", pending=True)


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    mine, here = prover(visit), party(visit)
    async with visit.house.database.reading() as tx:
        have = await factors.of(tx, visit.tenant, visit.me.id)
        asked = await second_factor.asked(tx, mine)
    only_passkey = asked.outcome is Outcome.PASSKEY or visit.query("need") == "passkey"
    may_add = second_factor.may_change(mine.arrival, have)
    usable = [key for key in have.passkeys if here is not None and key.rp_id == here.rp_id]
    enough = mine.arrival.pending and two_factors(mine.arrival.methods)
    # Who has no passkey shows what there is first: then one can be added.
    code = bool(have) and not enough and (not only_passkey or (not usable and not may_add))
    return visit.render(
        have=have,
        usable=usable,
        code=code,
        only_passkey=only_passkey,
        # Whoever has something to show is not led to add more, unless it must be a passkey and there is none.
        add_app=may_add and not have and not only_passkey,
        add_passkey=may_add and not usable and (not have or only_passkey) and here is not None,
        may_add=may_add,
        no_passkeys="" if here is not None else NO_PASSKEYS,
        next=visit.query("next"),
        here=f"{visit.url('/second-factor')}?{visit.request.url.query}",
    )


@PAGE.post("/code")
async def code(visit: PortalVisit) -> Response:
    typed = visit.form.text("code")
    begun = await second_factor.with_code(prover(visit), visit.house.box, typed)
    if recovery_codes.looks_like_one(typed):
        async with visit.house.database.reading() as tx:
            left = (await factors.of(tx, visit.tenant, visit.me.id)).codes
        await _note(visit, begun, f"You have {left} recovery codes left: make new ones on Security info.", "warning")
    return begin(visit, begun, visit.form.text("next"))


@PAGE.post("/passkey/options")
async def passkey_options(visit: PortalVisit) -> Response:
    """What the browser's script asks an authenticator for."""
    return JSONResponse(await second_factor.ask_passkey(prover(visit), needed_party(visit)))


@PAGE.post("/passkey")
async def passkey(visit: PortalVisit) -> Response:
    begun = await second_factor.with_passkey(prover(visit), needed_party(visit), visit.form.raw("answer"))
    return begin(visit, begun, visit.form.text("next"))


@PAGE.post("/app")
async def new_app(visit: PortalVisit) -> Response:
    """A key for an authenticator app, in the page that asked for it."""
    async with visit.edit() as edit:
        await second_factor.changing(edit, prover(visit))
        key = await factors.begin_app(edit, visit.house.box, visit.me, visit.secret)
    uri = totp.uri(key, visit.me.upn, f"{factors.ISSUER} {visit.tenant.domain}")
    code = segno.make(uri, error="m").svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
    return visit.part("new_app", uri=uri, key=totp.spaced(key), qr=code, next=visit.form.text("next"))


@PAGE.post("/app/add")
async def add_app(visit: PortalVisit) -> Response:
    begun = await second_factor.add_app(prover(visit), visit.house.box, visit.form.text("code"))
    await _note(
        visit, begun, "Your authenticator app is added. Make recovery codes on Security info, in case you lose it."
    )
    return begin(visit, begun, visit.form.text("next"))


@PAGE.post("/passkey/new/options")
async def new_passkey_options(visit: PortalVisit) -> Response:
    """What the browser's script asks an authenticator to make."""
    async with visit.edit() as edit:
        await second_factor.changing(edit, prover(visit))
        return JSONResponse(await factors.begin_passkey(edit, visit.me, visit.secret, needed_party(visit)))


@PAGE.post("/passkey/new")
async def new_passkey(visit: PortalVisit) -> Response:
    mine, here = prover(visit), needed_party(visit)
    answer, name = visit.form.raw("answer"), visit.form.text("name")
    challenge = await factors.asked_passkey(visit.house.database, visit.secret)
    async with visit.edit() as edit:
        await second_factor.changing(edit, mine)
        await factors.add_passkey(edit, visit.me, visit.secret, here, challenge, answer, name)
        await second_factor.added(edit, mine, "A passkey was added.")
    if visit.form.text("then") == "prove":
        # It is added; that it is in their hands is shown by using it.
        return visit.go("/second-factor" + _query(visit))
    return await visit.done("/account/security-info", "Your passkey is added.")


def prover(visit: PortalVisit) -> Prover:
    if visit.arrival is None:
        raise AssertionError("nobody is signed in")
    return Prover(visit.house.database, visit.tenant, visit.arrival, visit.secret, visit.actor, device(visit))


def _query(visit: PortalVisit) -> str:
    values = {name: value for name in ("next", "need") if (value := visit.form.text(name))}
    return "?" + urlencode(values) if values else ""


async def _note(visit: PortalVisit, begun: Begun, sentence: str, kind: str = "success") -> None:
    """The session's next page says it first; the session has another secret by now."""
    if begun.session and not begun.pending:
        async with visit.house.database.transaction() as tx:
            await sessions.notice(tx, begun.session, {"kind": kind, "text": sentence})
