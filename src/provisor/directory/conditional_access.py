"""Conditional access policies, named locations and break-glass accounts of a tenant: kept, changed, warned about.

Documents are Microsoft Graph's; ``access.conditional_access`` decides by them. A change that would keep every Global
Administrator from the portal, wherever they are, is refused unless forced. A break-glass account is one that no policy
should be in the way of: where one is, that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from provisor import audit
from provisor.access.conditional_access import (
    ALL,
    ALL_TRUSTED,
    PORTAL,
    Policy,
    State,
    concerns,
)
from provisor.access.policy_documents import location, location_document, policy, policy_document
from provisor.directory import users, way_in
from provisor.directory.edit import QUERIES as DIRECTORY
from provisor.directory.edit import Edit, Tenant
from provisor.directory.users import User
from provisor.directory.way_in import Rules
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("conditional_access")
#: As many as Entra ID takes: all of them are read with each sign-in.
MOST_POLICIES: Final = 240
MOST_LOCATIONS: Final = 195
_POLICY: Final = "conditional access policy"
_LOCATION: Final = "named location"


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy or named location (``value``) as it is kept."""

    value: Any
    created: datetime
    modified: datetime

    @property
    def id(self) -> UUID:
        return UUID(self.value.id)

    @property
    def name(self) -> str:
        return str(self.value.name)

    def to_json(self) -> dict[str, Any]:
        """Graph's form, with when it was made and changed."""
        document = policy_document(self.value) if isinstance(self.value, Policy) else location_document(self.value)
        moments = {"createdDateTime": self.created, "modifiedDateTime": self.modified}
        return {**document, **{name: moment.isoformat() for name, moment in moments.items()}}


@dataclass(frozen=True, slots=True)
class Warned:
    """What is to be said about a tenant's policies: about ``all`` of them, and about each, by id."""

    all: tuple[str, ...] = ()
    each: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, policy: Policy) -> tuple[str, ...]:
        return self.each.get(policy.id, ())


# ── policies ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def policies(tx: Tx, tenant: Tenant) -> list[Kept]:
    """Every policy, by name."""
    rows = await tx.fetch(QUERIES.policies, tenant.id)
    return [Kept(policy(row["doc"], str(row["id"])), row["created"], row["modified"]) for row in rows]


async def find_policy(tx: Tx, tenant: Tenant, name: str) -> Kept:
    """The policy with this name or id. Raises NotFound."""
    return _found(await policies(tx, tenant), name, _POLICY, "provisor conditional-access policy list shows them")


async def create_policy(work: Edit, given: Any, *, force: bool = False) -> Kept:
    """A policy from a document. Raises Invalid, and Conflict when it would shut every administrator out."""
    return await _put_policy(work, None, given, force=force)


async def change_policy(work: Edit, identity: UUID, given: Any, *, force: bool = False) -> Kept:
    """Give a policy another document, all of it. Raises as :func:`create_policy`, and NotFound."""
    return await _put_policy(work, identity, given, force=force)


async def delete_policy(work: Edit, identity: UUID) -> Kept:
    await _begin(work)
    before = await find_policy(work.tx, work.tenant, str(identity))
    await work.tx.execute(QUERIES.policy_delete, work.tenant.id, identity)
    work.record(audit.Entry("delete", f"{_POLICY} {before.name}", str(identity), before=before.to_json()))
    return before


async def _put_policy(work: Edit, identity: UUID | None, given: Any, *, force: bool) -> Kept:
    await _begin(work)
    kept, places = await policies(work.tx, work.tenant), await locations(work.tx, work.tenant)
    before = None if identity is None else _found(kept, str(identity), _POLICY)
    if before is None and len(kept) >= MOST_POLICIES:
        raise Invalid(f"A tenant has at most {MOST_POLICIES} policies.")
    after = policy(given, str(identity or uuid4()))
    await _check_names(work, before.value if before else None, after)
    old = [item.value for item in kept]
    new = [item for item in old if item.id != after.id] + [after]
    named = [item.value for item in places]
    await _keep_a_way_in(work, Rules(old, named), Rules(new, named), force=force)
    document = policy_document(after)
    await _put(work, QUERIES.policy_put, UUID(after.id), after.name, document, _POLICY)
    _record(work, _POLICY, after.id, after.name, policy_document(before.value) if before else None, document)
    return await find_policy(work.tx, work.tenant, after.id)


