"""Signing in to a workspace's console through its tenant, by OpenID Connect: which account an identity opens.

The tenant is the authority for its people: it says which account its provisioning has made for whom. Of whom it knows
none, ``ada@contoso.com`` is the account with that user name, unless the tenant knows it to be somebody else's: names
are given to others, and accounts keep theirs. At the first sign-in the account is linked to the identity (issuer and
subject, which never come again); from then on it is opened by the identity, whatever its owner is called, and somebody
else who is given the same name does not get into it, until an admin takes the link away. So two people whose names
change places stay each in their own account. The issuer that is kept is the tenant itself, not one of the addresses
that the server has.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from provisor import audit
from provisor.access import sessions
from provisor.access.actors import Actor
from provisor.refusal import Forbidden, NotFound
from provisor.storage.pool import Database, Tx
from provisor.workspace import users
from provisor.workspace.edit import QUERIES, Edit, Workspace
from provisor.workspace.principals import USER
from provisor.workspace.refusals import Missing
from provisor.workspace.resources import User

#: How a session began, when it was in this way.
OPENID: Final = "openid"
_LOG = structlog.get_logger("provisor.console")


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is at the ``provider`` (its name for people): ``name`` is the user name, ``issuer`` what is linked
    to, ``shown`` the issuer as it was asked.

    Of what its provisioning knows: the ids of their ``accounts`` here, and whether the account with their name is
    somebody else's (``taken``).
    """

    provider: str
    issuer: str
    subject: str
    name: str
    shown: str
    accounts: tuple[str, ...] = ()
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """Whom an account belongs to, and since when."""

    issuer: str
    subject: str
    since: datetime


async def with_identity(database: Database, workspace: Workspace, person: Person, visitor: Actor) -> str:
    """Sign in: returns the secret of the session that begins. ``visitor`` says from where. Raises Forbidden, saying
    why."""
    try:
        async with database.transaction() as tx:
            user = await _account(tx, workspace, person)
            work = Edit(tx, workspace, Actor(user.id, user.name).via(visitor.address, visitor.request))
            await _link(work, user, person)
            after = {"with": "OpenID Connect", "issuer": person.shown, "subject": person.subject}
            work.record("sign in", f"user {user.name}", user.id, after=after)
            await work.finish()
            return await sessions.open_session(tx, workspace.realm, user.id, {OPENID})
    except Forbidden as error:
        _LOG.warning("sign-in refused", workspace=workspace.name, subject=person.subject, address=visitor.address)
        # The tenant has let them in, and says so in its log: here is where an admin looks for why they are not.
        who = Actor(person.subject, person.name or person.subject).via(visitor.address, visitor.request)
        entry = audit.Entry("refuse sign-in", f"workspace {workspace.name}", after={"reason": str(error)})
        async with database.transaction() as tx:
            await audit.record(tx, workspace.log, who, [entry])
        raise


async def linked(tx: Tx, workspace: Workspace, user: User) -> Linked | None:
    """Whom an account belongs to; None before anybody's first sign-in."""
    row = await tx.fetchrow(QUERIES.user_identity, workspace.id, user.id)
    if row is None or row["subject"] is None:
        return None
    return Linked(row["issuer"], row["subject"], row["linked"])


async def unlink(work: Edit, user: User) -> None:
    """Let the account be linked again, to whoever signs in next under its name; its sessions end. Raises NotFound."""
    work.require_admin()
    await work.tx.execute(QUERIES.user_lock, work.workspace.id, user.id)
    before = await linked(work.tx, work.workspace, user)
    if before is None:
        raise NotFound(f"{user.name} has not signed in yet, or is unlinked already.")
    await work.tx.execute(QUERIES.user_identity_put, work.workspace.id, user.id, None, None)
    await sessions.close_all(work.tx, work.workspace.realm, user.id)
    old = {"issuer": before.issuer, "subject": before.subject}
    work.record("unlink sign-in", f"user {user.name}", user.id, before=old)


async def _account(tx: Tx, workspace: Workspace, person: Person) -> User:
    """The account that an identity opens: its own, and before there is one that of its name.

    Raises Forbidden with what is in the way.
    """
    own = await tx.fetchval(QUERIES.user_of_identity, workspace.id, person.issuer, person.subject)
    if own is not None:
        return await users.get(tx, workspace, own)
    for identity in person.accounts:
        with contextlib.suppress(NotFound):
            return _able(workspace, await users.get(tx, workspace, identity))
    if not person.name:
        raise Forbidden(f"{person.provider} does not say what you are called there (preferred_username).")
    if person.taken:
        raise Forbidden(
            f"The account {person.name} in the workspace {workspace.name} is that of somebody else in "
            f"{person.provider}, who had this name before; no account there is yours yet."
        )
    try:
        user = await users.named(tx, workspace, person.name)
    except Missing:
        if await tx.fetchval(QUERIES.tombstone_named, workspace.id, person.name.casefold()):
            raise Forbidden(
                f"{person.name} was removed from the workspace {workspace.name} by an administrator, and only an "
                "administrator of it can allow them again."
            ) from None
        raise Forbidden(
            f"{person.name} is not in the workspace {workspace.name}: assign them to its application in "
            f"{person.provider} and let provisioning run."
        ) from None
    return _able(workspace, user)


def _able(workspace: Workspace, user: User) -> User:
    """The account, if its owner may sign in. Raises Forbidden."""
    if user.principal is not USER:
        raise Forbidden(f"{user.name} is a service principal, which does not sign in: it uses access tokens.")
    if not user.active:
        raise Forbidden(
            f"{user.name} is inactive in the workspace {workspace.name}: the directory or an administrator of the "
            "workspace can activate the account."
        )
    return user


async def _link(work: Edit, user: User, person: Person) -> None:
    """Link the account at its first sign-in, refuse another identity afterwards."""
    # Of two first sign-ins at once one is the first.
    await work.tx.execute(QUERIES.user_lock, work.workspace.id, user.id)
    row = await work.tx.fetchrow(QUERIES.user_identity, work.workspace.id, user.id)
    if row is None or not row["active"]:
        # Since it was looked at: from now on nobody changes it before this is done.
        raise Forbidden(f"{user.name} is just being removed from the workspace {work.workspace.name}, or deactivated.")
    if row["subject"] is None:
        await work.tx.execute(QUERIES.user_identity_put, work.workspace.id, user.id, person.issuer, person.subject)
        new = {"issuer": person.issuer, "subject": person.subject}
        work.record("link sign-in", f"user {user.name}", user.id, after=new)
    elif (row["issuer"], row["subject"]) != (person.issuer, person.subject):
        raise Forbidden(
            f"The account {user.name} belongs to somebody else, who had this name before: an administrator of "
            f"{work.workspace.name} can unlink it on the user's page, or with provisor workspace user unlink."
        )
