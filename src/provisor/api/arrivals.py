"""Who comes to a workspace with a request: recognised in the request's own transaction, or not admitted.

What every API of a workspace does alike: the token is checked in the transaction in which the request is done, a write
that the database stopped is done again, and the token's last use is noted afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg
from starlette.requests import Request

from provisor.access import tokens as secrets
from provisor.api.credentials import access_token
from provisor.refusal import NotFound
from provisor.storage.pool import AWAY, Database
from provisor.workspace import tokens
from provisor.workspace.edit import Edit, Workspace
from provisor.workspace.tokens import Arrival, Caller

T = TypeVar("T")
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Address:
    """``workspace`` is a name, or None for the first; ``base`` is the absolute address that ``path`` continues."""

    workspace: str | None
    base: str
    path: list[str]


class NotAdmitted(Exception):
    """The request's credential is missing or refused in ``workspace``."""

    def __init__(self, workspace: Workspace, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.workspace, self.reason, self.sent = workspace, reason, sent

    def as_databricks(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Body and headers with which Databricks answers 403 to a token that does not count."""
        phrase = "".join(char if char.isascii() and char.isprintable() else "?" for char in self.reason)
        return {"error_code": 403, "message": self.reason}, {"X-Databricks-Reason-Phrase": phrase}


def token(request: Request) -> str | None:
    return access_token(request.headers.get("authorization"))


def credential(request: Request) -> bytes:
    """What requests are counted by: the token's digest, or the address of who sends none."""
    value = token(request)
    if value is not None:
        return secrets.digest(value)
    return request.client.host.encode() if request.client else b""


def admitted(arrival: Arrival | None, name: str | None, *, sent: bool) -> tuple[Arrival, Caller]:
    """Raises NotFound where there is no workspace of this ``name``, NotAdmitted for who may not come in."""
    if arrival is None:
        raise NotFound(f"There is no workspace {name}." if name else "There is no workspace yet.")
    if arrival.caller is None:
        raise NotAdmitted(arrival.workspace, str(arrival.refused), sent=sent)
    return arrival, arrival.caller


async def done(
    database: Database, request: Request, name: str | None, action: Callable[[Edit, Caller], Awaitable[T]]
) -> tuple[Workspace, Caller, T]:
    """Do ``action`` in one transaction with the check of the token and the audit rows; again when the database stopped
    it because it and another one waited for each other."""
    attempt = 1
    while True:
        try:
            return await _attempt(database, request, name, action)
        except asyncpg.DeadlockDetectedError:
            if attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(random.uniform(0, 0.1 * 2**attempt))
            attempt += 1


async def _attempt(
    database: Database, request: Request, name: str | None, action: Callable[[Edit, Caller], Awaitable[T]]
) -> tuple[Workspace, Caller, T]:
    value = token(request)
    async with database.transaction() as tx:
        arrival, caller = admitted(await tokens.arrive(tx, name, value), name, sent=value is not None)
        address = request.client.host if request.client else ""
        work = Edit(tx, arrival.workspace, caller.actor.via(address, request.scope["request_id"]))
        result = await action(work, caller)
        await work.finish()
    return arrival.workspace, caller, result


async def used(database: Database, workspace: Workspace, caller: Caller) -> None:
    """Note that the token is in use. What was asked is done: failing to note this is no reason to say otherwise."""
    if caller.stale:
        with contextlib.suppress(*AWAY):
            await tokens.used(database, workspace, caller)
