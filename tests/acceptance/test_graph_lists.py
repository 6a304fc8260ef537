"""Filters, searches, orders and pages of the Graph door in the database: exactly what the reading in memory chooses."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pair import Pair
from provisor.api.graph import filters
from provisor.api.graph.conditions import Arguments, condition
from provisor.api.graph.fields import Field, Fields, reader
from provisor.api.graph.filter_tree import (
    ELEMENT,
    And,
    AnyOf,
    Comparison,
    Filter,
    InText,
    Not,
    OneOf,
    Or,
    Search,
)
from provisor.api.graph.listing import Page, counting, in_memory, listing
from provisor.api.graph.matching import matches
from provisor.api.graph.query import Query, Sort, following, parse
from provisor.directory.edit import QUERIES
from provisor.refusal import Invalid

USERS = Fields(
    "user",
    {
        "id": Field("uuid", "u.id", required=True),
        "userPrincipalName": Field("key", "u.upn_key"),
        "displayName": Field("key", "u.name_key"),
        "accountEnabled": Field("boolean", "u.enabled", required=True),
        "createdDateTime": Field("moment", "u.created", required=True),
        "deletedDateTime": Field("moment", "u.deleted"),
        "mail": Field("text", "u.doc ->> 'mail'"),
        "employeeId": Field("exact", "u.doc ->> 'employeeId'"),
        "guest": Field("boolean", "(u.doc ->> 'guest')::boolean"),
        "level": Field("number", "(u.doc ->> 'level')::bigint"),
        "immutable": Field("uuid", "(u.doc ->> 'immutable')::uuid"),
        "otherMails": Field("texts", "u.doc -> 'otherMails'"),
        "onPremisesExtensionAttributes/extensionAttribute1": Field("text", "u.doc ->> 'extensionAttribute1'"),
    },
    searched=("displayName", "mail"),
    extensions="u.doc",
)
SOURCE = "directory_user u where u.tenant = $1"
COLUMNS = "u.id, u.upn, u.enabled, u.created, u.deleted, u.doc"

TEXTS = (
    "", "a", "A", "ann", "Ann", "Ann Lee", "ANN-LEE", "ann.lee@contoso.com", "lee", "Straße", "STRASSE", "straſse", "İ",
    "i", "ı", "I", "Σ", "ς", "σ", "ΑΣ", "ας", "É", "é", "e\u0301", "ǅ", "ǆ", "\U0001f600", "𝔏ee", "%", "_", "\\", "\\%",
    "'", "''", '"', "a%b", "a_b", "axb", "$1", "{0}", "; drop table directory_user; --", "'; select 1 --",
    "\n", " ", "\u00a0", "\uffff", "\ue000",
)  # fmt: skip
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = (
    NEW_YEAR, NEW_YEAR + timedelta(microseconds=1), NEW_YEAR - timedelta(days=1), datetime(1, 1, 1, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)  # fmt: skip
IDS = tuple(UUID(int=(number << 120) + 5) for number in (1, 0x7F, 0x80, 0xFF))
EXTENSION = "extension_0a1b_Cost"


def people() -> list[dict[str, Any]]:
    """One for each text, with the rest as the number falls."""
    found = []
    for number, text in enumerate(TEXTS):
        other = TEXTS[(number * 7 + 3) % len(TEXTS)]
        doc = {
            "displayName": text if number % 5 else None,
            "mail": other if number % 3 else None,
            "employeeId": other if number % 4 else None,
            "guest": bool(number % 2) if number % 6 else None,
            "level": number % 4 - 1 if number % 7 else None,
            "immutable": str(IDS[number % 4]) if number % 2 else None,
            "otherMails": [[], [text], [text, other], None][number % 4],
            "extensionAttribute1": text if number % 2 else None,
            EXTENSION: other if number % 2 else None,
        }
        found.append(
            {
                "id": IDS[number] if number < len(IDS) else uuid4(),
                "upn": f"{text}{number % 3}@Contoso.com",
                "enabled": bool(number % 3),
                "created": NEW_YEAR + timedelta(days=number % 4, microseconds=number % 2),
                "deleted": MOMENTS[number % 3] if number % 2 else None,
                "doc": {name: value for name, value in doc.items() if value is not None},
            }
        )
    return found


def resource(row: Any) -> dict[str, Any]:
    doc = row["doc"]
    return {
        **doc,
        "id": row["id"],
        "userPrincipalName": row["upn"],
        "accountEnabled": row["enabled"],
        "createdDateTime": row["created"],
        "deletedDateTime": row["deleted"].isoformat() if row["deleted"] else None,
        "onPremisesExtensionAttributes": {"extensionAttribute1": doc.get("extensionAttribute1")},
    }


@dataclass(slots=True)
class Full:
    """A tenant full of people, and what they are in memory."""

    pair: Pair
    resources: list[dict[str, Any]]

    async def page(self, query: Query) -> tuple[list[UUID], str | None]:
        found = listing(query, USERS, COLUMNS, SOURCE, self.pair.tenant.id)
        async with self.pair.house.database.reading() as tx:
            rows, token = found.page(await tx.fetch(found.text, *found.values))
        return [row["id"] for row in rows], token

    async def count(self, query: Query) -> int:
        text, values = counting(query, USERS, SOURCE, self.pair.tenant.id)
        async with self.pair.house.database.reading() as tx:
            return int(await tx.fetchval(text, *values))

    def memory(self, query: Query) -> Page[dict[str, Any]]:
        return in_memory(query, USERS, self.resources, reader)


@pytest_asyncio.fixture(scope="module")
async def full(shop: Any, house: Any) -> Any:
    made = await Pair.make(shop, house)
    given_people = people()
    columns = [[item[name] for item in given_people] for name in ("id", "upn", "enabled", "deleted", "doc")]
    names = [str(item["doc"].get("displayName") or "").casefold() for item in given_people]
    keys = [upn.casefold() for upn in columns[1]]
    async with house.database.transaction() as tx:
        await tx.execute(
            QUERIES.user_upsert, made.tenant.id, columns[0], columns[1], keys, names, columns[2], columns[3], columns[4]
        )
        for item in given_people:
            await tx.execute("update directory_user set created = $2 where id = $1", item["id"], item["created"])
        rows = await tx.fetch(f"select {COLUMNS} from {SOURCE}", made.tenant.id)
    yield Full(made, [resource(row) for row in rows])
    await made.close()


OPERATORS = {
    "text": ("eq", "ne", "gt", "ge", "lt", "le"),
    "key": ("eq", "ne", "gt", "ge", "lt", "le"),
    "exact": ("eq", "ne", "gt", "ge", "lt", "le"),
    "moment": ("eq", "ne", "gt", "ge", "lt", "le"),
    "number": ("eq", "ne", "gt", "ge", "lt", "le"),
    "boolean": ("eq", "ne"),
    "uuid": ("eq", "ne"),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "moment": st.sampled_from(MOMENTS),
    "number": st.sampled_from((0, -1, 1, 2, 10**18 - 1)),
    "boolean": st.booleans(),
    "uuid": st.sampled_from(IDS) | st.sampled_from(IDS).map(str),
}


def leaf(name: str, kind: str) -> st.SearchStrategy[Filter]:
    values = VALUES.get(kind, st.sampled_from(TEXTS))
    found: st.SearchStrategy[Filter] = (
        st.builds(Comparison, st.just(name), st.sampled_from(OPERATORS[kind]), values)
        | st.builds(Comparison, st.just(name), st.sampled_from(("eq", "ne")), st.none())
        | st.builds(OneOf, st.just(name), st.lists(values, min_size=1, max_size=3).map(tuple))
    )
    if kind in ("text", "key", "exact"):
        functions = st.sampled_from(("startswith", "endswith", "contains"))
        found |= st.builds(InText, functions, st.just(name), st.sampled_from(TEXTS))
    return found


def joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return inner.map(Not) | several.map(And) | several.map(Or)


def trees() -> st.SearchStrategy[Filter]:
    plain = [(name, field.kind) for name, field in USERS.table.items() if field.kind != "texts"]
    plain += [(EXTENSION, "text"), ("extension_nobody", "text"), ("DISPLAYNAME", "key")]
    inside = st.recursive(leaf(ELEMENT, "text"), joined, max_leaves=3)
    one = st.sampled_from(plain).flatmap(lambda pair: leaf(*pair))
    return st.recursive(one | st.builds(AnyOf, st.just("otherMails"), inside), joined, max_leaves=5)


def searches() -> st.SearchStrategy[Filter]:
    names = st.sampled_from((None, "mail", "displayName", "employeeId", EXTENSION))
    return st.recursive(st.builds(Search, names, st.sampled_from(TEXTS[1:])), joined, max_leaves=3)


def sorts() -> st.SearchStrategy[list[Sort]]:
    names = [name for name, field in USERS.table.items() if field.kind != "texts"] + [EXTENSION]
    return st.lists(st.builds(Sort, st.sampled_from(names), st.booleans()), max_size=3)


async def examples(strategy: st.SearchStrategy[Any], check: Callable[[Any], Any], count: int) -> None:
    """``check`` a number of examples, the same ones every time, in this loop."""
    loop, seen = asyncio.get_running_loop(), 0

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def every(example: Any) -> None:
        nonlocal seen
        seen += 1
        asyncio.run_coroutine_threadsafe(check(example), loop).result(60)

    await asyncio.to_thread(every)
    assert seen >= count * 3 // 4


async def test_the_database_chooses_what_the_filter_means(full: Full) -> None:
    async def check(tree: Filter) -> None:
        query = Query(filter=filters.parse(str(tree)), top=999)
        wanted = {item["id"] for item in full.resources if matches(tree, USERS, reader(item))}
        ids, token = await full.page(query)
        assert (set(ids), len(ids), token) == (wanted, len(wanted), None), str(tree)
        assert await full.count(query) == len(wanted)

    await examples(trees(), check, 300)


async def test_the_database_finds_what_the_search_means(full: Full) -> None:
    async def check(tree: Filter) -> None:
        wanted = {item["id"] for item in full.resources if matches(tree, USERS, reader(item))}
        ids, _ = await full.page(Query(search=tree, top=999))
        assert set(ids) == wanted, tree

    await examples(searches(), check, 150)


async def test_pages_lose_and_repeat_nothing_and_have_the_order_in_memory(full: Full) -> None:
    async def check(example: tuple[list[Sort], int, Filter | None]) -> None:
        order, size, tree = example
        query = Query(filter=tree, order=tuple(order), top=size)
        whole = [item["id"] for item in full.memory(replace(query, top=999)).items]
        seen: list[UUID] = []
        for _ in range(len(whole) + 1):
            ids, token = await full.page(query)
            seen += ids
            if token is None:
                break
            query = replace(query, skip_token=token)
        assert seen == whole, example

    await examples(st.tuples(sorts(), st.integers(3, 40), st.none() | trees()), check, 120)


async def test_a_row_that_comes_or_goes_between_pages_changes_no_other(full: Full) -> None:
    query = parse("$orderby=mail desc&$top=10")
    first, token = await full.page(query)
    assert token
    database, last = full.pair.house.database, first[-1]
    async with database.transaction() as tx:
        doc = await tx.fetchval("select doc from directory_user where id = $1", last)
        await tx.execute("update directory_user set doc = doc - 'mail' where id = $1", last)
    rest, _ = await full.page(replace(query, top=999, skip_token=token))
    async with database.transaction() as tx:
        await tx.execute("update directory_user set doc = $2 where id = $1", last, doc)
    whole = [item["id"] for item in full.memory(replace(query, top=999)).items]
    assert [identity for identity in rest if identity != last] == whole[10:]


# ── what missing values are ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("mail eq 'a'", False),
        ("mail ne 'a'", True),
        ("not (mail eq 'a')", True),
        ("not startswith(mail,'a')", True),
        ("not (mail gt 'a' or mail le 'a')", True),
        ("mail eq null", True),
        ("mail ne null", False),
        ("mail in ('a')", False),
        ("not (mail in ('a'))", True),
        ("not otherMails/any(c:c eq 'a')", True),
        ("displayName ne 'a'", True),
        ("displayName lt 'b'", False),
        ("startswith(displayName,'')", False),
        ("displayName eq ''", False),
        ("guest ne true", True),
        ("not (deletedDateTime lt 2099-01-01)", True),
        ("extension_none ne 'a'", True),
    ],
)
async def test_a_missing_value_is_what_graph_says(full: Full, text: str, missing: bool) -> None:
    nobody = {"id": uuid4(), "accountEnabled": True, "userPrincipalName": "n"}
    assert matches(filters.parse(text), USERS, reader(nobody)) is missing
    ids, _ = await full.page(parse(f"$top=999&$filter={text}"))
    name = re.findall(r"(mail|displayName|otherMails|guest|deletedDateTime|extension_none)", text)[0]
    without = {item["id"] for item in full.resources if item.get(name) is None}
    assert without and (without <= set(ids)) is missing


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nothing eq 'a'", "a user has no property 'nothing' to filter by"),
        ("extension_ eq 'a'", "a user has no property"),
        ("otherMails eq 'a'", "otherMails has several values: ask otherMails/any"),
        ("otherMails ne null", "otherMails has several values"),
        ("mail/any(c:c eq 'a')", "mail has one value at most"),
        ("accountEnabled eq 'true'", "accountEnabled is compared with true or false, not with 'true'"),
        ("accountEnabled gt false", "accountEnabled has no order"),
        ("id gt 'a'", "id has no order"),
        ("id eq 'a'", "id is compared with a GUID, not with 'a'"),
        ("mail eq 5", "mail is compared with a text in quotation marks"),
        ("mail gt null", "mail can be eq null or ne null"),
        ("mail in (null)", "mail can be eq null or ne null"),
        ("level eq '5'", "level is compared with a whole number"),
        ("createdDateTime eq 'yesterday'", "createdDateTime is compared with a date and time like"),
        ("startswith(accountEnabled,'t')", "accountEnabled is no text"),
        ("otherMails/any(c:c eq 5)", "the element is compared with a text"),
    ],
)
def test_what_does_not_suit_a_field_is_refused_by_both_readings(text: str, sentence: str) -> None:
    tree = filters.parse(text)
    for ask in (lambda: condition(tree, USERS, Arguments()), lambda: matches(tree, USERS, reader({}))):
        with pytest.raises(Invalid) as caught:
            ask()
        assert sentence in str(caught.value)


def test_a_search_in_what_is_no_text_is_refused() -> None:
    for path, sentence in (("level", "level is no text"), ("nothing", "no property 'nothing' to search by")):
        with pytest.raises(Invalid, match=sentence):
            condition(Search(path, "a"), USERS, Arguments())


# ── nothing of the caller's is SQL ──────────────────────────────────────────────────────────────────────────────

HOSTILE = st.sampled_from([text for text in TEXTS if text]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)


def shape(value: Any, name: str, identity: Any) -> list[str]:
    """The statements of everything that can be asked with a value and a name of an extension."""
    tree = And(
        (
            *(Comparison(path, operator, value) for path in ("mail", "displayName", name) for operator in ("eq", "le")),
            OneOf("mail", (value, value)),
            OneOf("employeeId", (value,)),
            *(InText(function, path, value) for path in ("mail", name) for function in ("contains", "endswith")),
            AnyOf("otherMails", Or((Comparison(ELEMENT, "ne", value), InText("startswith", ELEMENT, value)))),
            Not(Search(name, value)),
            Search(None, value),
        )
    )
    query = Query(filter=tree, order=(Sort(name, True), Sort("mail"), Sort("displayName")))
    token = listing(query, USERS, COLUMNS, SOURCE, identity).ordering.token([value, value, value, str(IDS[0])])
    query = replace(query, skip_token=token)
    return [
        listing(query, USERS, COLUMNS, SOURCE, identity).text,
        counting(query, USERS, SOURCE, identity)[0],
        str(listing(query, USERS, COLUMNS, SOURCE, identity).values.count(value)),
    ]


@given(HOSTILE, st.from_regex(r"extension_[A-Za-z0-9_]{1,30}", fullmatch=True))
def test_the_text_of_a_statement_is_the_same_whatever_is_asked(value: str, name: str) -> None:
    told = shape("benign", "extension_benign", None)
    assert shape(value, name, None)[:2] == told[:2]


@given(st.text(min_size=1, max_size=30))
def test_a_name_that_is_no_property_never_comes_to_a_statement(name: str) -> None:
    if name.lower() in {item.lower() for item in USERS.table} or name.lower().startswith("extension_"):
        return
    for ask in (
        lambda: condition(Comparison(name, "eq", "a"), USERS, Arguments()),
        lambda: condition(AnyOf(name, Comparison(ELEMENT, "eq", "a")), USERS, Arguments()),
        lambda: listing(Query(order=(Sort(name),)), USERS, COLUMNS, SOURCE),
    ):
        with pytest.raises(Invalid):
            ask()


@pytest.mark.parametrize(
    "name", ["extension_a' or '1'='1", "extension_a)--", "extension_é", "extension_a\n", 'extension_"', "extension_a/b"]
)
def test_a_hostile_extension_is_no_property(name: str) -> None:
    with pytest.raises(Invalid, match="no property"):
        condition(Comparison(name, "eq", "a"), USERS, Arguments())


async def test_the_largest_filter_is_answered(full: Full) -> None:
    several = " or ".join(f"contains(extension_a{number},'%')" for number in range(99))
    ids, _ = await full.page(parse(f"$filter=({several} or id ne null)&$top=999"))
    assert len(ids) == len(full.resources)
    deep = "not(" * 20 + "mail eq 'a'" + ")" * 20
    with pytest.raises(Invalid):
        parse(f"$filter=not({deep})")
    half = "not(" * 10 + "mail eq 'a'" + ")" * 10
    assert await full.count(parse(f"$filter={half}")) == await full.count(parse("$filter=mail eq 'a'"))


# ── the indexes are used ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("$filter=userPrincipalName eq 'ANN0@contoso.com'", "directory_user_upn"),
        ("$filter=userPrincipalName in ('a@b.c','d@e.f')", "directory_user_upn"),
        ("$filter=displayName eq 'Ann'", "directory_user_name"),
        ("$filter=displayName in ('Ann','Lee')", "directory_user_name"),
        (f"$filter=id eq '{IDS[0]}'", "directory_user_pkey"),
        (f"$filter=id in ('{IDS[0]}','{IDS[1]}')", "directory_user_pkey"),
        (f"$filter=id eq {IDS[0]} or id eq {IDS[1]}", "directory_user_pkey"),
        ("$filter=startswith(displayName,'n12')", "directory_user_name"),
        ("$filter=startsWith(userPrincipalName,'U12')&$orderby=userPrincipalName", "directory_user_upn"),
        ("$orderby=displayName desc", "directory_user_name"),
        ("$top=5", "directory_user_pkey"),
    ],
)
async def test_what_has_an_index_uses_it(full: Full, text: str, index: str) -> None:
    source = f"{SOURCE} and u.deleted is null"
    found = listing(parse(text), USERS, COLUMNS, source, full.pair.tenant.id)
    plan = await explained(full, found.text, found.values)
    assert index in plan, plan


async def test_the_next_page_by_name_begins_in_the_index(full: Full) -> None:
    for direction in ("", " desc"):
        query = parse(f"$orderby=userPrincipalName{direction}&$top=3")
        _, token = await full.page(query)
        assert token
        found = listing(
            replace(query, skip_token=token), USERS, COLUMNS, f"{SOURCE} and u.deleted is null", full.pair.tenant.id
        )
        plan = await explained(full, found.text, found.values)
        assert "directory_user_upn" in plan and "upn_key" in plan.partition("Index Cond")[2], plan


async def explained(full: Full, text: str, values: list[Any]) -> str:
    """The plan in a tenant of some thousands, which is gone afterwards."""
    async with full.pair.house.database.reading() as tx:
        transaction = tx.transaction()
        await transaction.start()
        try:
            await tx.execute(
                """insert into directory_user (tenant, id, upn, upn_key, name_key, enabled, doc)
                select $1, gen_random_uuid(), '', 'u' || n, 'n' || n, true, '{}' from generate_series(1, 5000) n""",
                full.pair.tenant.id,
            )
            await tx.execute("analyze directory_user")
            rows = await tx.fetch(f"explain {text}", *values)
        finally:
            await transaction.rollback()
    return "\n".join(row[0] for row in rows)


async def test_a_statement_takes_the_values_as_their_types(full: Full) -> None:
    """A value of a wrong type would be refused by the driver and not with a sentence."""
    for name, field in USERS.table.items():
        if field.kind == "texts":
            continue
        for text in (f"{name} eq null", f"{name} ne null"):
            try:
                await full.count(parse(f"$filter={text}"))
            except asyncpg.PostgresError as error:
                pytest.fail(f"{text}: {error}")
    assert json.dumps(await full.count(parse("")))


async def test_a_page_and_the_next_by_what_the_answer_says(full: Full) -> None:
    text = "$filter=accountEnabled eq true&$orderby=displayName&$top=7&$count=true"
    seen: list[UUID] = []
    query = parse(text)
    while True:
        ids, token = await full.page(query)
        seen += ids
        if token is None:
            break
        text = following(text, token)
        query = parse(text)
        assert not query.counted
    assert len(seen) == len(set(seen)) == await full.count(parse("$filter=accountEnabled eq true"))
