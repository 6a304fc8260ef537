"""``$filter`` and ``$search``: what is read, and what is refused with a sentence that names the place."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.api.graph import filters, searches
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
    written,
)
from provisor.refusal import Invalid

GUID = UUID("03f7d90d-bf71-41b1-bda6-aaf0ddbee5d8")
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)

READ: list[tuple[str, Filter]] = [
    ("displayName eq 'it''s'", Comparison("displayName", "eq", "it's")),
    ("  displayName\teq\n''  ", Comparison("displayName", "eq", "")),
    ("accountEnabled EQ True", Comparison("accountEnabled", "eq", True)),
    ("mail ne null", Comparison("mail", "ne", None)),
    ("level ge -5", Comparison("level", "ge", -5)),
    ("createdDateTime gt 2024-01-01", Comparison("createdDateTime", "gt", NEW_YEAR)),
    ("createdDateTime le 2024-01-01T02:00:00+02:00", Comparison("createdDateTime", "le", NEW_YEAR)),
    ("createdDateTime lt 2024-01-01t00:00z", Comparison("createdDateTime", "lt", NEW_YEAR)),
    ("createdDateTime eq 2024-01-01T00:00:00.0000000Z", Comparison("createdDateTime", "eq", NEW_YEAR)),
    ("createdDateTime ne 0001-01-01T00:00:00Z", Comparison("createdDateTime", "ne", datetime(1, 1, 1, tzinfo=UTC))),
    (f"id eq {GUID}", Comparison("id", "eq", GUID)),
    (f"id eq '{GUID}'", Comparison("id", "eq", str(GUID))),
    (f"jobid eq {str(GUID).upper()}", Comparison("jobid", "eq", GUID)),
    ("id in ('a','b' , 'c')", OneOf("id", ("a", "b", "c"))),
    ("id IN('a')", OneOf("id", ("a",))),
    ("startswith(displayName,'A')", InText("startswith", "displayName", "A")),
    ("endsWith ( mail , '@x.com' )", InText("endswith", "mail", "@x.com")),
    ("CONTAINS(a,'b')", InText("contains", "a", "b")),
    ("groupTypes/any(c:c eq 'Unified')", AnyOf("groupTypes", Comparison(ELEMENT, "eq", "Unified"))),
    ("tags/Any(t : startswith(t,'a') or t eq 'b')",
     AnyOf("tags", Or((InText("startswith", ELEMENT, "a"), Comparison(ELEMENT, "eq", "b"))))),
    ("NOT groupTypes/any(x:not(x eq 'a'))", Not(AnyOf("groupTypes", Not(Comparison(ELEMENT, "eq", "a"))))),
    ("not(a eq 1)", Not(Comparison("a", "eq", 1))),
    ("not a eq 1 and b eq 2", And((Not(Comparison("a", "eq", 1)), Comparison("b", "eq", 2)))),
    ("not startswith(a,'b')", Not(InText("startswith", "a", "b"))),
    ("a eq 1 or b eq 2 and c eq 3",
     Or((Comparison("a", "eq", 1), And((Comparison("b", "eq", 2), Comparison("c", "eq", 3)))))),
    ("(a eq 1 or b eq 2)and(c eq 3)",
     And((Or((Comparison("a", "eq", 1), Comparison("b", "eq", 2))), Comparison("c", "eq", 3)))),
    ("onPremisesExtensionAttributes/extensionAttribute1 eq 'x'",
     Comparison("onPremisesExtensionAttributes/extensionAttribute1", "eq", "x")),
    ("extension_0a1b_costCenter eq '42'", Comparison("extension_0a1b_costCenter", "eq", "42")),
    ("a eq 'not (b) and ''c'', or /any('", Comparison("a", "eq", "not (b) and 'c', or /any(")),
    ("a eq '😀\n'", Comparison("a", "eq", "😀\n")),
]  # fmt: skip

REFUSED = [
    ("", "at position 1 a property or a function was expected, not the end"),
    ("displayName", "at position 12 an operator (eq, ne, gt, ge, lt, le, in) after displayName was expected"),
    ("displayName like 'a'", "at position 13 an operator"),
    ("displayName eq", "at position 15 a value after displayName eq was expected, not the end"),
    ("displayName eq ada", "at position 16 a value after displayName eq was expected, not 'ada'"),
    ("displayName eq 'ada", "at position 16 the quotation mark is not closed"),
    ('displayName eq "ada"', "at position 16 '\"' has no meaning"),
    ("displayName eq 'a' 'b'", "at position 20 'and', 'or' or the end was expected"),
    ("displayName eq 'a' and", "at position 23 a property or a function was expected, not the end"),
    ("(a eq 1", "at position 8 'and', 'or' or ')' was expected, not the end"),
    ("a eq 1)", "at position 7 'and', 'or' or the end was expected"),
    ("'a' eq a", "at position 1 a property or a function was expected"),
    ("a eq 12.5", "at position 6 '1' has no meaning"),
    ("a eq 12345678901234567890", "has no meaning"),
    ("a gt 2024-13-01", "at position 6 there is no date 2024-13-01"),
    ("a gt 0001-01-01T00:00:00+14:00", "there is no date"),
    ("tolower(a) eq 'b'", "tolower() is not supported here: the functions are startswith"),
    ("startswith('a', a)", "at position 12 a property was expected"),
    ("startswith(a)", "at position 13 ',' was expected"),
    ("startswith(a, 5)", "a text in quotation marks was expected, not '5'"),
    ("startswith(a, 'b'", "')' was expected, not the end"),
    ("assignedLicenses/$count ne 0", "at position 1 assignedLicenses/$count is not supported here"),
    ("groupTypes/all(c:c eq 'a')", "groupTypes/all() is not supported here"),
    ("groupTypes/any()", "at position 16 a variable, as in any(c:c eq 'a') was expected"),
    ("groupTypes/any(c c eq 'a')", "at position 18 ':' was expected"),
    ("groupTypes/any(c:d eq 'a')", "only c can be asked for inside of any(), not d"),
    ("groupTypes/any(c:c/d eq 'a')", "only c can be asked for inside of any(), not c/d"),
    ("a/any(c:c/any(d:d eq 'a'))", "is not supported here"),
    ("a in 'b'", "'(' after in was expected"),
    ("a in ()", "a value was expected, not ')'"),
    ("a in ('b',)", "a value was expected, not ')'"),
    ("a eq 'b\0'", "a character that is none"),
    ("a eq 'b\ud800'", "a character that is none"),
    ("a;drop eq 1", "at position 2 ';' has no meaning"),
    ("$a eq 1", "$a is no property"),
    ("a//b eq 1", "at position 2 '/' has no meaning"),
    ("ä eq 1", "at position 1 'ä' has no meaning"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), READ, ids=[text for text, _ in READ])
def test_a_filter_is_read(text: str, tree: Filter) -> None:
    assert filters.parse(text) == tree
    assert filters.parse(str(tree)) == tree


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=[ascii(text) for text, _ in REFUSED])
def test_what_cannot_be_read_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        filters.parse(text)
    assert str(caught.value).startswith("Invalid filter clause: ") and str(caught.value).endswith(".")
    assert sentence in str(caught.value)


NAMES = st.from_regex(r"[a-z_][A-Za-z0-9_]{0,8}(/[a-z_][A-Za-z0-9_]{0,8})?", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LITERALS = (
    TEXTS
    | st.booleans()
    | st.none()
    | st.integers(-(10**17), 10**17)
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC))
)
COMPARED = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
FUNCTIONS = st.sampled_from(["startswith", "endswith", "contains"])


def leaves(names: st.SearchStrategy[str]) -> st.SearchStrategy[Filter]:
    return (
        st.builds(Comparison, names, COMPARED, LITERALS)
        | st.builds(OneOf, names, st.lists(LITERALS, min_size=1, max_size=4).map(tuple))
        | st.builds(InText, FUNCTIONS, names, TEXTS)
    )


def joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return inner.map(Not) | several.map(And) | several.map(Or)


def trees() -> st.SearchStrategy[Filter]:
    inside = st.recursive(leaves(st.just(ELEMENT)), joined, max_leaves=3)
    return st.recursive(leaves(NAMES) | st.builds(AnyOf, NAMES, inside), joined, max_leaves=8)


WORDS = {"not", "and", "or"}


def usable(tree: Filter) -> bool:
    """Whether no property is called like a word of the grammar."""
    match tree:
        case And(items) | Or(items):
            return all(map(usable, items))
        case Not(inner):
            return usable(inner)
        case _:
            return tree.path not in WORDS and not tree.path.endswith("/any")


@given(trees().filter(usable))
def test_what_is_written_reads_the_same(tree: Filter) -> None:
    assert filters.parse(str(tree)) == tree


@given(st.text(st.sampled_from("ab eq'(),:/$-05T.Znotandori\"\\\0é\ud800\n"), max_size=60) | st.text(max_size=60))
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    for parse in (filters.parse, searches.parse):
        try:
            parse(text)
        except Invalid as error:
            assert len(str(error)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "(" * 8000,
        "not " * 2000,
        "(" * 4000 + ")" * 4000,
        "a/any(x:" * 1000,
        "'" * 8191,
        "'a" * 4000,
        "a eq 1 and " * 700 + "a eq 1",
        "a in (" + "1," * 4000 + "1)",
        "1-" * 4000,
        "a/" * 4000,
        " " * 8192,
        "a" * 100_000,
    ],
    ids=range(12),
)
def test_a_filter_that_is_made_to_cost_is_refused_at_once(text: str) -> None:
    start = time.process_time()
    for parse in (filters.parse, searches.parse):
        with pytest.raises(Invalid):
            parse(text)
    assert time.process_time() - start < 1


def test_the_limits_are_what_the_sentences_say() -> None:
    assert filters.parse(" and ".join(["a eq 1"] * 100))
    with pytest.raises(Invalid, match="more than 100 conditions"):
        filters.parse(" and ".join(["a eq 1"] * 101))
    with pytest.raises(Invalid, match="more than 100 conditions"):
        filters.parse(f"a in ({','.join(['1'] * 101)})")
    assert filters.parse("(" * 20 + "a eq 1" + ")" * 20)
    with pytest.raises(Invalid, match="more than 20 brackets"):
        filters.parse("(" * 21 + "a eq 1" + ")" * 21)
    with pytest.raises(Invalid, match="longer than 8192 characters"):
        filters.parse(f"a eq {written('b' * 8192)}")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('"displayName:ada"', Search("displayName", "ada")),
        ('"ada"', Search(None, "ada")),
        ('" displayName : ada l "', Search("displayName", "ada l")),
        ('"displayName:ada" OR "mail:x"', Or((Search("displayName", "ada"), Search("mail", "x")))),
        ('"a" OR "b" AND "c"', Or((Search(None, "a"), And((Search(None, "b"), Search(None, "c")))))),
        ('("a" OR "b") AND NOT "c"', And((Or((Search(None, "a"), Search(None, "b"))), Not(Search(None, "c"))))),
        (r'"a \"b\" \\"', Search(None, 'a "b" \\')),
        ('"a:b:c"', Search("a", "b:c")),
        ('"10:30"', Search(None, "10:30")),
    ],
)
def test_a_search_is_read(text: str, tree: Filter) -> None:
    assert searches.parse(text) == tree


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ada", "at position 1 a clause in quotation marks"),
        ('"a" or "b"', "at position 5 AND, OR or the end was expected, not 'or'"),
        ('"a" OR', "not the end"),
        ('"a', "a quotation mark is not closed"),
        ('""', "a text to search for"),
        ('"mail:"', "a text to search for"),
        ('("a"', "AND, OR or ')' was expected"),
        ("", "not the end"),
        ('"' + "a" * 1100 + '"', "longer than 1024"),
        ("(" * 50, "more than 20 brackets"),
    ],
)
def test_what_is_no_search_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        searches.parse(text)
    assert sentence in str(caught.value)
