"""Values at target paths as attribute mappings write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.scim.profiles import ENTERPRISE
from provisor.scim.resource import reference_at, value_at

CUSTOM = "urn:ietf:params:scim:schemas:extension:Custom:2.0:User"
ANN: dict[str, Any] = {
    "userName": "ann",
    "active": False,
    "name": {"givenName": "Ann"},
    "emails": [{"type": "home", "value": "h"}, {"type": "Work", "value": "w"}, {"type": "empty"}],
    "roles": [{"value": "R1"}, {"value": "R2", "primary": True}],
    "addresses": [{"type": "work", "streetAddress": "Long Lane 1"}],
    "members": [{"value": "1"}, {"value": "2"}],
    "tags": ["a", "b"],
    "groups": [],
    ENTERPRISE: {"department": "Sales", "manager": {"value": "7", "displayName": "Bob"}},
    CUSTOM: {"badge": 5},
}


@pytest.mark.parametrize(
    "path, value",
    [
        ("userName", "ann"),
        ("USERNAME", "ann"),
        ("active", False),
        ("name.givenName", "Ann"),
        ("Name.GivenName", "Ann"),
        ("name", {"givenName": "Ann"}),
        ('emails[type eq "work"].value', "w"),
        ('Emails[Type EQ "WORK"].Value', "w"),
        ("emails[type eq work].value", "w"),
        ('emails[type eq "work"]', "w"),
        ('emails[type eq "home" and value eq "h"].value', "h"),
        ('roles[primary eq "True"].value', "R2"),
        ("roles[primary eq true].value", "R2"),
        ('addresses[type eq "work"].streetAddress', "Long Lane 1"),
        ("members", ["1", "2"]),
        ("members.value", ["1", "2"]),
        ("emails", ["h", "w"]),
        ("tags", ["a", "b"]),
        (f"{ENTERPRISE}:department", "Sales"),
        (f"{ENTERPRISE.upper()}:Department", "Sales"),
        (f"{ENTERPRISE}:manager", "7"),
        (f"{ENTERPRISE}:manager.displayName", "Bob"),
        (f"{CUSTOM}:badge", 5),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", "Ann"),
    ],
)
def test_it_finds(path: str, value: Any) -> None:
    assert value_at(ANN, path) == value


@pytest.mark.parametrize(
    "path",
    [
        "nickName",
        "name.familyName",
        "userName.x",
        'emails[type eq "other"].value',
        'emails[type eq "empty"].value',
        'emails[type eq "work"].display',
        'emails[type ne "work"].value',
        'phoneNumbers[type eq "work"].value',
        "groups",
        "urn:example:absent:2.0:User:x",
        f"{ENTERPRISE}:division",
        "",
        "[",
    ],
)
def test_none_where_there_is_nothing(path: str) -> None:
    assert value_at(ANN, path) is None


@pytest.mark.parametrize(
    ("manager", "identity"),
    [
        ({"value": "7"}, "7"),
        ("7", "7"),
        (7, "7"),
        ([{"value": 7}], "7"),
        ({"value": ""}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_reference_is_the_id_as_text_however_it_is_shown(manager: Any, identity: str | None) -> None:
    assert reference_at({ENTERPRISE: {"manager": manager}}, f"{ENTERPRISE}:manager") == identity


@given(st.text(max_size=40))
def test_any_text_is_a_path(path: str) -> None:
    value_at({"a": [{"b": 1}, 2], "c": {"value": None}}, path)
