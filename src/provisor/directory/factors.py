"""What somebody can show beside a password: an authenticator app, passkeys, recovery codes.

Everybody manages their own on *Security info*, after having proved lately who they are; administrators see how many
there are and can take all of them away. Each change stands in the audit log and ends every other session. Keys of
authenticator apps are sealed, of passkeys there are public keys, of recovery codes hashes: none of them can be read
again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from provisor import audit
from provisor.access import challenges, passkeys, recovery_codes, sessions, totp
from provisor.access.passkeys import Party
from provisor.access.roles import covers
from provisor.access.secrets import SecretBox
from provisor.directory.edit import QUERIES as DIRECTORY
from provisor.directory.edit import Edit, Tenant
from provisor.directory.users import User
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound
from provisor.storage.pool import Database, Tx
from provisor.storage.queries import queries

QUERIES = queries("factors")
ISSUER: Final = "Provisor"
MOST_PASSKEYS: Final = 20
_LONGEST_NAME: Final = 60
_APP: Final = "authenticator app"
_REGISTER: Final = "register a passkey"
LATE: Final = "This took too long, or was begun in another window: start again."


@dataclass(frozen=True, slots=True)
class Passkey:
    """``rp_id`` is the host name that it is for; ``used`` is None when it never was."""

    id: bytes
    name: str
    rp_id: str
    transports: tuple[str, ...]
    created: datetime
    used: datetime | None

    @property
    def key(self) -> str:
        """The id, for forms."""
        return self.id.hex()


@dataclass(frozen=True, slots=True)
class Factors:
    """``app`` is since when there is an authenticator app, ``codes`` how many recovery codes are left of ``made``."""

    app: datetime | None
    app_used: datetime | None
    passkeys: tuple[Passkey, ...]
    codes: int
    made: int

    def __bool__(self) -> bool:
        return self.app is not None or bool(self.passkeys)


async def of(tx: Tx, tenant: Tenant, user: UUID) -> Factors:
    """What ``user`` has."""
    app = await tx.fetchrow(QUERIES.app, tenant.id, user)
    keys = await tx.fetch(QUERIES.passkeys, tenant.id, user)
    codes = await tx.fetchrow(QUERIES.codes_left, tenant.id, user)
    return Factors(
        app["created"] if app else None,
        app["used"] if app else None,
        tuple(
            Passkey(row["id"], row["name"], row["rp_id"], tuple(row["transports"]), row["created"], row["used"])
            for row in keys
        ),
        codes["remaining"],
        codes["made"],
    )


def in_words(have: Factors) -> str:
    """``Authenticator app, 2 passkeys, 9 recovery codes left``."""
    found = ["authenticator app"] if have.app else []
    if have.passkeys:
        found.append("1 passkey" if len(have.passkeys) == 1 else f"{len(have.passkeys)} passkeys")
    if have.made:
        found.append("1 recovery code left" if have.codes == 1 else f"{have.codes} recovery codes left")
    text = ", ".join(found) or "no second factor"
    return text[0].upper() + text[1:]


async def has_any(tx: Tx, tenant: Tenant, user: UUID) -> bool:
    """Whether ``user`` has an app or a passkey; recovery codes alone are none."""
    return bool(await tx.fetchval(QUERIES.has_factor, tenant.id, user))


# ── an authenticator app ──────────────────────────────────────────────────────────────────────────────────────────────


async def begin_app(work: Edit, box: SecretBox, user: User, session: str) -> str:
    """The key for a new app, in base 32. It counts once the app has given a right code (:func:`add_app`)."""
    if await work.tx.fetchrow(QUERIES.app, work.tenant.id, user.id):
        raise Conflict("You have an authenticator app already: remove it first.")
    key = totp.new_key()
    await challenges.ask(work.tx, session, _APP, box.seal(key, _asked(session)), challenges.APP_SECONDS)
    return key


async def begun_app(tx: Tx, box: SecretBox, session: str) -> str:
    """The key that :func:`begin_app` made for this session. Raises Forbidden when that was too long ago."""
    sealed = await challenges.look(tx, session, _APP)
    if sealed is None:
        raise Forbidden(LATE)
    return box.open(sealed, _asked(session))


async def add_app(work: Edit, box: SecretBox, user: User, session: str, code: str) -> None:
    """``user`` has the app that was begun in ``session`` and shows ``code``. Raises Forbidden, Conflict."""
    await _person_first(work, user)
    key = await begun_app(work.tx, box, session)
    step = totp.step_of(key, code, time.time(), 0)
    if step is None:
        raise Forbidden("That code is not right: the app shows six digits; check that the clock of your phone is.")
    if await work.tx.fetchrow(QUERIES.app, work.tenant.id, user.id):
        raise Conflict("You have an authenticator app already: remove it first.")
    await challenges.take(work.tx, session, _APP)
    sealed = box.seal(key, app_row(work.tenant, user.id))
    await work.tx.execute(QUERIES.app_insert, work.tenant.id, user.id, sealed, step)
    await _changed(work, user, "add authenticator app", session)


async def remove_app(work: Edit, user: User, session: str) -> None:
    """Raises NotFound when there is none."""
    await _person_first(work, user)
    if await work.tx.fetchval(QUERIES.app_delete, work.tenant.id, user.id) is None:
        raise NotFound("You have no authenticator app.")
    await _no_codes_without_a_factor(work, user)
    await _changed(work, user, "remove authenticator app", session)


def app_row(tenant: Tenant, user: UUID) -> str:
    """What the key of an app is sealed for."""
    return f"authenticator_app/{tenant.id}/{user}/sealed"


# ── passkeys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def begin_passkey(work: Edit, user: User, session: str, party: Party) -> dict[str, Any]:
    """What the browser of ``session`` is asked to make."""
    known = [key.id for key in (await of(work.tx, work.tenant, user.id)).passkeys]
    if len(known) >= MOST_PASSKEYS:
        raise Conflict(f"You have {MOST_PASSKEYS} passkeys: remove one that you do not use first.")
    shown = str(user.doc.get("displayName") or user.upn)
    challenge, options = passkeys.to_register(party, user.id.bytes, user.upn, shown, known)
    await challenges.ask(work.tx, session, _REGISTER, challenge, challenges.PASSKEY_SECONDS)
    return options


async def asked_passkey(database: Database, session: str) -> bytes:
    """The challenge of :func:`begin_passkey`, once, whatever becomes of the answer. Raises Forbidden."""
    async with database.transaction() as tx:
        challenge = await challenges.take(tx, session, _REGISTER)
    if challenge is None:
        raise Forbidden(LATE)
    return challenge


async def add_passkey(
    work: Edit, user: User, session: str, party: Party, challenge: bytes, answer: str, name: str
) -> None:
    """The browser of ``session`` has made a passkey. Raises Forbidden, Invalid, Conflict."""
    name = " ".join(name.split()) or "Passkey"
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise Invalid(f"A passkey's name has at most {_LONGEST_NAME} characters, and no line in it.")
    await _person_first(work, user)
    made = passkeys.registered(party, challenge, answer)
    row = (made.id, user.id, name, party.rp_id, made.public_key, made.sign_count, list(made.transports))
    if await work.tx.fetchval(QUERIES.passkey_insert, work.tenant.id, *row) is None:
        raise Conflict("This passkey is there already.")
    await _changed(work, user, "add passkey", session, {"passkey": name})


async def remove_passkey(work: Edit, user: User, session: str, key: str) -> str:
    """Remove the passkey with this :attr:`Passkey.key`; returns its name. Raises NotFound."""
    await _person_first(work, user)
    try:
        identity = bytes.fromhex(key)
    except ValueError:
        identity = b""
    name: str | None = await work.tx.fetchval(QUERIES.passkey_delete, work.tenant.id, user.id, identity)
    if name is None:
        raise NotFound("You have no such passkey: it was removed already.")
    await _no_codes_without_a_factor(work, user)
    await _changed(work, user, "remove passkey", session, {"passkey": name})
    return name


# ── recovery codes ────────────────────────────────────────────────────────────────────────────────────────────────────


async def renew_codes(work: Edit, user: User, session: str) -> list[str]:
    """Ten new recovery codes, to be shown once; those before are void. Raises Conflict without anything to recover."""
    await _person_first(work, user)
    if not await has_any(work.tx, work.tenant, user.id):
        raise Conflict("Recovery codes stand in for an authenticator app or a passkey: add one of them first.")
    codes = recovery_codes.fresh()
    await work.tx.execute(QUERIES.codes_delete, work.tenant.id, user.id)
    await work.tx.execute(QUERIES.codes_insert, work.tenant.id, user.id, list(map(recovery_codes.digest, codes)))
    await _changed(work, user, "make recovery codes", session)
    return codes


# ── administrators ────────────────────────────────────────────────────────────────────────────────────────────────────


async def reset(work: Edit, user: User) -> None:
    """Take everything from ``user`` that they could show beside a password, and end their sessions.

    Raises Forbidden for whoever may not give roles, or may less than ``user``.
    """
    work.require("role.write")
    await _person_first(work, user)
    for row in await work.tx.fetch(DIRECTORY.roles_of, work.tenant.id, user.id):
        if not covers(work.actor, row["role"]):
            raise Forbidden(f"{user.upn} is {row['role']}: whoever resets their second factors must be that too.")
    await work.tx.execute(QUERIES.factors_delete, work.tenant.id, user.id)
    await _changed(work, user, "reset second factors", None)


async def _person_first(work: Edit, user: User) -> None:
    """The person's row before what is theirs: so does whoever disables them."""
    await work.tx.execute(DIRECTORY.users_lock, work.tenant.id, [user.id])


async def _no_codes_without_a_factor(work: Edit, user: User) -> None:
    if not await has_any(work.tx, work.tenant, user.id):
        await work.tx.execute(QUERIES.codes_delete, work.tenant.id, user.id)


async def _changed(
    work: Edit, user: User, action: str, session: str | None, after: dict[str, str] | None = None
) -> None:
    await sessions.close_all(work.tx, work.tenant.realm, str(user.id), but=session)
    work.record(audit.Entry(action, f"user {user.upn}", str(user.id), after=after))


def _asked(session: str) -> str:
    return f"challenge/{sessions.digest(session).hex()}/{_APP}"