# ── named locations ─────────────────────────────────────────────────────────────────────────────────────────────────


async def locations(tx: Tx, tenant: Tenant) -> list[Kept]:
    """Every named location, by name."""
    rows = await tx.fetch(QUERIES.locations, tenant.id)
    return [Kept(location(row["doc"], str(row["id"])), row["created"], row["modified"]) for row in rows]


async def find_location(tx: Tx, tenant: Tenant, name: str) -> Kept:
    """The named location with this name or id. Raises NotFound."""
    return _found(await locations(tx, tenant), name, _LOCATION, "provisor conditional-access location list shows them")


async def create_location(work: Edit, given: Any, *, force: bool = False) -> Kept:
    """A named location from a document. Raises as :func:`create_policy`: other addresses may be trusted now."""
    return await _put_location(work, None, given, force=force)


async def change_location(work: Edit, identity: UUID, given: Any, *, force: bool = False) -> Kept:
    """Give a named location another document. Raises as :func:`create_location`, and NotFound."""
    return await _put_location(work, identity, given, force=force)


async def delete_location(work: Edit, identity: UUID, *, force: bool = False) -> Kept:
    """Raises Conflict as long as a policy names it."""
    await _begin(work)
    kept, places = await policies(work.tx, work.tenant), await locations(work.tx, work.tenant)
    before = _found(places, str(identity), _LOCATION)
    users_of = [item.name for item in kept if _names_location(item.value, before.value.id)]
    if users_of:
        raise Conflict(f"{before.name} is named by {', '.join(users_of)}: change the policy first.")
    old = [item.value for item in places]
    rules = [item.value for item in kept]
    left = [item for item in old if item.id != before.value.id]
    await _keep_a_way_in(work, Rules(rules, old), Rules(rules, left), force=force)
    await work.tx.execute(QUERIES.location_delete, work.tenant.id, identity)
    work.record(audit.Entry("delete", f"{_LOCATION} {before.name}", str(identity), before=before.to_json()))
    return before


async def _put_location(work: Edit, identity: UUID | None, given: Any, *, force: bool) -> Kept:
    await _begin(work)
    kept, places = await policies(work.tx, work.tenant), await locations(work.tx, work.tenant)
    before = None if identity is None else _found(places, str(identity), _LOCATION)
    if before is None and len(places) >= MOST_LOCATIONS:
        raise Invalid(f"A tenant has at most {MOST_LOCATIONS} named locations.")
    after = location(given, str(identity or uuid4()))
    old, rules = [item.value for item in places], [item.value for item in kept]
    new = [item for item in old if item.id != after.id] + [after]
    await _keep_a_way_in(work, Rules(rules, old), Rules(rules, new), force=force)
    document = location_document(after)
    await _put(work, QUERIES.location_put, UUID(after.id), after.name, document, _LOCATION)
    _record(work, _LOCATION, after.id, after.name, location_document(before.value) if before else None, document)
    return await find_location(work.tx, work.tenant, after.id)


# ── break-glass accounts ────────────────────────────────────────────────────────────────────────────────────────────


async def break_glass(tx: Tx, tenant: Tenant) -> list[User]:
    """The accounts that no policy should be in the way of, by name."""
    return [users.from_row(row) for row in await tx.fetch(QUERIES.break_glass, tenant.id)]


async def add_break_glass(work: Edit, user: User) -> bool:
    """Whether they were none before. Raises Conflict for somebody in the recycle bin."""
    await _begin(work)
    if user.recycled:
        raise Conflict(f"{user.upn} is in the recycle bin: restore the user first.")
    added = await work.tx.fetchval(QUERIES.break_glass_add, work.tenant.id, user.id) is not None
    if added:
        work.record(audit.Entry("make break-glass account", f"user {user.upn}", str(user.id)))
    return added


async def remove_break_glass(work: Edit, user: User) -> None:
    """Raises NotFound when they are none."""
    await _begin(work)
    if await work.tx.fetchval(QUERIES.break_glass_remove, work.tenant.id, user.id) is None:
        raise NotFound(f"{user.upn} is no break-glass account.")
    work.record(audit.Entry("end break-glass account", f"user {user.upn}", str(user.id)))


