"""Access tokens of a workspace: made for a user, recognised with every request, dead with their owner.

``arrive`` is the door's first statement: which workspace, whose token, and whether it is good, read together and never
remembered, so that a revoked token and a deactivated owner count from the next request on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from provisor.access import tokens
from provisor.access.actors import Actor
from provisor.access.tokens import NewToken
from provisor.refusal import Invalid, NotFound
from provisor.storage.pool import Database, Row, Tx
from provisor.workspace import token_rules, users
from provisor.workspace.edit import QUERIES, Edit, Workspace
from provisor.workspace.refusals import Exhausted
from provisor.workspace.resources import User

LIFETIME_DAYS: Final = 90
#: Live tokens of one user.
QUOTA: Final = 600
_DAY: Final = 86_400.0
_LONGEST_DAYS: Final = 36_500
_LIFETIME: Final = f"A token lives more than 0 and at most {_LONGEST_DAYS} days; 0 stands for one without an end."
_LONGEST_COMMENT: Final = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request; ``stale`` says that the token's last use was more than a minute ago."""

    actor: Actor
    user: str
    user_name: str
    token: str
    admin: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at a workspace: from ``caller``, or refused for the reason in ``refused``."""

    workspace: Workspace
    caller: Caller | None
    refused: str | None


async def create(work: Edit, user: User, *, comment: str = "", lifetime_days: float | None = LIFETIME_DAYS) -> NewToken:
    """A token for ``user``, whose value is known only to whoever made it. Without a lifetime it never expires."""
    work.require_admin()
    if lifetime_days is not None and not 0 < lifetime_days <= _LONGEST_DAYS:
        raise Invalid(_LIFETIME)
    return await _made(work, user, comment, None if lifetime_days is None else lifetime_days * _DAY)


async def create_own(work: Edit, caller: Caller, *, comment: str = "", lifetime_seconds: float | None) -> NewToken:
    """A token for whoever asks, as long as tokens are theirs to use; without a lifetime as long as one may be."""
    # Whoever changes the permissions waits for this token, or this one for the change.
    await work.tx.execute(QUERIES.workspace_share, work.workspace.id)
    await token_rules.require(work.tx, work.workspace, caller.user, admin=caller.admin)
    longest = work.workspace.longest_token_days
    if lifetime_seconds is None and longest:
        lifetime_seconds = longest * _DAY
    return await _made(work, await users.get(work.tx, work.workspace, caller.user), comment, lifetime_seconds)


async def _made(work: Edit, user: User, comment: str, seconds: float | None) -> NewToken:
    _check(work.workspace, comment, seconds)
    row = await work.tx.fetchrow(QUERIES.user_lock, work.workspace.id, user.id)
    if row is None:
        raise NotFound(f"{user.name} was removed meanwhile.")
    if not row["active"]:
        raise Invalid(f"{user.name} is inactive: a token of theirs would be refused.")
    if await work.tx.fetchval(QUERIES.tokens_live, work.workspace.id, user.id) >= QUOTA:
        raise Exhausted(f"{user.name} has {QUOTA} access tokens, and nobody has more: revoke some of them first.")
    token = tokens.make()
    expires = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    await work.tx.execute(QUERIES.token_insert, work.workspace.id, token.id, user.id, token.hash, comment, expires)
    after = {"owner": user.name, "comment": comment, "expires": expires and expires.isoformat()}
    work.record("create token", f"token {token.id[:12]}", token.id, after=after)
    return token


def _check(workspace: Workspace, comment: str, seconds: float | None) -> None:
    if not workspace.tokens_enabled:
        raise Invalid(f"Access tokens are turned off in the workspace {workspace.name}: one would be refused.")
    if seconds is not None and not 0 < seconds <= _LONGEST_DAYS * _DAY:
        raise Invalid(_LIFETIME)
    longest = workspace.longest_token_days
    if longest and (seconds is None or seconds > longest * _DAY):
        raise Invalid(f"A token lives at most {longest} days in the workspace {workspace.name}.")
    _check_comment(comment)


def _check_comment(comment: str) -> None:
    if len(comment) > _LONGEST_COMMENT:
        raise Invalid(f"A token's comment has at most {_LONGEST_COMMENT} characters.")


async def everyone(tx: Tx, workspace: Workspace, owner: str | None = None) -> list[Row]:
    """Tokens, of one owner's id or all: ``id``, ``owner``, ``user_name``, ``active``, ``admin``, ``comment``,
    ``created``, ``expires``, ``revoked``, ``last_used``; ``refusals``, and when, with which status and why last
    (``refused_at``, ``refused_status``, ``refused_why``)."""
    rows: list[Row] = await tx.fetch(QUERIES.tokens, workspace.id, owner)
    return rows


def state(row: Row) -> str:
    """Whether a token counts, or why not: good, revoked, expired, or what is wrong with its owner."""
    if row["revoked"]:
        return "revoked"
    if row["expired"]:
        return "expired"
    if not row["active"]:
        return "owner inactive" if row["user_name"] else "owner removed"
    return "good" if row["admin"] else "owner is no admin"


async def revoke(work: Edit, token_id: str) -> None:
    """End a token. Raises NotFound when there is none with this id that still counts."""
    work.require_admin()
    await _revoked(work, token_id, None)


async def revoke_own(work: Edit, caller: Caller, token_id: str) -> None:
    """As :func:`revoke`, one of the tokens of whoever asks."""
    await _revoked(work, token_id, caller.user)


async def comment_own(work: Edit, caller: Caller, token_id: str, comment: str) -> None:
    """Say anew what a token of whoever asks is for. Raises NotFound."""
    _check_comment(comment)
    before = await work.tx.fetchval(QUERIES.token_comment, work.workspace.id, token_id, caller.user, comment)
    if before is None:
        raise NotFound(f"There is no token {token_id} of yours.")
    work.record_change(f"token {token_id[:12]}", token_id, {"comment": before}, {"comment": comment})


async def _revoked(work: Edit, token_id: str, owner: str | None) -> None:
    row = await work.tx.fetchrow(QUERIES.token_revoke, work.workspace.id, token_id, owner)
    if row is None:
        raise NotFound(f"There is no token {token_id} that could be revoked.")
    before = {"owner": row["owner"], "comment": row["comment"]}
    work.record("revoke token", f"token {token_id[:12]}", token_id, before=before)


async def arrive(tx: Tx, name: str | None, value: str | None) -> Arrival | None:
    """Who comes with token ``value`` to workspace ``name`` (None: the first one); None when there is no such one."""
    row = await tx.fetchrow(QUERIES.arrival, name, hashed(value))
    return arrived(row, value) if row else None


async def arrive_at_user(tx: Tx, name: str | None, value: str | None, identity: str) -> tuple[Arrival, Row] | None:
    """As :func:`arrive`, and the row of the user (``id`` None: nobody; ``removed``: a tombstone)."""
    row = await tx.fetchrow(QUERIES.arrival_user, name, hashed(value), identity)
    return (arrived(row, value), row) if row else None


async def used(database: Database, workspace: Workspace, caller: Caller) -> None:
    """Remember that a token is in use, at most once a minute."""
    async with database.transaction() as tx:
        await tx.execute(QUERIES.token_used, workspace.id, caller.token)


async def refused(database: Database, found: Sequence[tuple[bytes, int, int, str]]) -> None:
    """Note with tokens, by their hash, how many more requests were refused, and the last one's status and reason."""
    async with database.transaction() as tx:
        await tx.execute(QUERIES.token_refused, *map(list, zip(*found, strict=True)))


