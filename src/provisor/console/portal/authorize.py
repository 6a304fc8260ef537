"""The authorization endpoint: an application asks who somebody is, and the browser carries a code to it.

Who asks and where the answer goes is looked at first; what is wrong with these is said on a page, and nobody is sent
anywhere. Whoever is not signed in does that first and comes back. What a policy wants, or the application, is asked for
in the same way: a second factor, a passkey, a fresh sign-in. That a sign-in *was* fresh is said by ``since`` in the
address to come back to: when it was asked for, sealed together with the request, so that it proves nothing for another
one. It takes the place of the wish, so that nobody is asked twice.

Nobody is asked whether an application may know who they are: the tenant's administrators have said so. They are asked
when the application wants it (``prompt=consent``), and each time by a program on their own machine, which may be any
program there, whatever it calls itself (RFC 8252 §8.6).

The answer is carried in the address to go on to, or, when the application wants it (``response_mode=form_post``), in a
form that a script sends: what stands in addresses is kept in histories and logs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from provisor.access import jwt
from provisor.console import site
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import admission, claims, codes, relying_parties, sign_in, sign_in_log
from provisor.directory.admission import Evidence, Outcome, Verdict
from provisor.directory.authorization_request import FORM_POST, Asked, Declined, Parameters, parameters, read, told
from provisor.directory.relying_parties import RelyingParty, answers_go_to, is_loopback
from provisor.directory.sign_in import Arrival
from provisor.directory.sign_in_log import FAILURE, INTERRUPTED, SUCCESS, Attempt
from provisor.refusal import Invalid, NotFound, Unavailable
from provisor.storage.pool import Tx

PAGE = Page("authorize", "/authorize", public=True)
#: Seconds for which a sign-in that was asked for is a fresh one.
_FRESH: Final = 600.0
_SINCE: Final = "since"
_CONSENT: Final = "consent"


@dataclass(frozen=True, slots=True)
class _Request:
    """A request whose answer may go to its ``redirect``. ``values``: its parameters, to come back with."""

    visit: PortalVisit
    party: RelyingParty
    values: Mapping[str, str]
    issuer: str
    confirmed: bool = False

    @property
    def program(self) -> bool:
        """Whether the answer goes to whatever listens on the person's own machine."""
        return self.party.application is not None and self.party.public and is_loopback(self.values["redirect_uri"])

    @property
    def to_be_confirmed(self) -> bool:
        """Whether the person has yet to say that the application may know who they are."""
        return not self.confirmed and (self.program or _CONSENT in self.values.get("prompt", "").split())

    @property
    def posted(self) -> bool:
        """Whether the answer is to be a form (OAuth 2.0 Form Post Response Mode)."""
        return self.values.get("response_mode") == FORM_POST

    def answer(self, said: Mapping[str, str]) -> dict[str, str]:
        """What an answer says (RFC 6749 §4.1.2, RFC 9207)."""
        state = self.values.get("state")
        return {**said, "iss": self.issuer, **({"state": state} if state else {})}

    def address(self, said: Mapping[str, str]) -> str:
        """The address that the browser carries an answer to."""
        redirect = self.values["redirect_uri"]
        return redirect + ("&" if "?" in redirect else "?") + urlencode(self.answer(said))

    def page(self, said: Mapping[str, str], *, status: int = 200, sentence: str = "", ask: bool = False) -> Response:
        """A page with a way on to the application, with this answer; it goes by itself when there is nothing to say."""
        page = self.visit.render(
            status=status,
            party=self.party,
            sentence=sentence,
            asked=urlencode(self.values) if ask else "",
            program=self.program,
            redirect=self.values["redirect_uri"] if self.posted else self.address(said),
            carried=self.answer(said) if self.posted else {},
        )
        if self.posted:
            # Chrome applies it to every redirect after a form, too, and where the application sends on to is its own.
            name = "Content-Security-Policy"
            page.headers[name] = site.HEADERS[name].replace("form-action 'self'", "form-action *")
        return page

    def send(self, said: Mapping[str, str]) -> Response:
        """Let the browser carry an answer."""
        if self.posted:
            return self.page(said)
        if self.visit.partial:
            return Response(status_code=204, headers={"HX-Redirect": self.address(said)})
        return RedirectResponse(self.address(said), status_code=303)

    def decline(self, error: str, sentence: str) -> Response:
        return self.send(told(error, sentence))

    def go(self, page: str, since: float | None = None, **more: str) -> Response:
        """On to a page of the portal, and back to here when that is done; ``since`` when a fresh sign-in is wanted."""
        values = dict(self.values)
        if since is not None:
            prompt = values.pop("prompt", "").split()
            values |= {"prompt": _CONSENT} if _CONSENT in prompt else {}
            sealed = self.visit.house.box.seal(repr(since), self._about(values))
            values[_SINCE] = base64.urlsafe_b64encode(sealed).decode()
        back = self.visit.url(f"{PAGE.path}?{urlencode(values)}")
        return self.visit.go(f"{page}?{urlencode({**more, 'next': back})}")

    def since(self) -> float | None:
        """When a fresh sign-in was asked for, on the database's clock; None when it was not, or not for this."""
        try:
            sealed = base64.b64decode(self.values.get(_SINCE, ""), altchars=b"-_", validate=True)
            return float(self.visit.house.box.open(sealed, self._about(self.values)))
        except (binascii.Error, ValueError, Unavailable):
            return None

    def _about(self, values: Mapping[str, str]) -> str:
        said = urlencode(sorted((name, value) for name, value in values.items() if name not in (_SINCE, "prompt")))
        return f"authorize/{self.visit.tenant.id}/{hashlib.sha256(said.encode()).hexdigest()}"


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return await _shown(visit, visit.request.url.query, confirmed=False)


