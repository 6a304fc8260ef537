"""Filters and orders in the database: exactly the rows that the in-memory reading of the same filter chooses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pair import Pair
from provisor.scim import matching
from provisor.scim.filter_tree import And, Comparison, Filter, Not, Or, Present, ValuePath
from provisor.scim.messages import paging
from provisor.scim.profiles import ENTERPRISE
from provisor.scim.schema import Attribute, Named, ResourceType
from provisor.workspace.edit import types
from provisor.workspace.kinds import GROUPS, USERS, Kind
from provisor.workspace.search import Question, ask

CONTOSO = json.loads((Path(__file__).parents[2] / "docs/howto/contoso-user.json").read_text())
PEOPLE: list[dict[str, Any]] = [
    {"userName": "ann@contoso.com", "displayName": "Ann", "externalId": "A", "title": "Straße", "active": True},
    {"userName": "BOB@contoso.com", "name": {"givenName": "Bob", "familyName": "ÉTÉ"}, "active": False},
    {
        "userName": "cy%_\\'\"@contoso.com",
        "displayName": "Cy 100% \\ 'quoted'",
        "emails": [
            {"value": "cy@work.example", "type": "work", "primary": True},
            {"value": "cy@home.example", "type": "home"},
        ],
        ENTERPRISE: {"department": "Sales", "manager": {"value": "7"}},
        "entitlements": [{"value": "Allow"}],
        "nickName": "",
    },
    {
        "userName": "dee",
        "emails": [{"value": "CY@WORK.example", "type": "home"}, {"type": "work", "display": "D"}],
        "addresses": [{"type": "work", "country": "GB", "primary": False}, {"locality": "𝔏ondon"}],
        "phoneNumbers": [{"value": "1"}, {"value": "2", "primary": True}],
        ENTERPRISE: {"employeeNumber": "1"},
        CONTOSO["id"]: {
            "badge": "Ann",
            "tags": ["work", "Straße", "%"],
            "level": 7,
            "workload": 0.1,
            "hired": "2020-01-01T00:00:00Z",
            "remote": False,
            "desk": {"floor": -1, "room": "a"},
            "cars": [{"value": "A", "type": "own"}, {"type": "company"}],
        },
        "title": "strasse",
    },
    {"userName": "eve", "roles": [{"value": "Allow", "display": "x"}], "locale": "de", "title": "\U0001f600"},
    {
        "userName": "fay",
        CONTOSO["id"]: {"badge": "ann", "tags": ["STRASSE"], "level": 2**62, "workload": 1e30, "desk": {"room": "A"}},
    },
]
TEXTS = (
    "", "a", "A", "ann", "bob@contoso.com", "Allow", "allow", "work", "home", "cy@work.example", "cy@", ".example", "%",
    "_", "\\", "'", '"', "STRASSE", "straße", "été", "sales", "7", "gb", "𝔏", "🙂", "Ann", "admins", "users", "User",
    "direct", "WorkspaceGroup", "Groups/", 'W/"1"', "urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE,
)  # fmt: skip
MOMENTS = (
    "2020-01-01T00:00:00Z",
    "2099-01-01T00:00:00+02:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
)


def names(kind: ResourceType) -> list[Named]:
    """Every attribute that can be named, with and without a sub-attribute."""
    found = []
    owners: list[tuple[str | None, Attribute]] = [(None, item) for item in kind.core]
    owners += [(schema.id, item) for schema in kind.extensions for item in schema.attributes]
    for extension, attribute in owners:
        if attribute.returned != "never":
            found.append(Named(extension, attribute))
            found += [Named(extension, attribute, sub) for sub in attribute.sub_attributes if sub.returned == "default"]
    return found


def comparisons(choices: list[Named]) -> st.SearchStrategy[Filter]:
    simple = [item for item in choices if item.leaf.type != "complex"]

    def compared(named: Named) -> st.SearchStrategy[Filter]:
        leaf = named.leaf
        operators, values = ["eq", "ne"], st.none() | st.sampled_from(TEXTS)
        if leaf.type == "boolean":
            values = st.none() | st.booleans()
        elif leaf.type in ("integer", "decimal"):
            operators += ["gt", "ge", "lt", "le"]
            values = st.none() | st.sampled_from((0, 7, 7.0, 0.1, -1, -1.5, 2**62, 1e30, 1e99))
        elif leaf.type == "dateTime":
            operators += ["gt", "ge", "lt", "le"]
            values = st.none() | st.sampled_from(MOMENTS)
        else:
            operators += ["co", "sw", "ew"]
            operators += ["gt", "ge", "lt", "le"] if leaf.type != "binary" else []
        return st.tuples(st.sampled_from(operators), values).map(
            lambda pair: Comparison(named, "eq" if pair[1] is None and pair[0] != "ne" else pair[0], pair[1])
        )

    return st.sampled_from(simple).flatmap(compared) | st.sampled_from(choices).map(Present)


def trees(kind: ResourceType) -> st.SearchStrategy[Filter]:
    choices = names(kind)
    complex_ = [item for item in choices if item.sub is None and item.attribute.type == "complex"]

    def joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return inner.map(Not) | several.map(And) | several.map(Or)

    def chosen(named: Named) -> st.SearchStrategy[Filter]:
        inside = [Named(None, sub) for sub in named.attribute.sub_attributes if sub.returned == "default"]
        return st.recursive(comparisons(inside), joined, max_leaves=3).map(lambda tree: ValuePath(named, tree))

    return st.recursive(comparisons(choices) | st.sampled_from(complex_).flatmap(chosen), joined, max_leaves=4)


@pytest_asyncio.fixture(scope="module", params=["databricks", "standard"])
async def full(request: pytest.FixtureRequest, shop: Any, house: Any) -> Any:
    """A workspace with people, groups in groups, and everything a filter can ask for."""
    made = await Pair.make(shop, house, profile=request.param)
    await made.extend(CONTOSO)
    ids = []
    for person in PEOPLE:
        status, found = await made.call("POST", "/Users", person)
        assert status == 201, found
        ids.append(found["id"])
    _, child = await made.call("POST", "/Groups", {"displayName": "Child", "members": [{"value": ids[0]}]})
    members = [{"value": ids[1]}, {"value": child["id"]}]
    status, _ = await made.call("POST", "/Groups", {"displayName": "Straße", "externalId": "X", "members": members})
    assert status == 201
    yield made
    await made.close()


async def asked(pair: Pair, kind: Kind, text: str | None, **query: str) -> list[str]:
    question = Question(pair.workspace, (kind,), paging({"count": "1000", **query}), pair.base)
    if text is not None:
        question = Question(pair.workspace, (kind,), paging({"count": "1000", "filter": text, **query}), pair.base)
    async with pair.house.database.reading() as tx:
        answer = await ask(tx, pair.workspace.name, pair.token, question)
    assert answer is not None
    found = answer[1]
    assert found.total == len(found.rows)
    return [row["id"] for row in found.rows]


@pytest.mark.parametrize("kind", [USERS, GROUPS], ids=["users", "groups"])
async def test_the_database_chooses_what_the_filter_means(full: Pair, kind: Kind) -> None:
    path = "/Users" if kind is USERS else "/Groups"
    resources = (await full.call("GET", path))[1]["Resources"]
    assert len(resources) >= 4
    loop, seen = asyncio.get_running_loop(), 0

    def check(tree: Filter) -> None:
        nonlocal seen
        seen += 1
        wanted = {item["id"] for item in resources if matching.predicate(tree)(item)}
        found = asyncio.run_coroutine_threadsafe(asked(full, kind, str(tree)), loop).result(30)
        assert set(found) == wanted, str(tree)

    @settings(
        max_examples=400,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(trees(types(full.workspace)[kind.name]))
    def every(tree: Filter) -> None:
        check(tree)

    await asyncio.to_thread(every)
    assert seen >= 300


def ordered(path: str) -> Callable[[dict[str, Any]], tuple[bool, str]]:
    name, _, part = path.partition(".")

    def key(item: dict[str, Any]) -> tuple[bool, str]:
        found = item.get(name)
        if isinstance(found, list):
            found = next((each for each in found if each.get("primary")), found[0])
        if isinstance(found, dict):
            found = found.get(part or "value")
        return found is None, str(found or "").casefold()

    return key


@pytest.mark.parametrize("path", ["title", "name.givenName", "emails", "phoneNumbers.value", "userName", "locale"])
@pytest.mark.parametrize("order", ["ascending", "descending"])
async def test_every_attribute_sorts(full: Pair, path: str, order: str) -> None:
    query = {"sortBy": path, "sortOrder": order}
    everybody = sorted((await full.call("GET", "/Users"))[1]["Resources"], key=lambda item: item["id"])
    wanted = sorted(everybody, key=ordered(path))
    status, found = await full.call("GET", "/Users", params=query)
    assert status == 200
    keys = [ordered(path)(item) for item in found["Resources"]]
    expected = [ordered(path)(item) for item in wanted]
    assert keys == (expected if order == "ascending" else expected[::-1])
    # Page by page it is the same order, by cursor too.
    ids, cursor = [], ""
    while cursor is not None:
        _, page = await full.call("GET", "/Users", params={**query, "count": "2", "cursor": cursor})
        ids += [item["id"] for item in page["Resources"]]
        cursor = page.get("nextCursor")
    assert ids == [item["id"] for item in found["Resources"]]


@pytest.mark.parametrize("path", ["meta.created", "meta.lastModified", "active", "id", "schemas", "externalId"])
async def test_what_a_server_knows_itself_sorts_too(full: Pair, path: str) -> None:
    status, found = await full.call("GET", "/Users", params={"sortBy": path})
    assert status == 200 and len(found["Resources"]) == len(PEOPLE) + 1


@pytest.mark.parametrize("path", ["groups", "name", "meta", "nobody", "emails.nothing"])
async def test_what_has_no_order_is_refused(full: Pair, path: str) -> None:
    status, found = await full.call("GET", "/Users", params={"sortBy": path})
    assert status == 400 and found["scimType"] == "invalidValue" and "sortBy" in found["detail"]


async def test_a_password_is_nothing_to_find_by(full: Pair) -> None:
    status, found = await full.call("GET", "/Users", params={"filter": 'password sw "a"'})
    assert status == 400 and found["scimType"] == "invalidFilter"


async def test_a_search_at_the_root_finds_users_and_groups(full: Pair) -> None:
    body = {"filter": 'displayName sw "A" or displayName eq "strasse"', "sortBy": "displayName"}
    status, found = await full.call("POST", "/.search", body)
    assert status == 200
    shown = [(item["meta"]["resourceType"], item["displayName"]) for item in found["Resources"]]
    group = "WorkspaceGroup" if full.workspace.databricks else "Group"
    assert shown == [(group, "admins"), ("User", "Ann"), (group, "Straße")]
    assert found["totalResults"] == 3
    # An attribute that only one type has is nothing to the other.
    status, found = await full.call("POST", "/.search", {"filter": "userName pr or members pr"})
    assert {item["meta"]["resourceType"] for item in found["Resources"]} == {"User", group}
    status, found = await full.call("POST", "/.search", {"filter": f'meta.resourceType eq "{group}"'})
    assert {item["displayName"] for item in found["Resources"]} == {"admins", "users", "Child", "Straße"}


@pytest.mark.parametrize("text", ["active eq true", "active eq false", "active ne true", "not (active eq true)"])
async def test_at_the_root_an_attribute_of_one_type_is_absent_in_the_other(full: Pair, text: str) -> None:
    status, found = await full.call("POST", "/.search", {"filter": text, "sortBy": "active"})
    assert status == 200
    groups = [item for item in found["Resources"] if "Group" in item["meta"]["resourceType"]]
    assert bool(groups) is ("ne" in text or "not" in text)


async def test_pages_of_the_root_are_its_list(full: Pair) -> None:
    _, whole = await full.call("GET", "/")
    every = [item["id"] for item in whole["Resources"]]
    assert len(every) == whole["totalResults"] == len(set(every)) == len(PEOPLE) + 1 + 4
    by_index = []
    for start in range(1, len(every) + 1, 3):
        _, page = await full.call("GET", "/", params={"startIndex": str(start), "count": "3"})
        assert page["totalResults"] == len(every)
        by_index += [item["id"] for item in page["Resources"]]
    by_cursor, cursor = [], ""
    while cursor is not None:
        _, page = await full.call("GET", "/", params={"cursor": cursor, "count": "3"})
        by_cursor += [item["id"] for item in page["Resources"]]
        cursor = page.get("nextCursor")
    assert by_index == by_cursor == every


async def test_who_is_no_admin_finds_by_names_only(full: Pair) -> None:
    from provisor.access.actors import PROVISOR
    from provisor.workspace import edit as workspace_edit
    from provisor.workspace import tokens, users

    async with workspace_edit.edit(full.house.database, full.workspace, PROVISOR) as work:
        eve = await users.find(work.tx, full.workspace, "eve")
        token = (await tokens.create(work, eve)).value
    headers = {"Authorization": f"Bearer {token}"}
    for text, count in (('title eq "straße"', 0), ("title pr", 0), ('userName sw "ann"', 1), ("emails ne null", 0)):
        status, found = await full.call("GET", "/Users", params={"filter": text}, headers=headers)
        assert (status, found["totalResults"]) == (200, count), text
    _, found = await full.call("GET", "/Groups", params={"filter": "members pr"}, headers=headers)
    assert found["totalResults"] == 0
