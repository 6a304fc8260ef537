"""A page of a list: of a table by one statement, or of what is in memory, chosen, sorted and cut the same way.

found = listing(query, USERS, "u.id, u.doc", "directory_user u where u.tenant = $1", tenant.id)
rows, token = found.page(await tx.fetch(found.text, *found.values))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from provisor.api.graph.conditions import Arguments, chosen
from provisor.api.graph.fields import Fields
from provisor.api.graph.matching import Get, predicate
from provisor.api.graph.ordering import Ordering, ordering
from provisor.api.graph.query import Query

PAGE: Final = 100
Row = TypeVar("Row", bound=Mapping[str, Any])
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listing:
    """A statement with its arguments. It reads one row more than the page has, to know whether there is another."""

    text: str
    values: list[Any]
    size: int
    ordering: Ordering

    def page(self, rows: Sequence[Row]) -> tuple[Sequence[Row], str | None]:
        """The rows of the page, and the token of the next one."""
        page = rows[: self.size]
        return page, self.ordering.row_token(page[-1]) if len(rows) > self.size else None


def listing(query: Query, fields: Fields, columns: str, source: str, *values: Any, size: int = PAGE) -> Listing:
    """The statement for the page that ``query`` asks for. ``source`` is what follows *from*, with a *where*, and
    ``values`` its arguments; ``size`` the page that nobody asked for. Raises Invalid for what cannot be asked."""
    arguments = Arguments(*values)
    order = ordering(query.order, fields)
    written = order.written(arguments)
    condition = chosen(query.chosen, fields, arguments)
    if query.skip_token is not None:
        condition += f" and {written.beyond(order.opened(query.skip_token), arguments)}"
    size = query.top or size
    text = (
        f"select {columns}, {written.columns} from {source} and {condition} order by {written.order} limit {size + 1}"
    )
    return Listing(text, arguments.values, size, order)


def counting(query: Query, fields: Fields, source: str, *values: Any) -> tuple[str, list[Any]]:
    """The statement, with its arguments, for how many there are on all pages together."""
    arguments = Arguments(*values)
    return f"select count(*) from {source} and {chosen(query.chosen, fields, arguments)}", arguments.values


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """``total`` on all pages; ``token`` of the next one, None when this is the last."""

    items: list[Item]
    total: int
    token: str | None


def in_memory(
    query: Query, fields: Fields, items: Iterable[Item], get: Callable[[Item], Get], *, size: int = PAGE
) -> Page[Item]:
    """The page of ``items`` that ``query`` asks for; ``get(item)`` gives an item's values. Raises Invalid."""
    meets = predicate(query.chosen, fields) if query.chosen is not None else None
    order = ordering(query.order, fields)
    after = order.opened(query.skip_token) if query.skip_token is not None else None
    values = [(item, get(item)) for item in items]
    found = [(item, order.values(value)) for item, value in values if meets is None or meets(value)]
    rest = order.sorted(found, after)
    size = query.top or size
    page = rest[:size]
    token = order.token(page[-1][1]) if len(rest) > size else None
    return Page([item for item, _ in page], len(found), token)