@PAGE.post()
async def submit(visit: PortalVisit) -> Response:
    """Whoever is signed in has said that it was they who began this."""
    return await _shown(visit, visit.form.raw("asked"), confirmed=visit.signed_in)


async def _shown(visit: PortalVisit, query: str, *, confirmed: bool) -> Response:
    given = parameters(query)
    party, issuer = await _party(visit, given), jwt.issuer(visit.base, visit.tenant.id)
    request = _Request(visit, party, given.values, issuer, confirmed)
    try:
        asked = read(given)
        async with visit.house.database.transaction() as tx:
            arrival = await sign_in.arrive(tx, visit.tenant, visit.secret) if visit.signed_in else None
            return await _answered(tx, request, asked, arrival)
    except Declined as declined:
        return request.decline(declined.error, declined.sentence)


async def _party(visit: PortalVisit, given: Parameters) -> RelyingParty:
    """Who asks, when the answer may go to where it is to go. Raises Invalid."""
    client, redirect = given.single("client_id"), given.single("redirect_uri")
    async with visit.house.database.reading() as tx:
        try:
            party = await relying_parties.find(tx, visit.tenant, client)
        except NotFound as error:
            raise Invalid(f"{error} Go back to the application, and tell whoever runs it.") from None
    if not answers_go_to(party, redirect, visit.base):
        raise Invalid(
            f"{party.name} has not registered the redirect_uri to which it wants the answer: nobody is sent there. Go "
            "back to the application, and tell whoever runs it."
        )
    return party


