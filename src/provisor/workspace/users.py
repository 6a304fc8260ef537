"""Users of a workspace, and its service principals: what the SCIM door and the admin console do with them.

A user that SCIM deletes is gone. One that is removed in the console (``remove``) leaves a tombstone: reading its id
answers ``REMOVED_BY_ADMIN``, which tells provisioning not to bring it back, and whoever creates the user name again
gets that id again. Deactivation keeps everything and kills the user's tokens, which ask for an active owner.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace as replace_fields
from typing import Any

import asyncpg

from provisor.refusal import Invalid
from provisor.scim import dialects, patch
from provisor.scim.errors import ScimError
from provisor.scim.folded import fold
from provisor.scim.path import parse as parse_path
from provisor.scim.requests import resource
from provisor.scim.resource import accept
from provisor.storage.pool import Row, Tx
from provisor.workspace import members, resources, rules, tombstones
from provisor.workspace.edit import QUERIES, Edit, Workspace
from provisor.workspace.principals import PRINCIPALS, SERVICE_PRINCIPAL, USER, Principal, new_application_id
from provisor.workspace.refusals import Missing, Stale, Unfit
from provisor.workspace.resources import User


async def get(tx: Tx, workspace: Workspace, identity: str) -> User:
    """The user or service principal with this id. Raises Removed for a tombstone, Missing for nobody."""
    row = await tx.fetchrow(f"{QUERIES.users_select} and r.id = $3", workspace.id, True, identity)
    if row is None:
        await tombstones.refuse(tx, workspace, identity)
    return resources.user(row)


async def named(tx: Tx, workspace: Workspace, name: str) -> User:
    """The user with this user name (or the service principal with this application id), in any case."""
    key = name.casefold()
    row = await tx.fetchrow(f"{QUERIES.users_select} and r.name_key = $3", workspace.id, True, key)
    if row is None:
        raise Missing(f"There is no user {name} in the workspace {workspace.name}.")
    return resources.user(row)


async def find(tx: Tx, workspace: Workspace, name: str) -> User:
    """As :func:`named`, or the one with this id."""
    try:
        return await named(tx, workspace, name)
    except Missing:
        row = await tx.fetchrow(f"{QUERIES.users_select} and r.id = $3", workspace.id, True, name)
        if row is None:
            raise
    return resources.user(row)


async def first_admin(tx: Tx, workspace: Workspace) -> User:
    """The active admin who has been there longest."""
    return await get(tx, workspace, str(await tx.fetchval(QUERIES.first_admin, workspace.id)))


async def everyone(tx: Tx, workspace: Workspace, after: str = "", limit: int = 1000) -> list[User]:
    """Users with their groups in the order of their names (in small letters), from ``after`` on."""
    text = f"{QUERIES.users_select} and r.kind = 'User' and r.name_key > $3 order by r.name_key limit $4"
    return [resources.user(row) for row in await tx.fetch(text, workspace.id, True, after, limit)]


async def search(
    tx: Tx, workspace: Workspace, after: str, limit: int, text: str = "", principal: Principal = USER
) -> list[User]:
    """As :func:`everyone`, those with ``text`` in a name of theirs; or service principals, by application id."""
    condition = "r.name_key > $3 and ($5 = '' or position($5 in r.name_key) > 0 or position($5 in r.display_key) > 0)"
    query = f"{QUERIES.users_select} and r.kind = $6 and {condition} order by r.name_key limit $4"
    rows = await tx.fetch(query, workspace.id, True, after.casefold(), limit, text.casefold(), principal.name)
    return [resources.user(row) for row in rows]


async def count(tx: Tx, workspace: Workspace) -> int:
    """How many users the workspace has, inactive ones included."""
    return int(await tx.fetchval(QUERIES.users_total, workspace.id))


async def present(tx: Tx, workspace: Workspace, names: Collection[str]) -> dict[str, str]:
    """The ids of those who have one of these names now, by the name in small letters."""
    rows = await tx.fetch(QUERIES.users_named, workspace.id, [name.casefold() for name in names])
    return {row["name_key"]: row["id"] for row in rows}


def is_admin(user: User) -> bool:
    """Whether a user who was read with groups is an admin."""
    return any(item["display"] == rules.ADMINS for item in user.groups or ())


async def create(work: Edit, body: Mapping[str, Any], *, principal: Principal = USER) -> User:
    """POST /Users and /ServicePrincipals (RFC 7644 §3.3). Raises Taken when the name is another one's."""
    work.require_admin()
    accepted = accept(principal.type_of(work.workspace), _named(body, principal))
    [user] = await _insert(work, [_new_doc(work, accepted, principal)], principal)
    joined = await members.join(work, user, members.ids(accepted.get("groups") or ()))
    work.record("create", _what(user), user.id, after={**user.doc, **({"groups": joined} if joined else {})})
    return await get(work.tx, work.workspace, user.id) if joined else user


