"""Groups in groups: what stands below a group, who is in it through what, and what stands above.

No group contains itself, however far down (``members`` sees to it). A group may be reached by several ways: of those to
one group the shortest counts, as with :mod:`provisor.workspace.entitlements`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from provisor.storage.pool import Row, Tx
from provisor.workspace import groups, members
from provisor.workspace.edit import QUERIES, Workspace
from provisor.workspace.members import Member

#: The names of the groups on a way down, from the first that is in the group where it begins; empty: that group itself.
Way: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """A group that is a member of another: how many members it has itself, and how many of these are groups."""

    id: str
    name: str
    key: str
    members: int
    groups: int


@dataclass(frozen=True, slots=True)
class Effective(Member):
    """Somebody who is in a group, through groups in it too: ``ways`` to them, the shortest first."""

    ways: Sequence[Way]

    @property
    def direct(self) -> bool:
        return () in self.ways


async def inside(
    tx: Tx, workspace: Workspace, group: str, after: tuple[str, str], limit: int, text: str = ""
) -> list[Nested]:
    """The groups that are members of one, by name, from ``after`` (key and id) on, with ``text`` in the name."""
    rows = await tx.fetch(QUERIES.members_groups, workspace.id, group, *after, text.casefold(), limit)
    ids = [row["id"] for row in rows]
    sizes = await groups.sizes(tx, workspace, ids)
    nested = {row["group_id"]: row["count"] for row in await tx.fetch(QUERIES.nested_numbers, workspace.id, ids)}
    return [
        Nested(row["id"], row["name"], row["key"], sizes.get(row["id"], 0), nested.get(row["id"], 0)) for row in rows
    ]


async def below(tx: Tx, workspace: Workspace, group: str) -> dict[str, Way]:
    """The way to every group that stands below one, by id, nearest first; the group itself, with an empty way, first of
    all."""
    children: dict[str, list[Row]] = {}
    for row in await tx.fetch(QUERIES.nested, workspace.id, group):
        children.setdefault(row["parent"], []).append(row)
    found: dict[str, Way] = {group: ()}
    nearest = [group]
    while nearest:
        further = []
        for identity in nearest:
            for row in children.get(identity, ()):
                if row["id"] not in found:
                    found[row["id"]] = (*found[identity], row["name"])
                    further.append(row["id"])
        nearest = further
    return found


async def effective(
    tx: Tx,
    workspace: Workspace,
    ways: Mapping[str, Way],
    after: tuple[str, str],
    limit: int,
    text: str = "",
) -> list[Effective]:
    """Users and service principals in the group whose ``ways`` (:func:`below`) these are, as :func:`members.page` has
    them."""
    people = await members.people_in(tx, workspace, list(ways), after, limit, text)
    through: dict[str, list[Way]] = {one.id: [] for one in people}
    for row in await tx.fetch(QUERIES.memberships_among, workspace.id, list(through), list(ways)):
        through[row["member_id"]].append(ways[row["group_id"]])
    return [
        Effective(
            one.id,
            one.type,
            one.name,
            one.display,
            one.key,
            one.active,
            sorted(through[one.id], key=lambda way: (len(way), way)),
        )
        for one in people
    ]


async def number(tx: Tx, workspace: Workspace, ways: Mapping[str, Way]) -> int:
    """How many users and service principals are in a group, through groups in it too, each counted once."""
    return int(await tx.fetchval(QUERIES.members_number, workspace.id, list(ways)))