async def _answered(tx: Tx, request: _Request, asked: Asked, arrival: Arrival | None) -> Response:
    """The answer for whoever arrives. Raises Declined before anything is written."""
    now = await codes.clock(tx)
    wished = bool(asked.prompt & {"login", "select_account"})
    hint = {"hint": asked.login_hint} if asked.login_hint else {}
    if arrival is None:
        if "none" in asked.prompt:
            raise Declined("login_required", "Nobody is signed in.")
        return request.go("/sign-in", now if wished or asked.max_age is not None else None, **hint)
    since = request.since()
    fresh = since is not None and since <= now - arrival.age and now - since < _FRESH
    if not fresh and (wished or (asked.max_age is not None and arrival.age > asked.max_age)):
        if "none" in asked.prompt:
            raise Declined("login_required", "The sign-in is older than is asked for.")
        return request.go("/sign-in", now, again="1", **hint)
    await _same_person(tx, request, asked, arrival)
    # A sign-in that was made because it was asked for is of now: nobody is asked twice, but for everything else.
    verdict = await _verdict(tx, request, asked, arrival, 0.0 if fresh else arrival.age)
    if verdict.outcome is Outcome.GRANTED and request.to_be_confirmed:
        if "none" in asked.prompt:
            raise Declined("consent_required", "A program on somebody's own machine is let on by them alone.")
        return request.page(told("access_denied", "They did not want to go on."), ask=True)
    await _record(tx, request, arrival, verdict)
    if verdict.outcome is Outcome.GRANTED:
        issued = await codes.issue(
            tx, request.visit.tenant, request.party, asked, request.issuer, request.visit.secret, arrival
        )
        return request.send({"code": issued})
    return _refused(request, verdict, now, silent="none" in asked.prompt)


def _refused(request: _Request, verdict: Verdict, now: float, *, silent: bool) -> Response:
    """Ask for more, or say why not: the person, or the application when it wants nobody asked."""
    sentence = verdict.sentence or "More is needed than this sign-in has shown."
    match verdict.outcome:
        case Outcome.BLOCKED if silent:
            return request.decline("access_denied", sentence)
        case Outcome.BLOCKED:
            return request.page(told("access_denied", sentence), status=403, sentence=sentence)
        case Outcome.FRESH if silent:
            return request.decline("login_required", sentence)
        case Outcome.FRESH:
            return request.go("/sign-in", now, again="1")
        case _ if silent:
            return request.decline("interaction_required", sentence)
        case Outcome.PASSKEY:
            return request.go("/second-factor", need="passkey")
        case _:
            return request.go("/second-factor")


async def _same_person(tx: Tx, request: _Request, asked: Asked, arrival: Arrival) -> None:
    """Raises Declined when the application means somebody else than who is signed in."""
    if not asked.id_token_hint:
        return
    found = await claims.hinted(tx, request.visit.tenant, request.visit.base, asked.id_token_hint)
    if found is None:
        raise Declined("invalid_request", "The id_token_hint is no ID token of this tenant.")
    if found[1] != str(arrival.user.id):
        raise Declined("login_required", "Somebody else is signed in than the id_token_hint names.")


async def _verdict(tx: Tx, request: _Request, asked: Asked, arrival: Arrival, age: float) -> Verdict:
    tenant, party = request.visit.tenant, request.party
    if party.application is not None and not await relying_parties.is_for(tx, tenant, party.application, arrival.user):
        return Verdict(
            Outcome.BLOCKED,
            f"{arrival.user.upn} is not assigned to {party.name}: an administrator of the tenant, or an owner of the "
            "application, can assign you or a group of yours.",
        )
    evidence = Evidence(arrival.methods, age, request.visit.address)
    verdict = await admission.admit(tx, tenant, arrival.user, party.resource, evidence)
    wanting = claims.wanting(arrival.methods, asked.acr)
    if verdict.outcome is not Outcome.GRANTED or wanting is None:
        return verdict
    outcome = Outcome.PASSKEY if wanting == claims.PHISHING_RESISTANT else Outcome.FACTOR
    return Verdict(outcome, f"{party.name} asks for {wanting}.", verdict.policies)


async def _record(tx: Tx, request: _Request, arrival: Arrival, verdict: Verdict) -> None:
    outcome = {Outcome.GRANTED: SUCCESS, Outcome.BLOCKED: FAILURE}.get(verdict.outcome, INTERRUPTED)
    attempt = Attempt(
        arrival.user,
        request.party.resource,
        request.visit.address,
        arrival.methods,
        outcome,
        verdict.sentence,
        verdict.policies,
    )
    await sign_in_log.record(tx, request.visit.tenant, attempt)
