"""Filters: what they match, what is refused, and that no text at all does worse than a ScimError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.scim import filter as filters
from provisor.scim import matching
from provisor.scim.errors import InvalidFilter, ScimError, TooMany
from provisor.scim.profiles import ENTERPRISE, resource_types

USER = resource_types("databricks")["User"]
GROUP = resource_types("databricks")["Group"]
ANN: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "id": "101",
    "externalId": "X1",
    "userName": "Ann@contoso.com",
    "displayName": 'Ann "the" Lee',
    "name": {"givenName": "Ann", "familyName": "Straße"},
    "title": "",
    "active": True,
    "emails": [
        {"type": "work", "value": "ann@contoso.com", "primary": True},
        {"type": "home", "value": "ann@home.example"},
    ],
    ENTERPRISE: {"department": "Sales", "manager": {"value": "7"}},
    "meta": {"created": "2020-06-01T12:00:00.000Z", "lastModified": "2021-01-01T00:00:00.000Z"},
}


def _matches(text: str) -> bool:
    return matching.predicate(filters.parse(text, USER))(ANN)


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "ann@contoso.com"',
        'USERNAME EQ "ANN@CONTOSO.COM"',
        'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ann"',
        'externalId eq "X1"',
        'externalId ne "x1"',
        'userName co "@CONTOSO"',
        'userName ew ".com"',
        'displayName eq "Ann \\"the\\" Lee"',
        'name.familyName eq "STRASSE"',
        "name pr",
        "not (title pr)",
        "nickName eq null",
        "userName ne null",
        'nickName ne "x"',
        "active eq true",
        'active eq "True"',
        "active ne False",
        'emails eq "ann@home.example"',
        'emails.type eq "home"',
        'emails[type eq "work"].value eq "ann@contoso.com"',
        'emails[type eq "work" and value co "contoso"]',
        'emails[type eq "work" or type eq "x"].primary eq true',
        'emails[not (type eq "work")].value ew "example"',
        'emails ne "ann@contoso.com"',
        f'{ENTERPRISE}:department eq "sales"',
        f'{ENTERPRISE.upper()}:manager eq "7"',
        f"{ENTERPRISE}:manager.value pr",
        "manager eq 7",
        'meta.created gt "2020-06-01T11:59:59Z"',
        'meta.created ge "2020-06-01T14:00:00+02:00"',
        'meta.created eq "2020-06-01T12:00:00Z"',
        'meta.lastModified le "2021-01-01T00:00:00"',
        'userName gt "AAA" and userName lt "b"',
        'title pr or active eq true and userName sw "ann"',
        '(title pr or active eq true) and userName sw "ann"',
        'schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"',
    ],
)
def test_it_matches(text: str) -> None:
    assert _matches(text)


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "ann"',
        'externalId eq "x1"',
        'emails[type eq "work"].value eq "ann@home.example"',
        'emails[type eq "work" and value co "home"]',
        "title pr",
        "nickName pr",
        "nickName ne null",
        'nickName co "a"',
        'nickName lt "a"',
        'meta.created lt "2020-06-01T12:00:00Z"',
        'active eq true and not (userName sw "ann")',
        'active eq false or title pr and userName sw "x"',
        'title pr and title pr or userName eq "x"',
        f'{ENTERPRISE}:division eq "x"',
    ],
)
def test_it_does_not_match(text: str) -> None:
    assert not _matches(text)


def test_and_binds_more_than_or() -> None:
    assert _matches('active eq true or active eq false and userName eq "x"')
    assert not _matches('(active eq true or active eq false) and userName eq "x"')


@pytest.mark.parametrize(
    "text", ["userName eq ann@contoso.com", "(displayName sw ann) and active eq TRUE", "id eq 101"]
)
def test_databricks_fact_11_literals_without_quotes(text: str) -> None:
    assert _matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "userName",
        "userName eq",
        'userName like "x"',
        'userName eq "x',
        'userName eq "\\q"',
        "userName eq (",
        'shoeSize eq "9"',
        'emails[shoe eq "x"]',
        'emails[type eq "work"',
        'emails[type eq "work"].shoe eq "x"',
        'emails[type eq "work"].value',
        'emails[emails[type eq "x"]]',
        'userName[type eq "work"]',
        'name eq "Ann"',
        "active gt true",
        "active co true",
        'active eq "maybe"',
        'meta.created gt "yesterday"',
        'meta.created co "2020"',
        "userName gt null",
        'userName eq "x" and',
        'userName eq "x" userName eq "y"',
        '(userName eq "x"',
        'userName eq "x")',
        'not userName eq "x"',
        '"userName" eq "x"',
        "a" * 9000,
        "(" * 40 + "active eq true" + ")" * 40,
    ],
)
def test_what_cannot_be_read_or_compared_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        filters.parse(text, USER)
    assert caught.value.scim_type == "invalidFilter"
    assert caught.value.detail.endswith(".")


def test_a_filter_has_at_most_200_parts() -> None:
    assert filters.parse(" or ".join(["active pr"] * 200), USER)
    with pytest.raises(TooMany):
        filters.parse(" or ".join(["active pr"] * 201), USER)


def test_members_of_a_group_are_compared_by_id() -> None:
    group = {"id": "1", "displayName": "Eng", "members": [{"value": "a"}, {"value": "b"}]}
    for text in ("members eq b", 'members.value eq "b"', 'members[value eq "b"]'):
        assert matching.predicate(filters.parse(text, GROUP))(group)


_WORDS = st.sampled_from(
    [
        "userName",
        "emails",
        "active",
        "name.givenName",
        "meta.created",
        "eq",
        "ne",
        "co",
        "gt",
        "pr",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        '"x"',
        '"work"',
        "true",
        "null",
        "12",
        ".value",
        '"',
        "\\",
        "urn:a:b",
        '"2020-01-01T00:00:00Z"',
    ]
)


@given(st.lists(_WORDS, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_is_a_filter_or_a_scim_error(text: str) -> None:
    try:
        tree = filters.parse(text, USER)
    except ScimError as error:
        assert error.status == 400
    else:
        assert matching.predicate(tree)(ANN) in (True, False)


_LITERAL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_COMPARISON = st.builds(
    lambda name, operator, value: f"{name} {operator} {json.dumps(value)}",
    st.sampled_from(["userName", "externalId", "name.familyName", "emails", "emails.type", f"{ENTERPRISE}:department"]),
    st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
    _LITERAL,
)
_FILTERS = st.recursive(
    _COMPARISON | st.sampled_from(["active eq true", "title pr", 'emails[type eq "work" and not (value co "x")]']),
    lambda inner: (
        st.builds("({}) and {}".format, inner, inner)
        | st.builds("({}) or ({})".format, inner, inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=12,
)


@given(_FILTERS)
def test_a_filter_written_out_reads_the_same(text: str) -> None:
    tree = filters.parse(text, USER)
    again = filters.parse(str(tree), USER)
    assert str(again) == str(tree)
    assert matching.predicate(again)(ANN) == matching.predicate(tree)(ANN)
