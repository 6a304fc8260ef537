"""``/users/delta`` and ``/groups/delta``: everything once, and from then on what has changed.

The first round goes through the objects by id, a later one through the feed by number, up to the number that the tenant
had when the round began. What changes meanwhile has a greater number, so that the next round tells of it: something may
be told twice, and nothing is missed. Memberships have numbers of their own, for a group may change again, and move out
of the round, after somebody left it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from provisor.api.graph import names, objects, rounds
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.filter_tree import Comparison, Filter, OneOf, Or
from provisor.api.graph.objects import QUERIES as OBJECTS
from provisor.api.graph.projection import project
from provisor.api.graph.query import LARGEST_PAGE
from provisor.api.graph.rounds import Round
from provisor.refusal import Invalid
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("delta")
_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)
_MOST_IDS: Final = 50
_PAGE_SIZE: Final = re.compile(r"(?:odata\.)?maxpagesize=([0-9]{1,6})", re.ASCII | re.IGNORECASE)
Entry = dict[str, Any]
#: What one page of a round brings, and the round as it is after it.
Part = Callable[[Tx, Call, Round], Awaitable[tuple[list[Entry], Round]]]


async def users(call: Call) -> Answer:
    return await _page(call, "users", _all_users, _changed_users)


async def groups(call: Call) -> Answer:
    return await _page(call, "groups", _all_groups, _changed_groups)


async def _page(call: Call, kind: str, everything: Part, changed: Part) -> Answer:
    async with call.database.snapshot() as tx:
        asked, key = await _asked(tx, call, kind)
        if asked.phase == "done":
            return _answer(call, [], asked, key)
        value, following = await (everything if asked.phase == "all" else changed)(tx, call, asked)
    return _answer(call, value, following, key)


async def _asked(tx: Tx, call: Call, kind: str) -> tuple[Round, str]:
    """The round that is asked for, and what tokens are signed with."""
    query, state = call.query, await tx.fetchrow(QUERIES.state, call.tenant.id)
    key, now, head = state["key"], rounds.seconds(state["at"]), state["seq"]
    if query.top is not None or query.order or query.expand or query.search or query.count:
        raise Invalid(
            "delta takes $select and $filter only; a page is as long as Prefer: odata.maxpagesize says, or 100 objects."
        )
    text = query.skip_token or query.delta_token
    if text and text.lower() != "latest":
        found = rounds.read(text, key, call, kind, now)
        if (found.phase == "done") != (query.skip_token is None):
            raise Invalid("A token of @odata.nextLink is a $skiptoken, one of @odata.deltaLink a $deltatoken.")
        if found.until > head:
            raise rounds.Expired(rounds.address(call, found))
        found = found if query.skip_token else found.next(now, head)
    else:
        if query.skip_token:
            raise Invalid("latest is a $deltatoken.")
        ids = rounds.sorted_ids(_ids(query.filter)) if query.filter is not None else ()
        found = Round(str(call.tenant.id), kind, now, -1, head, query.select, ids)
        found = found.done if text else found
    return _sized(call, found), key


def _sized(call: Call, found: Round) -> Round:
    wanted = _PAGE_SIZE.search(call.headers.get("prefer", ""))
    if wanted is None:
        return found
    return replace(found, size=min(max(int(wanted[1]), 1), LARGEST_PAGE))


def _ids(tree: Filter) -> list[UUID]:
    """The ids in a filter that is nothing but ids. Raises Invalid."""
    match tree:
        case Comparison(path, "eq", value) if path.lower() == "id":
            found: Iterable[Any] = (value,)
        case OneOf(path, values) if path.lower() == "id":
            found = values
        case Or(parts):
            found = [item for part in parts for item in _ids(part)]
        case _:
            raise Invalid("The $filter of delta is id eq '…', or several of these with or between them.")
    try:
        ids = [item if isinstance(item, UUID) else UUID(str(item)) for item in found]
    except ValueError:
        raise Invalid("An id in $filter is none: it looks like 00000000-0000-0000-0000-000000000000.") from None
    if len(ids) > _MOST_IDS:
        raise Invalid(f"The $filter of delta takes at most {_MOST_IDS} ids.")
    return ids


def _answer(call: Call, value: Sequence[Entry], following: Round, key: str) -> Answer:
    name, option = ("deltaLink", "$deltatoken") if following.phase == "done" else ("nextLink", "$skiptoken")
    link = f"{call.base}{call.path}?{option}={rounds.write(following, key)}"
    applied = _PAGE_SIZE.search(call.headers.get("prefer", ""))
    headers = {"Preference-Applied": f"odata.maxpagesize={following.size}"} if applied else {}
    body = {"@odata.context": call.context(following.kind), f"@odata.{name}": link, "value": list(value)}
    return Answer(body=body, headers=headers)


def _gone(identity: UUID, reason: str) -> Entry:
    return {"id": str(identity), "@removed": {"reason": reason}}


async def _all_users(tx: Tx, call: Call, asked: Round) -> tuple[list[Entry], Round]:
    after = UUID(str(asked.place[0])) if asked.place else _FIRST
    if asked.chosen is not None:
        # At most fifty: a page of them is none that is worth a turn.
        rows = await tx.fetch(OBJECTS.users_by_id, call.tenant.id, asked.chosen)
        return [_user(row, asked) for row in rows if row["deleted"] is None], asked.done
    rows = await tx.fetch(QUERIES.users_page, call.tenant.id, after, asked.size + 1)
    value = [_user(row, asked) for row in rows[: asked.size]]
    return value, asked.at("all", value[-1]["id"]) if len(rows) > asked.size else asked.done


async def _changed_users(tx: Tx, call: Call, asked: Round) -> tuple[list[Entry], Round]:
    changed, last = await _changed(tx, call, asked, "User")
    rows = {row["id"]: row for row in await tx.fetch(OBJECTS.users_by_id, call.tenant.id, changed)}
    value = [_user(rows[item], asked) if item in rows else _gone(item, "deleted") for item in changed]
    return value, asked.done if last is None else asked.at("objects", last)


def _user(row: Row, asked: Round) -> Entry:
    if row["deleted"] is not None:
        return _gone(row["id"], "changed")
    shown = names.user_view(tuple(asked.select))(row)
    if asked.shows("manager"):
        # The whole of it: nobody in the list is nobody's report.
        boss = row["doc"].get("manager")
        shown["manager@delta"] = [objects.typed("user", {"id": boss})] if boss else []
    return shown


async def _changed(tx: Tx, call: Call, asked: Round, kind: str) -> tuple[list[UUID], int | None]:
    """A page of the objects that have changed, and the number of the last of them when there are more."""
    rows = await tx.fetch(
        QUERIES.changed, call.tenant.id, kind, asked.place[0], asked.until, asked.chosen, asked.size + 1
    )
    last = rows[asked.size - 1]["seq"] if len(rows) > asked.size else None
    return [row["object_id"] for row in rows[: asked.size]], last


async def _all_groups(tx: Tx, call: Call, asked: Round) -> tuple[list[Entry], Round]:
    """A group with more members than fit comes again on the next page, with further ones."""
    group, member = [UUID(str(item)) if item else _FIRST for item in asked.place or ("", "")]
    complete = group if member == _FIRST else _FIRST
    if asked.chosen is not None:
        rows = await tx.fetch(OBJECTS.groups_by_id, call.tenant.id, asked.chosen)
        rows = sorted((row for row in rows if row["id"] >= group and row["id"] != complete), key=lambda row: row["id"])
    else:
        rows = await tx.fetch(QUERIES.groups_page, call.tenant.id, group, complete, asked.size + 1)
    page = rows[: asked.size]
    after = {row["id"]: member if row["id"] == group else _FIRST for row in page}
    members = await _members(tx, call, asked, after)
    value = []
    for row in page:
        found = members.get(row["id"], [])
        shown = found[: _most_members(asked)]
        value.append(_group(row, asked, [_member(item, True) for item in shown]))
        if len(found) > len(shown):
            return value, asked.at("all", str(row["id"]), str(shown[-1]["member_id"]))
    return value, asked.at("all", str(page[-1]["id"]), "") if len(rows) > len(page) else asked.done


async def _members(tx: Tx, call: Call, asked: Round, after: dict[UUID, UUID]) -> dict[UUID, list[Row]]:
    """Of each group the members after one: one more than an entry shows."""
    found: dict[UUID, list[Row]] = {}
    if not _with_members(asked) or not after:
        return found
    most = _most_members(asked) + 1
    for row in await tx.fetch(QUERIES.members_pages, call.tenant.id, list(after), list(after.values()), most):
        found.setdefault(row["group_id"], []).append(row)
    return found


async def _changed_groups(tx: Tx, call: Call, asked: Round) -> tuple[list[Entry], Round]:
    """The groups first, then the memberships; when both end on one page, each group is one entry."""
    value: dict[UUID, Entry] = {}
    if asked.phase == "objects":
        changed, last = await _changed(tx, call, asked, "Group")
        value = await _groups(tx, call, asked, changed)
        value |= {item: _gone(item, "deleted") for item in changed if item not in value}
        if last is not None:
            return list(value.values()), asked.at("objects", last)
        asked = asked.at("members", asked.since, str(_LAST))
    if not _with_members(asked):
        return list(value.values()), asked.done
    seq, member = asked.place
    most = _most_members(asked)
    arguments = (seq, UUID(str(member)), asked.until, asked.chosen, most + 1)
    rows = await tx.fetch(QUERIES.members_changed, call.tenant.id, *arguments)
    further = {row["group_id"]: None for row in rows[:most] if row["group_id"] not in value}
    value |= await _groups(tx, call, asked, list(further))
    for row in rows[:most]:
        entry = value.get(row["group_id"])
        # Of a group that is gone nobody is a member: that it is gone is told by its own number.
        if entry is not None and "@removed" not in entry:
            entry.setdefault("members@delta", []).append(_member(row, row["there"]))
    more = len(rows) > most
    following = asked.at("members", rows[most - 1]["seq"], str(rows[most - 1]["member_id"])) if more else asked.done
    return list(value.values()), following


async def _groups(tx: Tx, call: Call, asked: Round, ids: list[UUID]) -> dict[UUID, Entry]:
    rows = await tx.fetch(OBJECTS.groups_by_id, call.tenant.id, ids) if ids else []
    found = {row["id"]: _group(row, asked, []) for row in rows}
    return {item: found[item] for item in ids if item in found}


def _group(row: Row, asked: Round, members: list[Entry]) -> Entry:
    found = objects.team(row)
    shown = names.group(found.group, found.created)
    return project({**shown, "members@delta": members} if members else shown, asked.select)


def _member(row: Row, there: bool) -> Entry:
    found = objects.typed(row["member_type"].lower(), {"id": str(row["member_id"])})
    return found if there else {**found, "@removed": {"reason": "deleted"}}


def _with_members(asked: Round) -> bool:
    return not asked.select or asked.shows("members")


def _most_members(asked: Round) -> int:
    """Of one entry, or of a page that tells of changes."""
    return 2 * asked.size
