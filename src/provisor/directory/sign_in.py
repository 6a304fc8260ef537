"""Signing in to a tenant's portal: a one-time link to set a password, the password, and the session that follows.

Accounts are local to the tenant. A link (to set the first password, or a new one) is made by whoever may give roles, or
on the machine itself. What a session may do is read with every request, so that a disabled person, a role taken away
and a signed-out session count from the next one on.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from provisor import audit
from provisor.access import passwords, sessions
from provisor.access.actors import Actor
from provisor.connectors.openid import Identity
from provisor.directory import external, factors, sign_in_log, users
from provisor.directory.admission import GRANTED, LINK, PASSWORD, PORTAL, Evidence, Outcome, Verdict, admit, two_factors
from provisor.directory.edit import QUERIES, Edit, Tenant
from provisor.directory.external import ExternalProvider
from provisor.directory.sign_in_log import FAILURE, INTERRUPTED, SUCCESS, Attempt
from provisor.directory.users import User
from provisor.refusal import Forbidden, NotFound
from provisor.storage.pool import Database, Tx

LINK_LIFETIME: Final = timedelta(hours=24)
_FACTOR: Final = "A second factor is asked for."
_WRONG: Final = "The user name or the password is wrong."
ELSEWHERE: Final = (
    "You sign in with the provider that this tenant sends its people to; a password, or a passkey from here, is for "
    "Global Administrators only."
)
#: What may ask for more than was shown, and does until it is.
MORE: Final = frozenset({Outcome.FACTOR, Outcome.PASSKEY})
_VOID: Final = "This link is not good, or not any more: it was used, or is older than a day. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of a session: whose, and what its next page says first (``notice``). ``stale``: note its use.

    ``methods`` are those by which they have proved who they are, ``age`` seconds ago; ``pending``: not with enough yet.
    """

    actor: Actor
    user: User
    notice: Mapping[str, Any] | None
    stale: bool
    methods: frozenset[str]
    age: float
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What the browser keeps: the ``session``'s secret, and one by which it is known at the next sign-in.

    ``verdict`` is what was decided: there is no session when it is to block, or to sign in afresh. A ``pending``
    session is no sign-in yet: its owner has to show a second factor, and the browser is not known before.
    """

    session: str
    device: str
    verdict: Verdict = GRANTED
    pending: bool = False


async def set_up_link(work: Edit, user: User) -> str:
    """The secret of a link with which ``user`` sets a password and is signed in."""
    work.require("role.write")
    _refuse_unable(user)
    value = await sessions.make_link(work.tx, work.tenant.realm, str(user.id), LINK_LIFETIME)
    work.record(audit.Entry("make set-up link", f"user {user.upn}", str(user.id)))
    return value


async def is_set_up(tx: Tx, tenant: Tenant) -> bool:
    """Whether some Global Administrator can sign in."""
    return bool(await tx.fetchval(QUERIES.administrator_with_password, tenant.id))


async def link_owner(tx: Tx, tenant: Tenant, value: str) -> User:
    """Whose set-up link it is, without using it. Raises NotFound when it is void."""
    subject = await sessions.look_at_link(tx, tenant.realm, value)
    if subject is None:
        raise NotFound(_VOID)
    return await _able(tx, tenant, UUID(subject))


async def set_up(database: Database, tenant: Tenant, value: str, password: str, visitor: Actor) -> Begun:
    """Use a link: set the password, end every other session and link, begin a session. ``visitor`` says from where."""
    async with database.reading() as tx:
        owner = await link_owner(tx, tenant, value)
    passwords.check(password, owner.upn)
    stored = await passwords.hashed(password)
    await _refuse_blocked(database, tenant, owner, visitor, frozenset({PASSWORD, LINK}))
    async with database.transaction() as tx:
        # The person first, then what is theirs: so does whoever disables them.
        await tx.execute(QUERIES.users_lock, tenant.id, [owner.id])
        if await sessions.use_link(tx, tenant.realm, value) != str(owner.id):
            raise NotFound(_VOID)
        user = await _able(tx, tenant, owner.id)
        await _set(tx, tenant, user, stored, visitor)
        return await _begin(tx, tenant, user, "", "", visitor, {PASSWORD, LINK})


async def with_password(
    database: Database, tenant: Tenant, name: str, password: str, *, visitor: Actor, device: str
) -> Begun:
    """Sign in from where the ``visitor`` is, with what this browser kept of a sign-in before (``device``, or empty).

    Raises Forbidden, not saying what was wrong.
    """
    async with database.reading() as tx:
        user, stored = await _stored(tx, tenant, name)
    account = str(user.id) if user else name.casefold()[:256]
    place = await passwords.count_try(database, tenant.realm, account, visitor.address, device)
    good = await passwords.verify(stored, password)
    async with database.transaction() as tx:
        # It takes a while to look at a password: another one may have been set meanwhile.
        if not good or user is None or not await tx.fetchval(QUERIES.password_still, tenant.id, user.id, stored):
            shown, sentence = frozenset[str](), _WRONG
        else:
            user = await _able(tx, tenant, user.id)
            if await external.signs_in_here(tx, tenant, user):
                return await _begin(tx, tenant, user, place, device, visitor, {PASSWORD})
            shown, sentence = frozenset({PASSWORD}), ELSEWHERE
        await sign_in_log.record(tx, tenant, Attempt(user, PORTAL, visitor.address, shown, FAILURE, sentence))
    raise Forbidden(sentence)


async def with_external(
    database: Database,
    tenant: Tenant,
    provider: ExternalProvider,
    identity: Identity,
    *,
    visitor: Actor,
    asked: bool = False,
) -> Begun:
    """Sign in as whoever is linked to who somebody is at ``provider``. Raises UnknownSubject, Forbidden.

    When they showed that there is what counts; a provider that does not say it may have known them for long. One that
    was told to ask them (``asked``), and says that it did, did it now: its clock may differ from ours.
    """
    proved = external.methods(provider, identity.amr)
    age = 0.0 if asked else identity.age(time.time())
    user: User | None = None
    try:
        async with database.transaction() as tx:
            user = await _known(tx, tenant, await external.owner(tx, tenant, provider, identity.subject))
            _refuse_unable(user)
            ago = sessions.LONGEST.total_seconds() if age is None else age
            return await _begin(tx, tenant, user, "", "", visitor, proved, ago=ago)
    except Forbidden as error:
        async with database.transaction() as tx:
            await sign_in_log.record(tx, tenant, Attempt(user, PORTAL, visitor.address, proved, FAILURE, str(error)))
        raise


async def otherwise(
    tx: Tx, tenant: Tenant, user: User, methods: Collection[str], *, visitor: Actor, device: str
) -> Begun:
    """Sign in somebody who has proved who they are otherwise than by a password, by ``methods``."""
    return await _begin(tx, tenant, user, "", device, visitor, methods)


async def change_password(
    database: Database, tenant: Tenant, user: User, old: str, new: str, *, visitor: Actor, device: str, session: str
) -> None:
    """Another password for whoever knows the present one; every session but ``session`` ends."""
    passwords.check(new, user.upn)
    place = await confirm_password(database, tenant, user, old, visitor=visitor, device=device)
    stored = await passwords.hashed(new)
    async with database.transaction() as tx:
        await _set(tx, tenant, user, stored, visitor, session=session, place=place)


async def confirm_password(
    database: Database, tenant: Tenant, user: User, password: str, *, visitor: Actor, device: str
) -> str:
    """Let whoever is signed in go on with what takes more than a session; returns the place that tries count for.

    Raises Forbidden for a wrong password, and for too many tries.
    """
    place = await passwords.count_try(database, tenant.realm, str(user.id), visitor.address, device)
    async with database.reading() as tx:
        _, stored = await _stored(tx, tenant, user.upn)
    if not await passwords.verify(stored, password):
        raise Forbidden("The present password is wrong.")
    async with database.transaction() as tx:
        await passwords.forgive(tx, tenant.realm, str(user.id), place)
    return place


async def sign_out_everywhere(work: Edit, user: User) -> None:
    """End every session of ``user``: one's own, or anybody's for whoever may give roles."""
    if work.actor.id != str(user.id):
        work.require("role.write")
    await sessions.close_all(work.tx, work.tenant.realm, str(user.id))
    work.record(audit.Entry("sign out everywhere", f"user {user.upn}", str(user.id)))


async def arrive(tx: Tx, tenant: Tenant, value: str, *, pending: bool = False) -> Arrival | None:
    """Whose session has this secret; None when it, or whoever it belongs to, has ended, or it is not a sign-in yet.

    With ``pending`` only those of people who have yet to show a second factor.
    """
    row = await tx.fetchrow(
        QUERIES.arrival,
        tenant.id,
        sessions.digest(value),
        tenant.realm,
        sessions.LONGEST.total_seconds(),
        sessions.IDLE.total_seconds(),
        sessions.SEEN_EVERY,
        pending,
    )
    if row is None:
        return None
    user = users.from_row(row)
    actor = Actor(str(user.id), user.upn, frozenset(row["roles"]), frozenset(row["owns"]))
    return Arrival(actor, user, row["notice"], row["stale"], frozenset(row["methods"]), row["age"], pending)


async def _stored(tx: Tx, tenant: Tenant, name: str) -> tuple[User | None, str | None]:
    rows = await tx.fetch(QUERIES.users_by_key, tenant.id, [name.casefold()])
    user = next((users.from_row(row) for row in rows if row["deleted"] is None and row["enabled"]), None)
    identity: UUID | None = user.id if user else None
    return user, await tx.fetchval(QUERIES.password_get, tenant.id, identity) if identity else None


async def _able(tx: Tx, tenant: Tenant, identity: UUID) -> User:
    """As :func:`_known`. Raises Forbidden when they cannot sign in."""
    user = await _known(tx, tenant, identity)
    _refuse_unable(user)
    return user


async def _known(tx: Tx, tenant: Tenant, identity: UUID) -> User:
    """The user with this id, and nobody who happens to have the same name now. Raises NotFound."""
    rows = await tx.fetch(QUERIES.users_by_id, tenant.id, [identity])
    if not rows:
        raise NotFound(_VOID)
    return users.from_row(rows[0])


def _refuse_unable(user: User) -> None:
    if not user.enabled or user.recycled:
        raise Forbidden(f"{user.upn} is disabled or deleted and cannot sign in.")


async def _set(
    tx: Tx, tenant: Tenant, user: User, stored: str, visitor: Actor, *, session: str = "", place: str = ""
) -> None:
    """Keep a password. What was open or known with the one before is not, except for this ``session`` and ``place``."""
    await tx.execute(QUERIES.password_put, tenant.id, user.id, stored)
    await sessions.close_all(tx, tenant.realm, str(user.id), but=session)
    await passwords.forget_devices(tx, tenant.realm, str(user.id), but=place)
    await _record(tx, tenant, user, "set password", visitor)


async def _refuse_blocked(
    database: Database, tenant: Tenant, user: User, visitor: Actor, methods: frozenset[str]
) -> None:
    """Whoever would be blocked keeps their link for another place. Raises Forbidden, and logs it."""
    async with database.transaction() as tx:
        verdict = await admit(tx, tenant, user, PORTAL, Evidence(methods, 0.0, visitor.address))
        if verdict.outcome is Outcome.BLOCKED:
            await ended(tx, tenant, user, visitor, methods, FAILURE, verdict, verdict.sentence)
    if verdict.outcome is Outcome.BLOCKED:
        raise Forbidden(verdict.sentence)


async def _begin(
    tx: Tx,
    tenant: Tenant,
    user: User,
    place: str,
    device: str,
    visitor: Actor,
    methods: Collection[str],
    *,
    ago: float = 0.0,
) -> Begun:
    """Somebody has proved who they are by ``methods``: a session, which waits for a second factor when there is one."""
    shown = frozenset(methods)
    await passwords.forgive(tx, tenant.realm, str(user.id), place)
    verdict = await admit(tx, tenant, user, PORTAL, Evidence(shown, ago, visitor.address))
    if verdict.outcome is Outcome.BLOCKED:
        await ended(tx, tenant, user, visitor, shown, FAILURE, verdict, verdict.sentence)
        return Begun("", "", verdict)
    if verdict.outcome is Outcome.FRESH:
        # A provider elsewhere has known them for too long: a session of that age would end with its first page.
        await ended(tx, tenant, user, visitor, shown, INTERRUPTED, verdict, verdict.sentence)
        return Begun("", "", verdict)
    pending = verdict.outcome in MORE or (not two_factors(shown) and await factors.has_any(tx, tenant, user.id))
    value = await sessions.open_session(tx, tenant.realm, str(user.id), shown, pending=pending, age=ago)
    if pending:
        await ended(tx, tenant, user, visitor, shown, INTERRUPTED, verdict, verdict.sentence or _FACTOR)
        return Begun(value, "", verdict, pending=True)
    known = await passwords.know(tx, tenant.realm, str(user.id), place, device)
    await completed(tx, tenant, user, visitor, shown, verdict)
    return Begun(value, known, verdict)


async def completed(
    tx: Tx, tenant: Tenant, user: User, visitor: Actor, methods: frozenset[str], verdict: Verdict
) -> None:
    """Somebody is signed in, and with enough: it is written into both logs."""
    await _record(tx, tenant, user, "sign in", visitor)
    await ended(tx, tenant, user, visitor, methods, SUCCESS, verdict)


async def ended(
    tx: Tx,
    tenant: Tenant,
    user: User,
    visitor: Actor,
    methods: frozenset[str],
    outcome: str,
    verdict: Verdict = GRANTED,
    reason: str = "",
) -> None:
    """Write into the sign-in log how far a sign-in to the portal came."""
    attempt = Attempt(user, PORTAL, visitor.address, methods, outcome, reason, verdict.policies)
    await sign_in_log.record(tx, tenant, attempt)


async def _record(tx: Tx, tenant: Tenant, user: User, action: str, visitor: Actor) -> None:
    entry = audit.Entry(action, f"user {user.upn}", str(user.id))
    actor = Actor(str(user.id), user.upn, address=visitor.address, request=visitor.request)
    await audit.record(tx, f"tenant/{tenant.name}", actor, [entry])
