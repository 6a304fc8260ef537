"""Showing a second factor: a code, a recovery code, or a passkey, in a session that waits for it or to go on further.

After the password the session of somebody who has a factor, or who is asked for one, is pending: it opens the one
page that asks. What is shown there is added to what was proved, under a new secret; once it is enough, the session is
a sign-in. In a session that is one already the same is a proof that it is still them, which changing one's factors
needs, and applications may ask for. A passkey can be a whole sign-in, too, with no password before it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import structlog

from provisor import audit
from provisor.access import challenges, passkeys, passwords, recovery_codes, sessions, totp
from provisor.access.actors import Actor
from provisor.access.passkeys import Answer, Party
from provisor.access.secrets import SecretBox
from provisor.directory import external, factors, sign_in, sign_in_log, users
from provisor.directory.admission import (
    GRANTED,
    PASSKEY,
    PORTAL,
    RECOVERY_CODE,
    TOTP,
    Evidence,
    Outcome,
    Verdict,
    admit,
    two_factors,
)
from provisor.directory.edit import QUERIES as DIRECTORY
from provisor.directory.edit import Edit, Tenant, edit
from provisor.directory.sign_in import MORE, Arrival, Begun, arrive, completed, ended
from provisor.directory.sign_in_log import FAILURE, INTERRUPTED, SUCCESS, Attempt
from provisor.refusal import Forbidden
from provisor.storage.pool import Database, Tx
from provisor.storage.queries import queries

QUERIES = queries("factors")
#: Seconds for which a proof of who one is counts as fresh enough to change one's factors.
RECENT: Final = 300.0
#: Wrong codes of one account in an hour, from everywhere but browsers that it knows: a code has six digits.
CODES_AT_ACCOUNT: Final = 20
_CODE: Final = "/code"
_PASSKEY: Final = "/passkey"
_PROVE: Final = "show a passkey"
_WRONG: Final = "That code is wrong, or was used already: wait for the next one, or use a recovery code."
_ENDED: Final = "Your session has ended: sign in again."
_UNKNOWN: Final = "This passkey is not known here: sign in with your password."
_COPIED: Final = (
    "This passkey's counter went back, as if there were a copy of it: it is refused. Remove it, and make another."
)
_LOG = structlog.get_logger("provisor.console")


@dataclass(frozen=True, slots=True)
class Prover:
    """Who shows something: the session's owner, from where the ``visitor`` is; ``device`` as in a sign-in."""

    database: Database
    tenant: Tenant
    arrival: Arrival
    session: str
    visitor: Actor
    device: str

    @property
    def account(self) -> str:
        return str(self.arrival.user.id)


async def asked(tx: Tx, prover: Prover) -> Verdict:
    """What a pending session still waits for; one that waits for nothing is as if somebody had gone on."""
    if not prover.arrival.pending:
        return GRANTED
    return await _admitted(tx, prover, prover.arrival.methods)


def may_change(arrival: Arrival, have: factors.Factors | bool) -> bool:
    """Whether this session may change its owner's factors, of which they ``have`` some or none.

    Pending, it may when there is none yet, or when two have been shown (a passkey is asked for, and there is none):
    whoever has stolen a password must not add a factor to those that would have kept them out.
    """
    if arrival.pending:
        return not have or two_factors(arrival.methods)
    return arrival.age <= RECENT


async def changing(work: Edit, prover: Prover) -> None:
    """Look again, now that nobody else changes the person, whether this session may. Raises Forbidden."""
    arrival = await _still(work.tx, prover)
    if not may_change(arrival, await factors.has_any(work.tx, work.tenant, arrival.user.id)):
        raise Forbidden("To change this, prove once more that it is you: load the page again.")


async def add_app(prover: Prover, box: SecretBox, code: str) -> Begun:
    """The app that was begun in this session shows its first ``code``: it is added, and a factor has been shown."""
    async with edit(prover.database, prover.tenant, prover.visitor) as work:
        await changing(work, prover)
        await factors.add_app(work, box, prover.arrival.user, prover.session, code)
        await added(work, prover, "An authenticator app was added.")
        return await _proved(work.tx, prover, TOTP, "")


async def added(work: Edit, prover: Prover, sentence: str) -> None:
    """Write into the sign-in log that somebody added a factor before they were signed in."""
    if prover.arrival.pending:
        arrival = prover.arrival
        user, methods = arrival.user, arrival.methods
        await ended(work.tx, prover.tenant, user, prover.visitor, methods, INTERRUPTED, GRANTED, sentence)