async def create_many(work: Edit, bodies: Sequence[Mapping[str, Any]], *, principal: Principal = USER) -> list[User]:
    """As :func:`create`, all or none: whoever wants to know which one was refused makes them one by one.

    Raises Unfit for one that names groups.
    """
    work.require_admin()
    kind = principal.type_of(work.workspace)
    every = [accept(kind, _named(body, principal)) for body in bodies]
    if any(accepted.get("groups") for accepted in every):
        raise Unfit("Whoever joins groups is made alone.")
    made = await _insert(work, [_new_doc(work, accepted, principal) for accepted in every], principal)
    for user in made:
        work.record("create", _what(user), user.id, after=user.doc)
    return made


async def replace(
    work: Edit,
    identity: str,
    body: Mapping[str, Any],
    expected: Collection[int] | None = None,
    *,
    principal: Principal = USER,
) -> User:
    """PUT /Users/{id} (RFC 7644 §3.5.1). Groups that are named are joined, none is left."""
    work.require_admin()
    before = await _locked(work, identity, expected, principal)
    fixed, naming = principal.fixed_in(work.workspace), principal.naming
    given = dict(body)
    if naming.lower() in fixed and not any(name.lower() == naming.lower() for name in given):
        given[naming] = before.name
    accepted = accept(principal.type_of(work.workspace), given)
    doc = resources.kept(accepted)
    # Who was deactivated stays so until somebody says otherwise.
    doc.setdefault("active", before.active)
    ignored = _hold(before.doc, doc, fixed)
    known = {item["value"] for item in before.groups or ()}
    wanted = [group for group in members.ids(accepted.get("groups") or ()) if group not in known]
    return await _save(work, before, doc, join=wanted, ignored=ignored)


async def change(
    work: Edit,
    identity: str,
    body: Mapping[str, Any],
    expected: Collection[int] | None = None,
    *,
    principal: Principal = USER,
) -> User:
    """PATCH /Users/{id} (RFC 7644 §3.5.2)."""
    work.require_admin()
    before = await _locked(work, identity, expected, principal)
    return await _patch(work, before, dialects.patch_operations(body, makes=not work.workspace.strict))


async def delete(
    work: Edit, identity: str, expected: Collection[int] | None = None, *, principal: Principal = USER
) -> None:
    """DELETE /Users/{id} (RFC 7644 §3.6): gone for good, with memberships and tokens."""
    work.require_admin()
    user = await _locked(work, identity, expected, principal)
    await _delete(work, user)
    work.record("delete", _what(user), user.id, before=user.doc)


async def add(work: Edit, name: str, values: Mapping[str, Any], *, admin: bool = False) -> User:
    """The console's *Add User*: ``values`` are SCIM attributes by path (``displayName``, ``name.givenName``)."""
    lists = {path: value for path, value in values.items() if isinstance(value, list)}
    single = {path: value for path, value in values.items() if value is not None and path not in lists}
    try:
        for path in single:
            parse_path(path, USER.type_of(work.workspace))
        # In one body: what a user is made with, e-mails among it, may not change afterwards.
        user = await create(work, {**resource("User", {"userName": name, **single}), **lists})
    except ScimError as error:
        raise Invalid(error.detail) from None
    return await set_admin(work, name, True) if admin else user


async def set_values(work: Edit, who: str | User, values: Mapping[str, Any]) -> User:
    """Change a user, or the one with a name, as the console does; None clears an attribute. The rules are PATCH's."""
    work.require_admin()
    before = await _locked(work, await _meant(work, who))
    try:
        return await _patch(work, before, _replacements(values))
    except ScimError as error:
        raise Invalid(error.detail) from None


