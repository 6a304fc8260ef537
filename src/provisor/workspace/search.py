"""Lists and filters (RFC 7644 §3.4.2) over the users or groups of a workspace.

Comparisons that an index answers (``eq`` on id, userName, externalId, displayName, members) choose the rows; whatever
else the filter says is decided on each representation. A filter without such a comparison reads the rows once, in
order, through a cursor, and keeps no more than the page that was asked for. A page begins at an index (``search``) or
after a row (``after``, RFC 9865). ``tx`` should be a snapshot: the total and
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


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page by cursor: its value in the order's column, its id, and how many there were at the
    first page."""

    value: str | None
    id: str
    total: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page: how many there are in all, the representations, and where the next page begins when there is one."""

    total: int
    resources: list[dict[str, Any]]
    next: Position | None = None


async def search(tx: Tx, question: Question) -> Found:
    """The page that was asked for by index."""
    order = _order(question)
    if question.paging.filter is None:
        return await _plain(tx, question, order)
    matches, text, arguments = _asked(question)
    total, page = 0, []
    start = question.paging.start
    async for rows in _chunks(tx, f"{text} {order}", [question.workspace.id, question.wants("groups"), *arguments]):
        for resource in await _represented(tx, question, rows):
            if matches(resource):
                total += 1
                if start <= total < start + question.paging.count:
                    page.append(resource)
    return Found(total, page)


async def after(tx: Tx, question: Question, position: Position | None) -> Found:
    """The page by cursor that begins after ``position``, or the first one.

    It costs the same wherever it begins. The total is that of the first page, which is the one that counts.
    """
    matches, text, arguments = _asked(question)
    column = _column(question)
    if position is not None:
        condition, more = _beyond(question, column, position, len(arguments) + 3)
        text, arguments = f"{text} and {condition}", [*arguments, *more]
    count, total, more_to_come = question.paging.count, 0, False
    page: list[dict[str, Any]] = []
    last: Row | None = None
    limit = "" if question.paging.filter else f"limit {count + 1}"
    statement = f"{text} {_order(question)} {limit}"
    async for rows in _chunks(tx, statement, [question.workspace.id, question.wants("groups"), *arguments]):
        for row, resource in zip(rows, await _represented(tx, question, rows), strict=True):
            if not matches(resource):
                continue
            total += 1
            if len(page) < count:
                page.append(resource)
                last = row
            else:
                more_to_come = True
        if more_to_come and position is not None:
            break
    if position is not None:
        total = position.total
    elif question.paging.filter is None:
        total = await tx.fetchval(question.kind.total, question.workspace.id)
    if not more_to_come or last is None:
        return Found(total, page)
    return Found(total, page, Position(_value(column, last), last["id"], total))


async def _plain(tx: Tx, question: Question, order: str) -> Found:
    total: int = await tx.fetchval(question.kind.total, question.workspace.id)
    offset = question.paging.start - 1
    if question.paging.count == 0 or offset >= total:
        return Found(total, [])
    rows = await tx.fetch(
        f"{question.kind.select} {order} offset $3 limit $4",
        question.workspace.id,
        question.wants("groups"),
        offset,
        question.paging.count,
    )
    return Found(total, await _represented(tx, question, rows))


def _asked(question: Question) -> tuple[Callable[[dict[str, Any]], bool], str, list[str]]:
    """Whether a representation is meant, and the statement for the rows that can be."""
    if question.paging.filter is None:
        return (lambda _: True), question.kind.select, []
    parsed = filters.parse(question.paging.filter, question.resource_type)
    return filters.compile(parsed, question.resource_type), *_preselected(question, parsed)


def _beyond(question: Question, column: str, position: Position, first: int) -> tuple[str, list[str]]:
    """The rows after a position, in the order of ``_order``: by column with nothing last, then by id."""
    sign = "<" if question.paging.sort_order == "descending" else ">"
    if column == "r.id":
        return f"r.id {sign} ${first}", [position.id]
    if position.value is None:
        return f"{column} is null and r.id {sign} ${first}", [position.id]
    beyond = f"({column} is null or ({column}, r.id) {sign} (${first}, ${first + 1}))"
    return beyond, [position.value, position.id]


def _value(column: str, row: Row) -> str | None:
    """What a row has in the order's column, which the select does not name but the document has."""
    if column == "r.id":
        return str(row["id"])
    attribute = {"r.name_key": "userName", "r.display_key": "displayName"}[column]
    found = row["doc"].get(attribute)
    return str(found).casefold() if found is not None else None


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


def _column(question: Question) -> str:
    asked = question.paging.sort_by
    column = question.kind.order.get(_name(asked)) if asked else "r.id"
    if column is None:
        raise InvalidValue(f"sortBy {asked} is not supported: {', '.join(question.kind.order)}.")
    return column


def _order(question: Question) -> str:
    column = _column(question)
    direction = "desc" if question.paging.sort_order == "descending" else "asc"
    return f"order by {column} {direction} nulls last, r.id {direction}"


def _name(path: str) -> str:
    """The attribute of a path, in small letters, without its schema and sub-attributes."""
    return path.lower().rpartition(":")[2].partition(".")[0]
