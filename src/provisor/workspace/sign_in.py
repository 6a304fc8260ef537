"""Signing in to a workspace's console: a one-time link made on the machine, and the session that follows.

The link is for an active admin, for the day on which the tenant that people sign in through cannot be asked
(:mod:`provisor.workspace.openid_sign_in` is how everybody else gets in). Whose session it is and whether they are an
admin is read with every request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from provisor.access import sessions
from provisor.access.actors import Actor
from provisor.refusal import Forbidden, NotFound
from provisor.storage.pool import Database, Tx
from provisor.workspace import users
from provisor.workspace.edit import QUERIES, Edit, Workspace
from provisor.workspace.principals import USER
from provisor.workspace.resources import User

LINK_LIFETIME: Final = timedelta(minutes=15)
#: How a session began, when it was with a link.
LINK: Final = "link"
_VOID: Final = "This link is not good, or not any more: it was used, or is older than a quarter of an hour. Ask again."


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of a session: whose, and what its next page says first (``notice``). ``stale``: note its use;
    ``methods``: how it began."""

    actor: Actor
    user_id: str
    notice: Mapping[str, Any] | None
    stale: bool
    methods: frozenset[str]


async def link(work: Edit, user: User) -> str:
    """The secret of a link that signs an admin in once."""
    work.require_admin()
    if not user.active or not users.is_admin(user):
        raise Forbidden(f"{user.name} is no active admin of {work.workspace.name}: only admins have a console.")
    if user.principal is not USER:
        raise Forbidden(f"{user.name} is a service principal, which does not sign in: make a token for it instead.")
    value = await sessions.make_link(work.tx, work.workspace.realm, user.id, LINK_LIFETIME)
    work.record("make sign-in link", f"user {user.name}", user.id)
    return value


async def link_owner(tx: Tx, workspace: Workspace, value: str) -> User:
    """Whose link it is, without using it. Raises NotFound when it is void."""
    subject = await sessions.look_at_link(tx, workspace.realm, value)
    if subject is None:
        raise NotFound(_VOID)
    return await users.get(tx, workspace, subject)


async def with_link(database: Database, workspace: Workspace, value: str, visitor: Actor) -> str:
    """Use a link: returns the secret of the session that begins. ``visitor`` says from where."""
    async with database.transaction() as tx:
        subject = await sessions.use_link(tx, workspace.realm, value)
        if subject is None:
            raise NotFound(_VOID)
        user = await users.get(tx, workspace, subject)
        if not user.active or not users.is_admin(user):
            raise Forbidden(f"{user.name} is no active admin of {workspace.name} any more.")
        work = Edit(tx, workspace, Actor(user.id, user.name).via(visitor.address, visitor.request))
        work.record("sign in", f"user {user.name}", user.id, after={"with": "one-time link"})
        await work.finish()
        return await sessions.open_session(tx, workspace.realm, user.id, {LINK})


async def arrive(tx: Tx, workspace: Workspace, value: str) -> Arrival | None:
    """Whose session has this secret; None when it has ended, or whoever it belongs to is inactive or gone."""
    row = await tx.fetchrow(
        QUERIES.session_arrival,
        workspace.id,
        sessions.digest(value),
        workspace.realm,
        sessions.LONGEST.total_seconds(),
        sessions.IDLE.total_seconds(),
        sessions.SEEN_EVERY,
    )
    if row is None:
        return None
    actor = Actor(row["id"], row["user_name"], frozenset({"workspace admin" if row["admin"] else "workspace user"}))
    return Arrival(actor, row["id"], row["notice"], row["stale"], frozenset(row["methods"]))


async def sign_out_everywhere(work: Edit, user: User) -> None:
    """End every session of a user: one's own, or anybody's for an admin."""
    if work.actor.id != user.id:
        work.require_admin()
    await sessions.close_all(work.tx, work.workspace.realm, user.id)
    work.record("sign out everywhere", f"user {user.name}", user.id)