async def with_code(prover: Prover, box: SecretBox, code: str) -> Begun:
    """Show a code of the app, or a recovery code. Raises Forbidden: with how long to wait after many wrong ones."""
    place = await passwords.count_try(
        prover.database,
        prover.tenant.realm,
        prover.account,
        prover.visitor.address,
        prover.device,
        what=_CODE,
        most=CODES_AT_ACCOUNT,
    )
    async with prover.database.transaction() as tx:
        await _still(tx, prover)
        method = await _right(tx, prover, box, code)
        if method is not None:
            await passwords.forgive(tx, prover.tenant.realm, prover.account + _CODE, place)
            return await _proved(tx, prover, method, place)
        await _failed(tx, prover, _WRONG)
    raise Forbidden(_WRONG)


async def ask_passkey(prover: Prover, party: Party) -> dict[str, Any]:
    """What the browser is asked for: one of the owner's passkeys."""
    async with prover.database.transaction() as tx:
        have = await factors.of(tx, prover.tenant, prover.arrival.user.id)
        known = [(key.id, key.transports) for key in have.passkeys if key.rp_id == party.rp_id]
        if not known:
            raise Forbidden("You have no passkey for this address.")
        challenge, options = passkeys.to_prove(party, known)
        await challenges.ask(tx, prover.session, _PROVE, challenge, challenges.PASSKEY_SECONDS)
    return options


async def with_passkey(prover: Prover, party: Party, answer: str) -> Begun:
    """Show a passkey. Raises Forbidden, Invalid."""
    given, challenge = passkeys.read(answer), await _taken(prover.database, prover.session)
    async with prover.database.transaction() as tx:
        await _still(tx, prover)
        shown = await _signed(tx, prover.tenant, party, challenge, given)
        if shown.whose != prover.arrival.user.id:
            shown = _Shown(None, _UNKNOWN)
        if not shown.refused:
            return await _proved(tx, prover, PASSKEY, "")
        if shown.refused == _COPIED:
            await _copied(tx, prover.tenant, prover.arrival.user, prover.visitor)
        await _failed(tx, prover, shown.refused)
    raise Forbidden(shown.refused)


async def ask_anybody(database: Database, holder: str, party: Party) -> dict[str, Any]:
    """What a browser that nobody has signed in with yet, and that keeps ``holder``, is asked for: any passkey."""
    challenge, options = passkeys.to_prove(party)
    async with database.transaction() as tx:
        await challenges.ask(tx, holder, _PROVE, challenge, challenges.PASSKEY_SECONDS)
    return options


