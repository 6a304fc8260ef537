"""Lists and filters (RFC 7644 §3.4.2) over the users or groups of a workspace, each page one statement.

The database decides which rows a filter means, in which order they come and how many there are; no row is read that
is not shown. The same statement finds out who asks (``tokens``): a page costs one round trip, and page, total and token
are of one moment. A page begins at an index or after a row (RFC 9865). Whoever is no admin finds by names only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from provisor.scim import filter as filters
from provisor.scim import strict
from provisor.scim.errors import InvalidValue
from provisor.scim.filter_tree import Comparison, Filter, conjuncts
from provisor.scim.messages import Paging
from provisor.scim.schema import Attribute, Named, ResourceType
from provisor.storage.pool import Row, Tx
from provisor.workspace import conditions, tokens
from provisor.workspace.edit import QUERIES, Workspace
from provisor.workspace.kinds import BASE, Kind
from provisor.workspace.places import Arguments, Places
from provisor.workspace.resources import NAMES
from provisor.workspace.tokens import Arrival

_BY_ID: Final = Named(None, Attribute("id", case_exact=True))


@dataclass(frozen=True, slots=True)
class Question:
    """``workspace`` is where the question is believed to go; ``names_only``: who asks is no admin.

    Of several ``kinds`` (a search at the root) each has no value of an attribute that only others have.
    """

    workspace: Workspace
    kinds: tuple[Kind, ...]
    paging: Paging
    base: str
    names_only: bool = False

    @property
    def place(self) -> str:
        """What a cursor belongs to."""
        return f"{self.workspace.id}/{'+'.join(kind.name for kind in self.kinds)}"

    def wants(self, attribute: str) -> bool:
        """Whether the answer shows an attribute that has to be read from elsewhere."""
        return not self.names_only and wanted(attribute, self.paging.attributes, self.paging.excluded)


def wanted(attribute: str, attributes: Sequence[str] | None, excluded: Sequence[str] | None) -> bool:
    """Whether a projection (RFC 7644 §3.9) leaves anything of ``attribute`` (in small letters)."""
    if attributes:
        # A schema by its URN alone stands for all of its attributes.
        return any(_name(item) in (attribute, "user", "group", "serviceprincipal") for item in attributes)
    return attribute not in {item.lower().rpartition(":")[2] for item in excluded or ()}


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page by cursor: what it is sorted by, its id, and how many there were at the first page."""

    value: str | None
    id: str
    total: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page: how many there are in all, the rows, and where the next page begins when there is one."""

    total: int
    rows: list[Row]
    next: Position | None = None


async def ask(
    tx: Tx, name: str | None, token: str | None, question: Question, position: Position | None = None
) -> tuple[Arrival, Found] | None:
    """Who comes with ``token`` to the workspace ``name``, and the page they ask for; None when there is no such one.

    Nothing is read for a token that is refused, or for one of no admin unless the question is for names only. The page
    begins after ``position`` when there is one. Raises InvalidFilter, TooMany, InvalidValue for what cannot be asked.
    """
    statement = _Statement(question, position)
    rows = await tx.fetch(statement.text, name, tokens.hashed(token), *statement.arguments.values[2:])
    if not rows:
        return None
    arrival = tokens.arrived(rows[0], token)
    page = [row for row in rows if row["id"] is not None]
    total = rows[0]["total"]
    if total is None:
        total = position.total if position else len(page)
    more = len(page) > question.paging.count
    page = page[: question.paging.count]
    if question.paging.cursor is None or not more or not page:
        return arrival, Found(total, page)
    return arrival, Found(total, page, Position(page[-1]["place"], page[-1]["id"], total))


class _Statement:
    """``text`` with its ``arguments``: the arrival, and beside it the page."""

    def __init__(self, question: Question, position: Position | None) -> None:
        self.arguments = Arguments(None, None)
        self._question = question
        self._position = position
        self._types = [kind.type_of(question.workspace) for kind in question.kinds]
        paging = question.paging
        direction, nulls = ("desc", "first") if paging.sort_order == "descending" else ("asc", "last")
        self._order = f"order by {{}} {direction} nulls {nulls}, {{}} {direction}"
        self._limit = f"limit {paging.count + 1}"
        if paging.cursor is None:
            self._limit = f"offset {self.arguments.bind(str(paging.start - 1), 'bigint')} {self._limit}"
        parts, totals = zip(*map(self._part, question.kinds, self._types), strict=True)
        page = parts[0]
        if len(parts) > 1:
            page = f"{' union all '.join(parts)} {self._order.format('sorted', 'id')} {self._limit}"
        self.text = f"""
            with a as materialized ({QUERIES.arrival}),
                 t as materialized (select {" + ".join(totals)} as total from a)
            select a.*, f.*, t.total
            from a cross join t left join lateral ({page}) f on true
            {self._order.format("f.sorted", "f.id")}"""
        if BASE in self.text:
            self.text = self.text.replace(BASE, self.arguments.bind(question.base))

    def _part(self, kind: Kind, resource_type: ResourceType) -> tuple[str, str]:
        """The page of one kind and how many there are; of several kinds each can fill the whole page."""
        question = self._question
        visible = NAMES if question.names_only else None
        places = kind.places(question.workspace, question.base, visible)
        others = [other for other in self._types if other is not resource_type]
        text = question.paging.filter
        if text is not None and question.workspace.strict:
            strict.filter_text(text)
        tree = filters.parse(text, resource_type, *others) if text is not None else None
        shown = "a.good" if question.names_only else "a.good and a.admin"
        asked = f" and {conditions.condition(tree, places, self.arguments)}" if tree is not None else ""
        sort, sort_type = self._sort(resource_type, places)
        groups = QUERIES.groups_of if question.wants("groups") else "null::jsonb"
        rows = f"""
            select '{kind.name}' as kind, {kind.columns}, {groups} as groups, ({sort})::text as place, {sort} as sorted
            from {kind.table} and {shown}{asked}{self._beyond(sort, sort_type)}
            {self._order.format(sort, "r.id")}"""
        page = f"({rows} limit {question.paging.start + question.paging.count})"
        if len(self._types) == 1:
            page = f"{rows} {self._limit}"
        return page, self._total(kind, tree, f"{kind.table} and {shown}{asked}")

    def _sort(self, resource_type: ResourceType, places: Places) -> tuple[str, str]:
        asked = self._question.paging.sort_by
        if not asked:
            return conditions.order(_BY_ID, places)
        found = (kind.resolve(asked.strip()) for kind in (resource_type, *self._types))
        named = next((item for item in found if item is not None), None)
        if named is None:
            raise InvalidValue(f"sortBy: {resource_type.name} has no attribute {asked[:80]}.")
        return conditions.order(named, places)

    def _beyond(self, sort: str, kind: str) -> str:
        """The rows after the position: in ascending order those without a value come last, else first."""
        position = self._position
        if position is None:
            return ""
        identity = self.arguments.bind(position.id)
        descending = self._question.paging.sort_order == "descending"
        sign = "<" if descending else ">"
        if position.value is None:
            later = f"({sort}) is null and r.id {sign} {identity}"
            return f" and ({later} or ({sort}) is not null)" if descending else f" and {later}"
        if sort == "r.id":
            return f" and r.id {sign} {identity}"
        beyond = f"({sort}, r.id) {sign} ({self.arguments.bind(position.value, kind)}, {identity})"
        if descending or sort == "r.name_key":
            return f" and {beyond}"
        return f" and (({sort}) is null or {beyond})"

    def _total(self, kind: Kind, tree: Filter | None, table: str) -> str:
        """How many there are. Without a filter that is known; else it need not be counted after the first page by
        cursor, nor where there is one at most."""
        paging = self._question.paging
        alone = len(self._types) == 1 and paging.start == 1 and paging.count > 0
        if self._position is not None or (alone and tree is not None and _one_at_most(tree, kind)):
            return "null::bigint"
        if tree is None:
            known = f"workspace_count c where c.workspace = a.workspace and c.kind = '{kind.name}' and a.good"
            return f"(select coalesce(sum(c.count), 0)::bigint from {known})"
        return f"(select count(*) from {table})"


def _one_at_most(tree: Filter, kind: Kind) -> bool:
    return any(
        isinstance(item, Comparison)
        and item.operator == "eq"
        and item.value is not None
        and item.attribute.path.lower() in kind.unique
        for item in conjuncts(tree)
    )


def _name(path: str) -> str:
    """The attribute of a path, in small letters, without its schema and sub-attributes."""
    return path.lower().rpartition(":")[2].partition(".")[0]