def hashed(value: str | None) -> bytes | None:
    """What a token is looked up by; None when it cannot be one."""
    return tokens.digest(value) if value is not None and tokens.well_formed(value) else None


def arrived(row: Row, value: str | None) -> Arrival:
    """What a row of the statement ``arrival`` says of whoever sent the token ``value``."""
    workspace = Workspace.of(row)
    refused = _refused(row, value)
    if refused:
        return Arrival(workspace, None, refused)
    actor = Actor(
        id=f"token {row['token'][:12]}",
        name=row["owner_name"],
        roles=frozenset({"workspace admin" if row["admin"] else "workspace user"}),
    )
    caller = Caller(actor, row["owner"], row["owner_name"], row["token"], row["admin"], row["touch"])
    return Arrival(workspace, caller, None)


def _refused(row: Row, value: str | None) -> str | None:
    """Only somebody who holds the token learns more than that it is invalid."""
    if value is None:
        return "Credential was not sent or was of an unsupported type for this API."
    if row["token"] is None:
        return "Invalid access token."
    if row["owner_name"] is None:
        return "The owner of this access token was removed from the workspace."
    if not row["tokens_enabled"]:
        return "Access tokens are turned off in this workspace."
    if row["revoked"]:
        return "Access token has been revoked."
    if row["expired"]:
        return "Access token has expired."
    if not row["owner_active"]:
        return f"The owner of this access token, {row['owner_name']}, is inactive."
    return None
