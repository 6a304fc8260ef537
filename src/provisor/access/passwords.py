"""Passwords: hashed with Argon2id, at most two at a time, and never many guesses.

Who guesses waits longer with every failure: five tries are free, then the wait doubles up to a quarter of an hour. It
is counted by account and place. A place is a network address, or a browser that has signed in to the account before
and says so with a secret of its own: whatever others do from the same address, or to the same account from many, the
owner's browser is not kept waiting. A try counts before the password is looked at, so that many at once are many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from provisor.access import common_passwords, limits
from provisor.access.sessions import QUERIES, digest, secret
from provisor.refusal import Forbidden, Invalid, Unavailable
from provisor.storage.pool import Database, Tx

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")
SHORTEST: Final = 12
#: Bytes; a longer one would be a way to keep the processor busy.
LONGEST: Final = 1024
FREE_TRIES: Final = 5
LONGEST_WAIT: Final = 900.0
#: Failures in an hour: from one address, and at one account, except from browsers that it knows.
AT_PLACE: Final = 50
AT_ACCOUNT: Final = 100
_CROWDED: Final = "Too many people are signing in right now: try again in a moment."
_AT_ONCE: Final = 2
_QUEUE: Final = 20
_hashing = asyncio.Semaphore(_AT_ONCE)
_waiting = 0


def check(password: str, name: str) -> None:
    """Refuse a password that is short, long, common, or made from the name of whose it is. Raises Invalid."""
    if len(password) < SHORTEST:
        raise Invalid(f"A password has at least {SHORTEST} characters.")
    if len(password.encode("utf-8", "replace")) > LONGEST:
        raise Invalid(f"A password has at most {LONGEST} bytes.")
    local, _, domain = name.casefold().partition("@")
    if common_passwords.is_common(password, (local, domain, *domain.split("."))):
        raise Invalid(
            "That password is one of those that are tried first: use several words that nobody puts together."
        )
    if len(set(password)) < 4 or (len(local) > 3 and local in password.casefold()):
        raise Invalid("That password is too easy to guess: use several words, and not your own name.")


async def hashed(password: str) -> str:
    """The Argon2id hash that is stored."""
    return await _one_of_two(_hasher().hash, password)


async def verify(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one of ``stored``. Nobody's password (None) takes as long as a wrong one."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password.encode("utf-8", "replace")) > LONGEST:
        return False
    try:
        good = await _one_of_two(_hasher().verify, stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return good and stored is not None


async def count_try(
    database: Database, realm: str, account: str, address: str, device: str, *, what: str = "", most: int = AT_ACCOUNT
) -> str:
    """Count a try to sign in before it is looked at, and say from which place it counts.

    ``device`` is what the browser kept from a sign-in before, or empty. Tries of something other than the password
    (``what``) are counted for themselves, at ``most`` so many. Raises Forbidden with how long to wait.
    """
    if _waiting >= _QUEUE:
        raise Unavailable(_CROWDED)
    async with database.transaction() as tx:
        counted = account + what
        await tx.execute(QUERIES.tries_lock, realm, counted)
        known = bool(device) and await tx.fetchval(QUERIES.device_known, realm, account, _device(device))
        place = _device(device) if known else limits.place(address)
        row = await tx.fetchrow(QUERIES.tries, realm, counted, place)
        wait = min(2.0 ** (row["failures"] - FREE_TRIES + 1), LONGEST_WAIT) if row["failures"] >= FREE_TRIES else 0.0
        left = wait - row["since"]
        if not known and (row["at_place"] >= AT_PLACE or row["at_account"] >= most):
            left = max(left, LONGEST_WAIT)
        if left <= 0:
            await tx.execute(QUERIES.try_counts, realm, counted, place)
    if left > 0:
        raise Forbidden(f"Too many tries: wait {_words(left)} and try again.")
    return place


async def forgive(tx: Tx, realm: str, account: str, place: str) -> None:
    """Whoever has proved who they are need not wait at ``place`` any more."""
    await tx.execute(QUERIES.tries_prune)
    if place:
        await tx.execute(QUERIES.try_succeeded, realm, account, place)


async def know(tx: Tx, realm: str, account: str, place: str = "", device: str = "") -> str:
    """The secret by which this browser is known again: ``device`` when it is known by it, or a new one."""
    if device and place == _device(device):
        return device
    known = bool(device) and await tx.fetchval(QUERIES.device_known, realm, account, _device(device))
    kept = device if known else secret()
    await tx.execute(QUERIES.try_succeeded, realm, account, _device(kept))
    return kept


async def forget_devices(tx: Tx, realm: str, account: str, *, but: str = "") -> None:
    """No browser but the one at the place ``but`` is known any more."""
    await tx.execute(QUERIES.devices_forget, realm, account, but)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _nobody() -> str:
    return _hasher().hash("nobody has this one")


async def _one_of_two(work: Callable[..., T], *arguments: str) -> T:
    global _waiting
    if _waiting >= _QUEUE:
        raise Unavailable(_CROWDED)
    _waiting += 1
    try:
        async with _hashing:
            return await asyncio.to_thread(work, *arguments)
    finally:
        _waiting -= 1


def _device(value: str) -> str:
    return f"device/{digest(value).hex()}"


def _words(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{max(seconds, 1):.0f} seconds"
