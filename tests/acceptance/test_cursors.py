"""Pages by cursor (RFC 9865) and searches by POST (RFC 7644 §3.4.3) over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from pair import Pair
from provisor.access.actors import PROVISOR
from provisor.api.scim import cursors
from provisor.scim.messages import SEARCH_REQUEST, paging
from provisor.workspace import edit as workspace_edit
from provisor.workspace import users
from provisor.workspace.search import Position

SEARCH = {"schemas": [SEARCH_REQUEST]}


async def people(pair: Pair, count: int) -> list[str]:
    """So many users, every third of them without a display name, two of each of the others with the same one."""
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        for number in range(count):
            display = {} if number % 3 == 0 else {"displayName": f"Name {number // 6}"}
            await users.create(work, {"userName": f"u{number:03}@contoso.com", "title": f"t{number % 2}", **display})
    return [f"u{number:03}@contoso.com" for number in range(count)]


async def walked(pair: Pair, **query: Any) -> tuple[list[str], list[Any]]:
    """The user names of every page by cursor, and the pages."""
    names: list[str] = []
    pages: list[Any] = []
    cursor = ""
    while True:
        status, page = await pair.call("GET", "/Users", params={**query, "cursor": cursor})
        assert status == 200, page
        pages.append(page)
        names += [item["userName"] for item in page["Resources"]]
        if "nextCursor" not in page:
            return names, pages
        cursor = page["nextCursor"]


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("by", [None, "userName", "displayName"])
@pytest.mark.parametrize("text", [None, 'title eq "t1"', 'userName sw "u"'])
async def test_pages_by_cursor_are_those_by_index(pair: Pair, text: str | None, by: str | None, order: str) -> None:
    await people(pair, 25)
    query = {"sortOrder": order, **({"filter": text} if text else {}), **({"sortBy": by} if by else {})}
    _, whole = await pair.call("GET", "/Users", params=query)
    names, pages = await walked(pair, count="4", **query)
    assert names == [item["userName"] for item in whole["Resources"]]
    for page in pages:
        assert page["totalResults"] == whole["totalResults"] and "startIndex" not in page
        assert page["itemsPerPage"] == len(page["Resources"]) <= 4
    assert all(len(page["Resources"]) == 4 for page in pages[:-1]) and pages[-1]["Resources"]


async def test_who_comes_and_goes_meanwhile_moves_nobody_else(pair: Pair) -> None:
    """With pages by index somebody would be skipped, or seen twice."""
    made = await people(pair, 20)
    query = {"sortBy": "userName", "count": "5"}
    _, first = await pair.call("GET", "/Users", params={**query, "cursor": ""})
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        for name in made[:3]:
            await users.remove(work, name)
        await users.create(work, {"userName": "aaa@contoso.com"})
    seen, cursor = [item["userName"] for item in first["Resources"]], first["nextCursor"]
    while cursor:
        _, page = await pair.call("GET", "/Users", params={**query, "cursor": cursor})
        seen += [item["userName"] for item in page["Resources"]]
        cursor = page.get("nextCursor")
    assert seen == sorted({*made, "ops@contoso.com"})


async def test_a_cursor_opens_nothing_and_belongs_to_its_query(pair: Pair, standard: Pair) -> None:
    await people(pair, 10)
    await people(standard, 10)
    query = {"count": "3", "filter": 'userName sw "u"'}
    _, page = await pair.call("GET", "/Users", params={**query, "cursor": ""})
    cursor = page["nextCursor"]
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    flipped = cursor[:20] + ("A" if cursor[20] != "A" else "B") + cursor[21:]
    for one, path, params, kind in (
        (pair, "/Users", {**query, "cursor": flipped}, "invalidCursor"),
        (pair, "/Users", {**query, "cursor": cursor[:-4]}, "invalidCursor"),
        (pair, "/Users", {**query, "filter": 'userName sw "a"', "cursor": cursor}, "invalidCursor"),
        (pair, "/Users", {**query, "sortOrder": "descending", "cursor": cursor}, "invalidCursor"),
        (pair, "/Users", {**query, "count": "4", "cursor": cursor}, "invalidCount"),
        (pair, "/Groups", {"count": "3", "cursor": cursor}, "invalidCursor"),
        (standard, "/Users", {**query, "cursor": cursor}, "invalidCursor"),
    ):
        status, found = await one.call("GET", path, params=params)
        assert (status, found["scimType"]) == (400, kind)
    status, _ = await pair.call(
        "GET", "/Users", params={**query, "cursor": cursor}, headers={"Authorization": "Bearer dapi-wrong"}
    )
    assert status == 403


async def test_a_cursor_that_was_waited_with_says_so(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    await people(pair, 5)
    asked = paging({"cursor": "", "count": "2"})
    monkeypatch.setattr(cursors.time, "time", lambda: 1_600_000_000.0)
    old = cursors.seal(pair.house.box, f"{pair.workspace.id}/User", asked, Position(None, "1", 6))
    monkeypatch.undo()
    status, found = await pair.call("GET", "/Users", params={"count": "2", "cursor": old})
    assert (status, found["scimType"]) == (400, "expiredCursor")


async def test_a_count_of_nothing_is_the_total_alone(pair: Pair) -> None:
    await people(pair, 5)
    for count in ("0", "-3"):
        _, found = await pair.call("GET", "/Users", params={"cursor": "", "count": count})
        assert (found["totalResults"], found["Resources"]) == (6, []) and "nextCursor" not in found


@pytest.mark.parametrize("endpoint", ["/Users", "/Groups"])
async def test_a_search_is_a_query_in_a_body(pair: Pair, endpoint: str) -> None:
    await people(pair, 7)
    text = 'userName sw "u00"' if endpoint == "/Users" else 'displayName eq "admins"'
    body = {**SEARCH, "filter": text, "startIndex": 1, "count": 3, "attributes": ["id"], "sortBy": "id"}
    status, found = await pair.call("POST", f"{endpoint}/.search", body)
    query = {"filter": text, "startIndex": "1", "count": "3", "attributes": "id", "sortBy": "id"}
    assert (status, found) == (200, (await pair.call("GET", endpoint, params=query))[1])


async def test_a_search_pages_by_cursor_too(pair: Pair) -> None:
    made = await people(pair, 7)
    body: dict[str, Any] = {**SEARCH, "filter": 'userName sw "u"', "count": 3, "cursor": ""}
    seen: list[str] = []
    while True:
        _, found = await pair.call("POST", "/Users/.search", body)
        seen += [item["userName"] for item in found["Resources"]]
        if "nextCursor" not in found:
            break
        body["cursor"] = found["nextCursor"]
    assert sorted(seen) == made


async def test_the_server_says_how_it_pages(pair: Pair) -> None:
    _, found = await pair.call("GET", "/ServiceProviderConfig")
    assert found["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 1000,
        "cursorTimeout": 3600,
    }


async def test_the_total_is_exact_whatever_comes_and_goes(pair: Pair) -> None:
    """Without a filter it is known without counting: it must be what counting finds."""

    async def check() -> None:
        for endpoint in ("/Users", "/Groups", "/ServicePrincipals", "/"):
            _, known = await pair.call("GET", endpoint, params={"count": "0"})
            _, counted = await pair.call("GET", endpoint, params={"count": "1000", "filter": "id pr"})
            assert known["totalResults"] == counted["totalResults"] == len(counted["Resources"]), endpoint

    await check()
    made = await asyncio.gather(
        *(pair.call("POST", "/Users", {"userName": f"p{number % 30}@contoso.com"}) for number in range(60)),
        *(pair.call("POST", "/Groups", {"displayName": f"g{number % 5}"}) for number in range(10)),
        *(pair.call("POST", "/ServicePrincipals", {"displayName": "r"}) for _ in range(5)),
    )
    assert sorted(status for status, _ in made) == [201] * 40 + [409] * 35
    await check()
    people = [found for status, found in made if status == 201 and "userName" in found]
    await asyncio.gather(*(pair.call("DELETE", f"/Users/{found['id']}") for found in people[::2] * 2))
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await users.remove(work, people[1]["userName"])
    with contextlib.suppress(RuntimeError):
        async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
            await users.remove(work, people[3]["userName"])
            raise RuntimeError("an edit that is taken back")
    await check()
    _, found = await pair.call("GET", "/Users", params={"count": "0"})
    assert found["totalResults"] == 1 + 30 - 15 - 1