async def set_admin(work: Edit, who: str | User, admin: bool) -> User:
    """The console's *Admin* check box."""
    work.require_admin()
    user = await _locked(work, await _meant(work, who))
    group = (await work.tx.fetchrow(QUERIES.group_by_name, work.workspace.id, rules.ADMINS))["id"]
    is_admin = any(item["value"] == group for item in user.groups or ())
    if admin == is_admin:
        return user
    return await _save(work, user, dict(user.doc), join=[group] if admin else [], leave=[] if admin else [group])


async def remove(work: Edit, who: str | User) -> None:
    """The console's *Delete User*: access ends at once, and provisioning does not bring the user back."""
    work.require_admin()
    user = await _locked(work, await _meant(work, who))
    if user.principal is SERVICE_PRINCIPAL:
        raise Invalid(f"{user.name} is a service principal: delete it under Service principals, or over SCIM.")
    await _delete(work, user)
    await work.tx.execute(
        QUERIES.tombstone_insert,
        work.workspace.id,
        user.id,
        user.name,
        user.name.casefold(),
        user.doc.get("externalId"),
        work.actor.name,
    )
    work.record("remove", _what(user), user.id, before=user.doc)


async def _meant(work: Edit, who: str | User) -> str:
    """The id of a user that was read, whatever others are called, or of the one with a name."""
    return who.id if isinstance(who, User) else (await find(work.tx, work.workspace, who)).id