async def warnings(tx: Tx, tenant: Tenant) -> Warned:
    """What is wrong with the tenant's policies, in sentences."""
    rules = [item.value for item in await policies(tx, tenant)]
    people = [row for row in await tx.fetch(QUERIES.people, tenant.id) if row["break_glass"]]
    each = {
        rule.id: tuple(
            f"{rule.name} applies to the break-glass account {row['upn']}: exclude it, so that a mistake in the policy "
            "leaves a way in."
            for row in people
            if rule.state is State.ENABLED and concerns(rule, way_in.somebody(row))
        )
        for rule in rules
    }
    wide = [rule.name for rule in rules if rule.state is State.ENABLED and ALL in rule.users.include]
    said: list[str] = []
    if not await way_in.open_to(tx, tenant.id):
        said.append(f"As it is, {way_in.NOBODY}: exclude one of them from the policy that blocks.")
    if wide and not people:
        said.append(
            f"There is no break-glass account, and {wide[0]} applies to everybody: name an account that every policy "
            "excludes (provisor conditional-access break-glass add USER)."
        )
    return Warned(tuple(said), {key: value for key, value in each.items() if value})


# ── what they have in common ────────────────────────────────────────────────────────────────────────────────────────


async def _begin(work: Edit) -> None:
    work.require("policy.write")
    await work.tx.execute(QUERIES.edit_lock, str(work.tenant.id))


def _found(kept: Sequence[Kept], name: str, what: str, hint: str = "") -> Kept:
    key = name.casefold()
    found = [item for item in kept if item.name.casefold() == key] or [item for item in kept if item.value.id == key]
    if not found:
        raise NotFound(f"There is no {what} {name}{': ' + hint if hint else ''}.")
    return found[0]


async def _put(work: Edit, statement: str, identity: UUID, name: str, document: Mapping[str, Any], what: str) -> None:
    try:
        await work.tx.execute(statement, work.tenant.id, identity, name.casefold(), document)
    except asyncpg.UniqueViolationError:
        raise Conflict(f"Another {what} is called {name} already.") from None


def _record(
    work: Edit, what: str, identity: str, name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> None:
    names = [key for key in after if before is None or before.get(key) != after[key]]
    if names:
        was = None if before is None else {key: before.get(key) for key in names}
        now = {key: after[key] for key in names}
        work.record(audit.Entry("change" if before else "create", f"{what} {name}", identity, before=was, after=now))


async def _check_names(work: Edit, before: Policy | None, after: Policy) -> None:
    """Refuse ids of nobody; those that were there before stay, whoever has gone since."""
    found = [_ids(after, kind) - (_ids(before, kind) if before else set()) for kind in _KINDS]
    strangers = await work.tx.fetch(QUERIES.strangers, work.tenant.id, *(sorted(ids) for ids in found))
    if strangers:
        row = strangers[0]
        raise Invalid(f"{after.name} names the {row['kind']} {row['id']}, which is not in the tenant.")


_KINDS: Final = ("users", "groups", "applications", "locations")
_WORDS: Final = frozenset({ALL, "None", ALL_TRUSTED, PORTAL})


def _ids(rule: Policy, kind: str) -> set[UUID]:
    chosen = getattr(rule, kind)
    return {UUID(item) for item in chosen.include | chosen.exclude if item not in _WORDS} if chosen else set()


def named(rules: Iterable[Policy]) -> set[UUID]:
    """Every id that these policies name."""
    return {identity for rule in rules for kind in _KINDS for identity in _ids(rule, kind)}


def _names_location(rule: Policy, identity: str) -> bool:
    return rule.locations is not None and identity in rule.locations.include | rule.locations.exclude


async def _keep_a_way_in(work: Edit, before: Rules, after: Rules, *, force: bool) -> None:
    """Refuse to shut out whoever could still get in: a change that does not make it worse is not in question."""
    if force:
        return
    # Whoever takes an administrator away holds the tenant until that is done, and looks at the policies then: either
    # they see this change, or it sees theirs.
    await work.tx.execute(DIRECTORY.tenant_lock, work.tenant.id)
    people = await way_in.administrators(work.tx, work.tenant.id)
    if after.keep_out(people) and not before.keep_out(people):
        raise Conflict(
            f"With this {way_in.NOBODY}: exclude one of them from the policy, or say that it is meant (--force; in the "
            "portal tick it)."
        )
