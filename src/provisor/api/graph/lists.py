"""Answers that are lists: a page, how many there are in all, and the address of the next page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from provisor.api.graph import objects
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.fields import Field, Fields, reader
from provisor.api.graph.listing import PAGE, counting, in_memory, listing
from provisor.api.graph.matching import predicate
from provisor.api.graph.query import Query, following
from provisor.refusal import Invalid
from provisor.storage.pool import Row, Tx

#: What lists of directory objects of both kinds can be filtered by.
OBJECTS: Final = Fields("directory object", {"id": Field("uuid"), "displayName": Field("text")})
_FIRST: Final = UUID(int=0)
_ALL: Final = 10_000


async def of_table(
    tx: Tx,
    call: Call,
    fields: Fields,
    columns: str,
    source: str,
    view: Callable[[tuple[str, ...]], Callable[[Row], Mapping[str, Any]]],
    usual: Iterable[str] | None,
) -> Answer:
    """A page of a table; ``source`` follows *from* and has the tenant as $1. ``view`` gives, for what is selected, what
    makes it of a row; everything without a selection."""
    found = listing(call.query, fields, columns, source, call.tenant.id)
    rows, token = found.page(await tx.fetch(found.text, *found.values))
    total = await how_many(tx, call, fields, source) if call.query.counted else None
    show = view(objects.selection(call, usual))
    return answer(call, fields.of + "s", [show(row) for row in rows], token, total)


async def how_many(tx: Tx, call: Call, fields: Fields, source: str) -> int:
    text, values = counting(call.query, fields, source, call.tenant.id)
    return int(await tx.fetchval(text, *values))


async def by_id(tx: Tx, call: Call, page: Callable[[UUID, int], Awaitable[Sequence[UUID]]]) -> Answer:
    """Users and groups that ``page`` gives the ids of, in their order, those after one.

    With a filter or another order all of them are looked at, which a list of more than 10,000 refuses.
    """
    query = call.query
    if query.chosen is None and not query.order:
        size = query.top or PAGE
        ids = await page(_token(query), size + 1)
        found = await objects.shown(tx, call.tenant, ids[:size])
        token = str(ids[size - 1]) if len(ids) > size else None
        total = len(await page(_FIRST, _ALL + 1)) if query.counted else None
        return answer(call, "directoryObjects", [objects.selected(call, item, None) for item in found], token, total)
    ids = await page(_FIRST, _ALL + 1)
    if len(ids) > _ALL:
        raise Invalid(f"A list of more than {_ALL:,} members can be paged, and neither filtered nor sorted.")
    return in_memory_of(call, OBJECTS, await objects.shown(tx, call.tenant, ids), "directoryObjects")


def in_memory_of(call: Call, fields: Fields, items: Sequence[Mapping[str, Any]], context: str) -> Answer:
    """A page of what is in memory."""
    page = in_memory(call.query, fields, items, reader)
    total = page.total if call.query.counted else None
    return answer(call, context, [objects.selected(call, item, None) for item in page.items], page.token, total)


def number_of(call: Call, fields: Fields, items: Iterable[Mapping[str, Any]]) -> Answer:
    """``…/$count`` of what is in memory."""
    meets = predicate(call.query.chosen, fields) if call.query.chosen is not None else None
    return Answer(text=str(sum(meets is None or meets(reader(item)) for item in items)))


def answer(call: Call, context: str, value: list[Any], token: str | None, total: int | None = None) -> Answer:
    body: dict[str, Any] = {"@odata.context": call.context(context)}
    if total is not None:
        body["@odata.count"] = total
    if token is not None:
        body["@odata.nextLink"] = f"{call.base}{call.path}?{following(call.asked, token)}"
    return Answer(body={**body, "value": value})


def _token(query: Query) -> UUID:
    try:
        return UUID(query.skip_token) if query.skip_token is not None else _FIRST
    except ValueError:
        raise Invalid("The $skiptoken is none of this list: begin again without one.") from None