def _named(body: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
    given, naming = dict(body), principal.naming
    if principal is SERVICE_PRINCIPAL and not any(name.lower() == naming.lower() for name in given):
        # Who registers an application here, not at Entra ID, has no id for it yet.
        given[naming] = new_application_id()
    return given


def _new_doc(work: Edit, accepted: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
    doc, naming = resources.kept(accepted), principal.naming
    doc[naming] = principal.kept_name(work.workspace, str(doc[naming]))
    doc.setdefault("active", True)
    rules.check_text(doc, naming, "displayName", "externalId")
    return doc


async def _insert(work: Edit, docs: Sequence[dict[str, Any]], principal: Principal) -> list[User]:
    """Rows of these documents, in their order. Raises Taken when a name is another one's, or said twice."""
    columns = [_columns(work, principal, doc, doc["active"]) for doc in docs]
    for _ in range(2):
        ids = [rules.new_id(work.workspace) for _ in docs]
        rows = await work.tx.fetch(
            QUERIES.users_insert, work.workspace.id, principal.name, ids, *map(list, zip(*columns, strict=True))
        )
        made = {row["name_key"]: row for row in rows}
        if len(rows) == len(docs):
            return [_made(made[key], doc, principal) for doc, (_, key, *_) in zip(docs, columns, strict=True)]
        taken = next((name for name, key, *_ in columns if key not in made), columns[0][0])
        # What else there was can only be an id that was drawn already.
        if rows or await work.tx.fetchval(QUERIES.user_id_by_name, work.workspace.id, taken.casefold()):
            break
    raise principal.taken(taken)


def _made(row: Row, doc: dict[str, Any], principal: Principal) -> User:
    groups = [{"value": row["everybody"], "display": rules.USERS}]
    return User(row["id"], doc["active"], doc, row["version"], row["created"], row["modified"], groups, principal)


async def _patch(work: Edit, before: User, operations: list[dialects.Operation]) -> User:
    databricks = work.workspace.databricks
    shown: dict[str, Any] = {**before.doc, "id": before.id}
    known = [item["value"] for item in before.groups or ()]
    if databricks and known:
        shown["groups"] = [{"value": group} for group in known]
    after, ignored = patch.apply(
        before.principal.type_of(work.workspace), shown, operations, ignore=before.principal.fixed_in(work.workspace)
    )
    doc = resources.kept(after)
    wanted = members.ids(after.get("groups") or ()) if databricks else known
    return await _save(
        work,
        before,
        doc,
        join=[group for group in wanted if group not in known],
        leave=[group for group in known if group not in wanted],
        ignored=sorted(ignored),
    )


async def _save(
    work: Edit,
    before: User,
    doc: dict[str, Any],
    *,
    join: list[str],
    leave: list[str] | None = None,
    ignored: list[str] | None = None,
) -> User:
    """Write what differs, with one row in the audit log; a second one names what was asked and is never changed."""
    if ignored:
        work.record("change ignored", _what(before), before.id, after={"ignored": ignored})
    active = doc.get("active", before.active)
    if before.active and not active:
        await rules.lose_admins(work, {before.id})
    joined = await members.join(work, before, join)
    left = await members.leave(work, before, leave or [])
    after = before
    if doc != before.doc:
        rules.check_text(doc, before.principal.naming, "displayName", "externalId")
        after = await _update(work, before, doc, active)
    elif not joined and not left:
        return before
    old, new = dict(before.doc), dict(doc)
    if joined or left:
        old["groups"] = sorted(item["value"] for item in before.groups or ())
        new["groups"] = sorted(({*old["groups"]} | {*joined}) - {*left})
    work.record_change(_what(before), before.id, old, new)
    return await get(work.tx, work.workspace, before.id) if joined or left else after


async def _update(work: Edit, before: User, doc: dict[str, Any], active: bool) -> User:
    columns = _columns(work, before.principal, doc, active)
    try:
        row = await work.tx.fetchrow(QUERIES.user_update, work.workspace.id, before.id, *columns)
    except asyncpg.UniqueViolationError:
        # Only the database can say so for certain: another edit may be committing the same name right now.
        raise before.principal.taken(str(doc[before.principal.naming])) from None
    return replace_fields(before, active=active, doc=doc, version=row["version"], modified=row["modified"])


async def _delete(work: Edit, user: User) -> None:
    await rules.lose_admins(work, {user.id})
    await members.lock(work, [item["value"] for item in user.groups or () if item["display"] != rules.USERS])
    await work.tx.execute(QUERIES.user_lock_whole, work.workspace.id, user.id)
    rows = await work.tx.fetch(QUERIES.member_leave, work.workspace.id, user.id, None)
    await members.moved(work, [row["group_id"] for row in rows])
    await work.tx.execute(QUERIES.tokens_revoke, work.workspace.id, user.id)
    await work.tx.execute(QUERIES.user_delete, work.workspace.id, user.id)


async def _locked(
    work: Edit, identity: str, expected: Collection[int] | None = None, principal: Principal | None = None
) -> User:
    """The user or service principal with this id, of one kind or (None) of either."""
    row = await work.tx.fetchrow(QUERIES.user_lock, work.workspace.id, identity)
    if row is None or (principal is not None and row["kind"] != principal.name):
        await tombstones.refuse(work.tx, work.workspace, identity, principal or USER)
    if expected is not None and row["version"] not in expected:
        kind = PRINCIPALS[row["kind"]].kind
        raise Stale(f"{kind} {identity} is version {row['version']} now, another one than was expected: read it again.")
    return resources.user(row)


def _hold(before: Mapping[str, Any], doc: dict[str, Any], fixed: frozenset[str]) -> list[str]:
    """Put the attributes that never change back into ``doc``; returns those that were to be changed."""
    ignored = []
    for name in sorted({*before, *doc}):
        if name.lower() not in fixed:
            continue
        old, new = before.get(name), doc.get(name)
        if old is None:
            # What was never said can be said once.
            continue
        doc[name] = old
        # A name in other letters is the same name.
        same = str(old).casefold() == str(new).casefold() if isinstance(old, str) else old == new
        if new is not None and not same:
            ignored.append(name.lower())
    return ignored


def _columns(work: Edit, principal: Principal, doc: dict[str, Any], active: bool) -> tuple[Any, ...]:
    """Whether somebody is active stands in a column of its own: a client that removes the attribute changes what is
    shown, and lets nobody in or out."""
    name, display = str(doc[principal.naming]), doc.get("displayName")
    idx = fold(principal.type_of(work.workspace), doc)
    return (
        name,
        name.casefold(),
        doc.get("externalId"),
        display and display.casefold(),
        active,
        doc,
        idx,
    )


def _replacements(values: Mapping[str, Any]) -> list[dialects.Operation]:
    operations = [
        {"op": "remove", "path": path} if value is None else {"op": "replace", "path": path, "value": value}
        for path, value in values.items()
    ]
    return dialects.patch_operations({"Operations": operations})


def _what(user: User) -> str:
    return f"{user.principal.kind.lower()} {user.name}"
