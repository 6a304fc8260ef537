"""Lists and filters (RFC 7644 §3.4.2) over the users or groups of a workspace.

Comparisons that an index answers (``eq`` on id, userName, externalId, displayName, members) choose the rows; whatever
else the filter says is decided on each representation. A filter without such a comparison reads the rows once, in
order, through a cursor, and keeps no more than the page that was asked for. ``tx`` should be a snapshot: the total and
the page then tell of the same moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from provisor.scim import filter as filters
from provisor.scim.errors import InvalidValue
from provisor.scim.messages import Paging
from provisor.scim.schema import ResourceType
from provisor.storage.pool import Row, Tx
from provisor.workspace import members, resources
from provisor.workspace.edit import QUERIES, Workspace
from provisor.workspace.rules import group_type, user_type

_CHUNK: Final = 500
_MEMBER: Final = (
    "exists (select from workspace_member m where m.workspace = r.workspace and m.group_id = r.id and m.member_id = $3)"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What users and groups differ in: statements, and the columns behind attributes (attribute in small letters)."""

    select: str
    total: str
    conditions: Mapping[str, str]
    folded: frozenset[str]
    order: Mapping[str, str]


USERS: Final = Kind(
    QUERIES.users_select,
    QUERIES.users_total,
    {
        "id": "r.id = $3",
        "username": "r.name_key = $3",
        "externalid": "r.external_id = $3",
        "displayname": "r.display_key = $3",
    },
    frozenset({"username", "displayname"}),
    {"id": "r.id", "username": "r.name_key", "displayname": "r.display_key"},
)
GROUPS: Final = Kind(
    QUERIES.groups_select,
    QUERIES.groups_total,
    {
        "id": "r.id = $3",
        "displayname": "r.display_key = $3",
        "externalid": "r.external_id = $3",
        "members": _MEMBER,
        "members.value": _MEMBER,
    },
    frozenset({"displayname"}),
    {"id": "r.id", "displayname": "r.display_key"},
)


@dataclass(frozen=True, slots=True)
class Question:
    """``shown`` makes of a representation what the asker may see, before the filter is applied to it."""

    workspace: Workspace
    kind: Kind
    base: str
    paging: Paging
    shown: Callable[[dict[str, Any]], dict[str, Any]]

    @property
    def resource_type(self) -> ResourceType:
        return user_type(self.workspace) if self.kind is USERS else group_type(self.workspace)

    def wants(self, attribute: str) -> bool:
        """Whether the answer or the filter needs an attribute that has to be read from elsewhere."""
        if self.paging.filter and attribute in self.paging.filter.lower():
            return True
        return wanted(attribute, self.paging.attributes, self.paging.excluded)


def wanted(attribute: str, attributes: Sequence[str] | None, excluded: Sequence[str] | None) -> bool:
    """Whether a projection (RFC 7644 §3.9) leaves anything of ``attribute`` (in small letters)."""
    if attributes:
        # A schema by its URN alone stands for all of its attributes.
        return any(_name(item) in (attribute, "user", "group") for item in attributes)
    return attribute not in {item.lower().rpartition(":")[2] for item in excluded or ()}


async def search(tx: Tx, question: Question) -> tuple[int, list[dict[str, Any]]]:
    """How many there are, and the representations of the page that was asked for."""
    order = _order(question)
    if question.paging.filter is None:
        return await _plain(tx, question, order)
    parsed = filters.parse(question.paging.filter, question.resource_type)
    matches = filters.compile(parsed, question.resource_type)
    text, arguments = _preselected(question, parsed)
    total, page = 0, []
    start = question.paging.start
    async for rows in _chunks(tx, f"{text} {order}", [question.workspace.id, question.wants("groups"), *arguments]):
        for resource in await _represented(tx, question, rows):
            if matches(resource):
                total += 1
                if start <= total < start + question.paging.count:
                    page.append(resource)
    return total, page


async def _plain(tx: Tx, question: Question, order: str) -> tuple[int, list[dict[str, Any]]]:
    total: int = await tx.fetchval(question.kind.total, question.workspace.id)
    offset = question.paging.start - 1
    if question.paging.count == 0 or offset >= total:
        return total, []
    rows = await tx.fetch(
        f"{question.kind.select} {order} offset $3 limit $4",
        question.workspace.id,
        question.wants("groups"),
        offset,
        question.paging.count,
    )
    return total, await _represented(tx, question, rows)


async def _represented(tx: Tx, question: Question, rows: Sequence[Row]) -> list[dict[str, Any]]:
    items: list[resources.User] | list[resources.Group]
    if question.kind is USERS:
        items = [resources.user(row) for row in rows]
    else:
        found: Mapping[str, Any] = {}
        if question.wants("members"):
            found = await members.of_groups(tx, question.workspace, [row["id"] for row in rows])
        items = [resources.group(row, found.get(row["id"])) for row in rows]
    return [question.shown(resources.represent(question.workspace, item, question.base)) for item in items]


async def _chunks(tx: Tx, text: str, arguments: Sequence[Any]) -> AsyncIterator[list[Row]]:
    cursor = await tx.cursor(text, *arguments)
    while rows := await cursor.fetch(_CHUNK):
        yield rows
        if len(rows) < _CHUNK:
            return


def _preselected(question: Question, parsed: filters.Filter) -> tuple[str, list[str]]:
    """The statement for the rows that can match at all, and its further arguments."""
    asked = {path: value for path, value in filters.equalities(parsed) if isinstance(value, str)}
    for attribute, condition in question.kind.conditions.items():
        if attribute in asked:
            value = asked[attribute]
            key = value.casefold() if attribute in question.kind.folded else value
            return f"{question.kind.select} and {condition}", [key]
    return question.kind.select, []


def _order(question: Question) -> str:
    asked = question.paging.sort_by
    column = question.kind.order.get(_name(asked)) if asked else "r.id"
    if column is None:
        raise InvalidValue(f"sortBy {asked} is not supported: {', '.join(question.kind.order)}.")
    direction = "desc" if question.paging.sort_order == "descending" else "asc"
    return f"order by {column} {direction} nulls last, r.id {direction}"


def _name(path: str) -> str:
    """The attribute of a path, in small letters, without its schema and sub-attributes."""
    return path.lower().rpartition(":")[2].partition(".")[0]