async def sign_in_with_passkey(
    database: Database, tenant: Tenant, party: Party, holder: str, answer: str, *, visitor: Actor, device: str
) -> Begun:
    """Sign in with a passkey and nothing else. Raises Forbidden, after many wrong answers with how long to wait, and
    Invalid."""
    given, challenge = passkeys.read(answer), await _taken(database, holder)
    user = None
    async with database.transaction() as tx:
        shown = await _signed(tx, tenant, party, challenge, given, nameless=True)
        refused = shown.refused
        if shown.whose is not None:
            rows = await tx.fetch(DIRECTORY.users_by_id, tenant.id, [shown.whose])
            user = users.from_row(rows[0]) if rows else None
            if user is None or not user.enabled or user.recycled:
                refused = refused or "Whoever this passkey belongs to is disabled or deleted and cannot sign in."
            elif not await external.signs_in_here(tx, tenant, user):
                refused = refused or sign_in.ELSEWHERE
        if not refused and user is not None:
            return await sign_in.otherwise(tx, tenant, user, {PASSKEY}, visitor=visitor, device=device)
        if refused == _COPIED and user is not None:
            await _copied(tx, tenant, user, visitor)
    # A right answer is never kept waiting; wrong ones are, so that nobody fills the log with them.
    account = f"{user.id}{_PASSKEY}" if user else _PASSKEY
    await passwords.count_try(database, tenant.realm, account, visitor.address, "")
    async with database.transaction() as tx:
        attempt = Attempt(user, PORTAL, visitor.address, frozenset({PASSKEY}), FAILURE, refused)
        await sign_in_log.record(tx, tenant, attempt)
    raise Forbidden(refused)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Whose passkey it is, as far as that is known, and why it proves nothing (empty when it does)."""

    whose: Any
    refused: str = ""


async def _signed(
    tx: Tx, tenant: Tenant, party: Party, challenge: bytes, answer: Answer, *, nameless: bool = False
) -> _Shown:
    """Check an answer and count it. ``nameless``: nobody has said who they are, so the authenticator has to."""
    row = await tx.fetchrow(QUERIES.passkey_lock, tenant.id, answer.id)
    if row is None or row["rp_id"] != party.rp_id:
        return _Shown(None, _UNKNOWN)
    if answer.handle != row["user_id"].bytes and (nameless or answer.handle is not None):
        return _Shown(None, _UNKNOWN)
    try:
        count = passkeys.proved(party, challenge, answer, row["public_key"])
    except Forbidden as error:
        return _Shown(row["user_id"], str(error))
    if passkeys.went_back(row["sign_count"], count):
        return _Shown(row["user_id"], _COPIED)
    await tx.execute(QUERIES.passkey_used, tenant.id, answer.id, count)
    return _Shown(row["user_id"])


async def _taken(database: Database, holder: str) -> bytes:
    """The challenge, once: in a transaction of its own, so that a wrong answer has used it up as well."""
    async with database.transaction() as tx:
        challenge = await challenges.take(tx, holder, _PROVE) if holder else None
    if challenge is None:
        raise Forbidden(factors.LATE)
    return challenge


async def _right(tx: Tx, prover: Prover, box: SecretBox, code: str) -> str | None:
    """Use up a code; which method it is of, None when it is not right."""
    tenant, user = prover.tenant, prover.arrival.user
    if recovery_codes.looks_like_one(code):
        if await tx.fetchval(QUERIES.code_use, tenant.id, user.id, recovery_codes.digest(code)) is None:
            return None
        left = (await tx.fetchrow(QUERIES.codes_left, tenant.id, user.id))["remaining"]
        entry = audit.Entry("use recovery code", f"user {user.upn}", str(user.id), after={"left": left})
        await audit.record(tx, f"tenant/{tenant.name}", prover.visitor, [entry])
        return RECOVERY_CODE
    row = await tx.fetchrow(QUERIES.app, tenant.id, user.id)
    if row is None:
        return None
    key = box.open(row["sealed"], factors.app_row(tenant, user.id))
    step = totp.step_of(key, code, time.time(), row["step"])
    if step is None or await tx.fetchval(QUERIES.app_used, tenant.id, user.id, step) is None:
        return None
    return TOTP


async def _proved(tx: Tx, prover: Prover, method: str, place: str) -> Begun:
    """``method`` was shown: the session goes on under another secret, and is a sign-in when that is enough."""
    arrival, tenant, visitor = prover.arrival, prover.tenant, prover.visitor
    user, methods = arrival.user, arrival.methods | {method}
    verdict = GRANTED
    if arrival.pending:
        verdict = await _admitted(tx, prover, methods)
        if verdict.outcome is Outcome.BLOCKED:
            await sessions.close(tx, prover.session)
            await ended(tx, tenant, user, visitor, methods, FAILURE, verdict, verdict.sentence)
            return Begun("", "", verdict)
    pending = verdict.outcome in MORE
    fresh = await sessions.prove(tx, prover.session, methods, pending=pending)
    if fresh is None:
        raise Forbidden(_ENDED)
    if pending:
        await ended(tx, tenant, user, visitor, methods, INTERRUPTED, verdict, "A passkey is asked for.")
        return Begun(fresh, "", verdict, pending=True)
    if not arrival.pending:
        await ended(tx, tenant, user, visitor, methods, SUCCESS, verdict)
        return Begun(fresh, "", verdict)
    known = await passwords.know(tx, tenant.realm, prover.account, place, prover.device)
    await completed(tx, tenant, user, visitor, methods, verdict)
    return Begun(fresh, known, verdict)


async def _admitted(tx: Tx, prover: Prover, methods: frozenset[str]) -> Verdict:
    evidence = Evidence(methods, 0.0, prover.visitor.address)
    return await admit(tx, prover.tenant, prover.arrival.user, PORTAL, evidence)


async def _still(tx: Tx, prover: Prover) -> Arrival:
    """The session as it is now, with nobody else changing the person until this transaction ends. Raises Forbidden."""
    await tx.execute(DIRECTORY.users_lock, prover.tenant.id, [prover.arrival.user.id])
    found = await arrive(tx, prover.tenant, prover.session, pending=prover.arrival.pending)
    if found is None:
        raise Forbidden(_ENDED)
    return found


async def _failed(tx: Tx, prover: Prover, sentence: str) -> None:
    arrival = prover.arrival
    _LOG.warning("second factor refused", tenant=prover.tenant.name, address=prover.visitor.address)
    await ended(tx, prover.tenant, arrival.user, prover.visitor, arrival.methods, FAILURE, GRANTED, sentence)


async def _copied(tx: Tx, tenant: Tenant, user: users.User, visitor: Actor) -> None:
    entry = audit.Entry("refuse passkey", f"user {user.upn}", str(user.id), after={"reason": "its counter went back"})
    actor = Actor(str(user.id), user.upn, address=visitor.address, request=visitor.request)
    await audit.record(tx, f"tenant/{tenant.name}", actor, [entry])
