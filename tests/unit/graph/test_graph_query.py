"""The options of a query, the order and its tokens, and the projection."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.api.graph.fields import Field, Fields, reader
from provisor.api.graph.filter_tree import And, Comparison, Search
from provisor.api.graph.listing import in_memory
from provisor.api.graph.ordering import ordering
from provisor.api.graph.projection import project
from provisor.api.graph.query import Expand, Query, Sort, Unsupported, following, parse
from provisor.refusal import Invalid

FIELDS = Fields(
    "thing",
    {
        "id": Field("uuid", "t.id", required=True),
        "displayName": Field("key", "t.name_key"),
        "mail": Field("text", "t.mail"),
        "accountEnabled": Field("boolean", "t.enabled", required=True),
        "createdDateTime": Field("moment", "t.created"),
        "level": Field("number", "t.level"),
        "tags": Field("texts", "t.tags"),
    },
)


def test_every_option_in_one_query() -> None:
    text = (
        "$filter=displayName eq 'a b'&%24SELECT=id, displayName,id&$expand=members($select=id,displayName),"
        "manager($levels=max;$select=id;$top=5)&$OrderBy=displayName desc,mail&$top=999&$count=True"
        '&$search="displayName:ada"&$skiptoken=abc&$deltatoken=def&other=1'
    )
    assert parse(text.replace(" ", "+")) == Query(
        filter=Comparison("displayName", "eq", "a b"),
        search=Search("displayName", "ada"),
        select=("id", "displayName"),
        expand=(Expand("members", ("id", "displayName")), Expand("manager", ("id",), 0, 5)),
        order=(Sort("displayName", True), Sort("mail")),
        top=999,
        count=True,
        skip_token="abc",
        delta_token="def",
    )
    assert parse(text).chosen == And((Comparison("displayName", "eq", "a b"), Search("displayName", "ada")))
    assert parse(text).expanded("Manager") == Expand("manager", ("id",), 0, 5)
    assert not parse(text).counted and parse("$count=true").counted


def test_the_dollar_can_be_left_out_and_nothing_is_the_default() -> None:
    assert parse("filter=a+eq+1&top=5") == Query(filter=Comparison("a", "eq", 1), top=5)
    assert parse("") == parse("$filter=&$select=&$orderby=&$expand=&$search=&$skiptoken=") == Query()
    assert parse("$format=json&whatever=1&api-version=2") == Query()
    assert parse("$deltatoken=").delta_token == "" and parse("").delta_token is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("$top=0", "Invalid page size specified: '0'"),
        ("$top=1000", "Invalid page size specified: '1000'"),
        ("$top=-1", "Invalid page size specified"),
        ("$top=", "Invalid page size specified"),
        ("$top=٣", "Invalid page size specified"),
        ("$top=1&%24Top=2", "$top is there twice"),
        ("$count=yes", "$count is true or false"),
        ("$select=a b", "'a b' is none"),
        ("$select=a,,b", "'' is none"),
        ("$select=" + ",".join(["a"] * 300), "more than 200"),
        ("$orderby=a up", "asc or desc"),
        ("$orderby=a,", "asc or desc"),
        ("$orderby=a desc desc", "asc or desc"),
        ("$orderby=" + ",".join(["a"] * 11), "more than 10"),
        ("$expand=members(", "a bracket that has no other one"),
        ("$expand=members)", "a bracket that has no other one"),
        ("$expand=members($select=id", "a bracket that has no other one"),
        ("$expand=members,members", "twice"),
        ("$expand=a-b", "'a-b' is none"),
        ("$expand=manager($levels=0)", "$levels is a number or max"),
        ("$expand=manager($levels=x)", "$levels is a number or max"),
        ("$filter=a", "Invalid filter clause"),
        ("$search=a", "Invalid search clause"),
        ("$filter=%ff", "not UTF-8"),
        ("&".join(["a=1"] * 101), "more than 100 options"),
    ],
)
def test_what_is_wrong_is_refused_by_name(text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["$skip=5", "$apply=x", "%24compute=x", "$expand=a($filter=b eq 1)", "$=1"])
def test_what_is_not_done_here_is_said_to_be_so(text: str) -> None:
    with pytest.raises(Unsupported) as caught:
        parse(text)
    assert not isinstance(caught.value, Invalid) and str(caught.value).endswith(".")


@given(st.text(max_size=80) | st.text(max_size=30).map(lambda text: f"$expand={quote(text, errors='replace')}"))
def test_whatever_is_sent_is_a_query_or_refused(text: str) -> None:
    try:
        parse(text)
    except (Invalid, Unsupported) as error:
        assert len(str(error)) < 500


def test_the_next_page_asks_the_same() -> None:
    text = urlencode({"$filter": "a eq 'ü&b'", "$top": "2", "$skiptoken": "x", "other": "1"})
    again = following(text, "y-_z")
    assert parse(again) == Query(filter=Comparison("a", "eq", "ü&b"), top=2, skip_token="y-_z")
    assert "other=1" in again and "$skiptoken=y-_z" in again
    assert parse(following(again, "d", "$deltatoken")).skip_token is None


# ── order and tokens ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_ended_by_the_identity_in_the_last_direction() -> None:
    assert str(ordering([], FIELDS)) == "id"
    assert str(ordering([Sort("MAIL", True)], FIELDS)) == "mail desc,id desc"
    assert str(ordering([Sort("mail", True), Sort("level"), Sort("mail")], FIELDS)) == "mail desc,level,id"
    assert str(ordering([Sort("id", True), Sort("mail")], FIELDS)) == "id desc"


@pytest.mark.parametrize(("path", "sentence"), [("tags", "no order"), ("nothing", "no property 'nothing' to sort by")])
def test_what_cannot_be_sorted_by_is_refused(path: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        ordering([Sort(path)], FIELDS)


def token(*content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


ID = "03f7d90d-bf71-41b1-bda6-aaf0ddbee5d8"


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "%",
        "ä",
        "a" * 20_000,
        base64.b64encode(b"[[[" * 3000).decode(),
        token(),
        token(5, 6),
        token("createddatetime,mail,level,id", 5),
        token("createddatetime,mail,level,id", []),
        token("createddatetime,mail,level,id", [None, None, None, None]),
        token("createddatetime,mail,level,id", [None, None, None, 5]),
        token("createddatetime,mail,level,id", [None, None, None, "x"]),
        token("createddatetime,mail,level,id", ["x", None, None, ID]),
        token("createddatetime,mail,level,id", [5, None, None, ID]),
        token("createddatetime,mail,level,id", ["2024-01-01", None, None, ID]),
        token("createddatetime,mail,level,id", ["0001-01-01T00:00:00+14:00", None, None, ID]),
        token("createddatetime,mail,level,id", [None, 5, None, ID]),
        token("createddatetime,mail,level,id", [None, "\0", None, ID]),
        token("createddatetime,mail,level,id", [None, "\ud800", None, ID]),
        token("createddatetime,mail,level,id", [None, None, True, ID]),
        token("createddatetime,mail,level,id", [None, None, 2**63, ID]),
        token("createddatetime,mail,level,id", [None, None, 1.5, ID]),
        token("createddatetime,mail,level,id", {"a": 1, "b": 2, "c": 3, "d": 4}),
        token("createddatetime desc,mail,level,id", [None, None, None, ID]),
        token("id", [ID]),
    ],
    ids=range(25),
)
def test_a_broken_token_is_refused(broken: str) -> None:
    order = ordering([Sort("createdDateTime"), Sort("mail"), Sort("level")], FIELDS)
    with pytest.raises(Invalid, match=r"The \$skiptoken is none of this list"):
        order.opened(broken)
    assert order.opened(token("createddatetime,mail,level,id", [None, None, None, ID]))[3] == UUID(ID)


# ── in memory ───────────────────────────────────────────────────────────────────────────────────────────────────

THINGS = st.fixed_dictionaries(
    {"id": st.uuids(), "accountEnabled": st.booleans()},
    optional={
        "displayName": st.sampled_from(["", "a", "A", "b", "Straße", "STRASSE"]),
        "mail": st.none() | st.sampled_from(["a@x", "A@x", "b@x"]),
        "level": st.integers(0, 2),
        "createdDateTime": st.sampled_from(["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2023-01-01"]),
    },
)  # fmt: skip
SORTS = st.lists(
    st.builds(
        Sort,
        st.sampled_from(["displayName", "mail", "level", "createdDateTime", "accountEnabled", "id"]),
        st.booleans(),
    ),
    max_size=4,
)


@given(st.lists(THINGS, max_size=12, unique_by=lambda item: item["id"]), SORTS, st.integers(1, 5))
def test_pages_in_memory_lose_and_repeat_nothing(things: list[dict[str, Any]], sorts: list[Sort], size: int) -> None:
    whole = in_memory(Query(order=tuple(sorts), top=999), FIELDS, things, reader)
    assert whole.token is None and whole.total == len(things)
    assert {item["id"] for item in whole.items} == {item["id"] for item in things}
    seen: list[dict[str, Any]] = []
    following_token: str | None = None
    for _ in range(len(things) + 1):
        query = Query(order=tuple(sorts), top=size, skip_token=following_token)
        page = in_memory(query, FIELDS, things, reader)
        assert page.total == len(things)
        seen += page.items
        following_token = page.token
        if following_token is None:
            break
    assert seen == whole.items


def test_a_list_in_memory_is_chosen_and_missing_values_come_first() -> None:
    things = [{"id": UUID(int=number), "displayName": name} for number, name in enumerate(["b", None, "A", "c"])]
    query = parse("$filter=displayName ne 'C'&$orderby=displayName&$top=2")
    page = in_memory(query, FIELDS, things, reader)
    assert [item["displayName"] for item in page.items] == [None, "A"] and page.total == 3
    assert page.token
    query = parse(following("$filter=displayName ne 'C'&$orderby=displayName&$top=2", page.token))
    page = in_memory(query, FIELDS, things, reader)
    assert [item["displayName"] for item in page.items] == ["b"] and page.token is None


# ── projection ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_projection_keeps_the_id_and_what_odata_says() -> None:
    resource = {
        "@odata.type": "#microsoft.graph.user",
        "id": "1",
        "displayName": "a",
        "mail": None,
        "manager@odata.context": "x",
        "mail@odata.type": "y",
        "onPremisesExtensionAttributes": {"extensionAttribute1": "x"},
    }
    assert project(resource, ()) == project(resource, ("*",)) == resource
    assert project(resource, ("DISPLAYNAME", "nothing")) == {
        "@odata.type": "#microsoft.graph.user",
        "id": "1",
        "displayName": "a",
    }
    kept = project(resource, ("mail", "onPremisesExtensionAttributes/extensionAttribute1"))
    assert set(kept) == {"@odata.type", "id", "mail", "mail@odata.type", "onPremisesExtensionAttributes"}
