"""PATCH: what operations do to a resource, what they refuse, and that the resource that came in stays as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.scim import patch
from provisor.scim.dialects import patch_operations
from provisor.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget, ScimError
from provisor.scim.profiles import ENTERPRISE, USER, resource_types

STANDARD = resource_types("standard")["User"]
DATABRICKS = resource_types("databricks")["User"]
GROUP = resource_types("databricks")["Group"]
ANN: dict[str, Any] = {
    "id": "7",
    "userName": "ann",
    "active": True,
    "title": "Boss",
    "name": {"givenName": "Ann", "familyName": "Lee"},
    "emails": [{"value": "a@x", "type": "work", "primary": True}, {"value": "a@home", "type": "home"}],
    ENTERPRISE: {"department": "Sales", "manager": {"value": "1", "$ref": "Users/1", "displayName": "Bob"}},
}


def _apply(*operations: dict[str, Any], kind: Any = STANDARD, before: dict[str, Any] = ANN) -> dict[str, Any]:
    after, ignored = patch.apply(kind, before, patch_operations({"Operations": list(operations)}))
    assert not ignored
    return after


def _op(op: str, path: str | None = None, value: Any = ...) -> dict[str, Any]:
    return {"op": op, **({"path": path} if path else {}), **({} if value is ... else {"value": value})}


WORK, HOME = ANN["emails"]
ENT = ANN[ENTERPRISE]


@pytest.mark.parametrize(
    "operation, changed",
    [
        (_op("add", "nickName", "A"), {"nickName": "A"}),
        (_op("add", "title", "x"), {"title": "x"}),
        (_op("replace", "title", "x"), {"title": "x"}),
        (_op("replace", "title", None), {"title": None}),
        (_op("remove", "title"), {"title": None}),
        (_op("remove", "title", "whatever"), {"title": None}),
        (_op("remove", "nickName"), {}),
        (_op("remove", "roles"), {}),
        (_op("remove", "roles", [{"value": "x"}]), {}),
        (_op("replace", "active", "False"), {"active": False}),
        (_op("replace", "active", [{"value": "false"}]), {"active": False}),
        (_op("add", "name.givenName", "A"), {"name": {"givenName": "A", "familyName": "Lee"}}),
        (_op("remove", "name.givenName"), {"name": {"familyName": "Lee"}}),
        (_op("replace", "name", {"givenName": "A"}), {"name": {"givenName": "A", "familyName": "Lee"}}),
        (_op("replace", "name", {"givenName": None}), {"name": {"familyName": "Lee"}}),
        (_op("replace", "name", {}), {}),
        (_op("replace", "name", None), {"name": None}),
        (
            _op("add", "emails", [{"value": "A@X", "type": "Work"}]),
            {"emails": [{**WORK, "value": "A@X", "type": "Work"}, HOME]},
        ),
        (_op("add", "emails", "b@x"), {"emails": [WORK, HOME, {"value": "b@x"}]}),
        (
            _op("add", "emails", [{"value": "b@x", "primary": True}]),
            {"emails": [{**WORK, "primary": False}, HOME, {"value": "b@x", "primary": True}]},
        ),
        (_op("replace", "emails", [{"value": "b@x"}]), {"emails": [{"value": "b@x"}]}),
        (_op("replace", "emails", [{}]), {"emails": None}),
        (_op("remove", "emails"), {"emails": None}),
        (_op("remove", "emails", []), {}),
        (_op("remove", "emails", [{"value": "A@HOME"}]), {"emails": [WORK]}),
        (_op("remove", "emails", ["a@x", "a@home"]), {"emails": None}),
        (_op("remove", 'emails[type eq "home"]'), {"emails": [WORK]}),
        (_op("remove", 'emails[type eq "other"]'), {}),
        (_op("remove", 'emails[type eq "other"].value'), {}),
        (_op("remove", 'emails[type eq "home"].value'), {"emails": [WORK]}),
        (_op("remove", 'emails[type eq "work"].primary'), {"emails": [{"value": "a@x", "type": "work"}, HOME]}),
        (_op("replace", 'emails[type eq "home"].value', None), {"emails": [WORK]}),
        (_op("replace", 'emails[type eq "home"].value', "b"), {"emails": [WORK, {"value": "b", "type": "home"}]}),
        (_op("replace", 'emails[type eq "home"]', {"value": "b"}), {"emails": [WORK, {"value": "b", "type": "home"}]}),
        (_op("replace", 'emails[type eq "home"]', "b"), {"emails": [WORK, {"value": "b", "type": "home"}]}),
        (_op("replace", 'emails[type eq "work"]', {"value": "b"}), {"emails": [{"value": "b", "type": "work"}, HOME]}),
        (_op("add", 'emails[type eq "work"]', {"display": "b"}), {"emails": [{**WORK, "display": "b"}, HOME]}),
        (
            _op("replace", 'emails[type eq "home"].primary', True),
            {"emails": [{**WORK, "primary": False}, {**HOME, "primary": True}]},
        ),
        (_op("remove", "emails.type"), {"emails": [{"value": "a@x", "primary": True}, {"value": "a@home"}]}),
        (_op("add", "phoneNumbers.value", "1"), {"phoneNumbers": [{"value": "1"}]}),
        (_op("add", f"{ENTERPRISE}:division", "D"), {ENTERPRISE: {**ENT, "division": "D"}}),
        (_op("add", f"{ENTERPRISE}:manager", "2"), {ENTERPRISE: {**ENT, "manager": {"value": "2"}}}),
        (_op("add", f"{ENTERPRISE}:manager", "1"), {}),
        (_op("replace", f"{ENTERPRISE}:manager", {"value": None}), {ENTERPRISE: {"department": "Sales"}}),
        (_op("remove", f"{ENTERPRISE}:manager"), {ENTERPRISE: {"department": "Sales"}}),
        (_op("remove", ENTERPRISE), {ENTERPRISE: None}),
        (_op("replace", ENTERPRISE, {"department": "X"}), {ENTERPRISE: {**ENT, "department": "X"}}),
        (_op("replace", None, {ENTERPRISE: {"department": "X", "shoe": 1}}), {ENTERPRISE: {**ENT, "department": "X"}}),
        (_op("replace", None, {ENTERPRISE: None}), {ENTERPRISE: None}),
        (_op("replace", None, {USER: {"title": "x"}}), {"title": "x"}),
        (
            _op("replace", None, {"title": "x", "nickName": "y", "active": "false"}),
            {"title": "x", "nickName": "y", "active": False},
        ),
        (_op("add", None, {"emails": ["b@x"]}), {"emails": [WORK, HOME, {"value": "b@x"}]}),
        (_op("replace", None, {"emails": ["b@x"], "title": None}), {"emails": [{"value": "b@x"}], "title": None}),
        (_op("replace", None, {"schemas": ["x"], "meta": {"version": "9"}, "shoeSize": 9, "x.y": 1, "id": "7"}), {}),
        (_op("replace", None, {"groups": [{"value": "1"}]}), {}),
    ],
)
def test_one_operation(operation: dict[str, Any], changed: dict[str, Any]) -> None:
    expected = {name: value for name, value in {**ANN, **changed}.items() if value is not None}
    after = _apply(operation)
    assert after == expected
    if operation["op"] != "add" or operation.get("path") != "emails":
        assert _apply(operation, before=after) == after


@pytest.mark.parametrize("op", ["Add", "Replace"])
def test_entra_expects_that_a_typed_element_is_made(op: str) -> None:
    after = _apply(_op(op, 'phoneNumbers[type eq "mobile"].value', "1"), _op(op, 'roles[primary eq "True"].value', "R"))
    assert after["phoneNumbers"] == [{"type": "mobile", "value": "1"}]
    assert after["roles"] == [{"primary": True, "value": "R"}]


@pytest.mark.parametrize(
    "operation, error, kind",
    [
        (_op("remove"), NoTarget, STANDARD),
        (_op("remove", USER), NoTarget, STANDARD),
        (_op("replace", 'emails[value eq "z"].type', "x"), NoTarget, STANDARD),
        (_op("add", 'emails[type eq "a" or type eq "b"].value', "x"), NoTarget, STANDARD),
        (_op("add", 'emails[type ne "work" and type ne "home"].value', "x"), NoTarget, STANDARD),
        (_op("add", "shoeSize", 9), InvalidPath, STANDARD),
        (_op("add", None, "x"), InvalidValue, STANDARD),
        (_op("add", None, [{"title": "x"}]), InvalidValue, STANDARD),
        (_op("replace", ENTERPRISE, "x"), InvalidValue, STANDARD),
        (_op("replace", "active", "maybe"), InvalidValue, STANDARD),
        (_op("replace", "title", ["a", "b"]), InvalidValue, STANDARD),
        (_op("replace", 'emails[type eq "work"]', ["a", "b"]), InvalidValue, STANDARD),
        (_op("replace", "emails.primary", True), InvalidValue, STANDARD),
        (
            _op("replace", "emails", [{"value": "a", "primary": True}, {"value": "b", "primary": True}]),
            InvalidValue,
            STANDARD,
        ),
        (_op("replace", "meta.version", "9"), Mutability, STANDARD),
        (_op("replace", "groups", []), Mutability, STANDARD),
        (_op("replace", f"{ENTERPRISE}:manager.displayName", "x"), Mutability, STANDARD),
        (_op("remove", "userName"), Mutability, STANDARD),
        (_op("replace", "userName", None), Mutability, STANDARD),
        (_op("replace", "userName", ""), InvalidValue, STANDARD),
        (_op("replace", "userName", "bob"), Mutability, DATABRICKS),
        (_op("replace", "emails", []), Mutability, DATABRICKS),
        (_op("replace", 'emails[type eq "work"].value', "x"), Mutability, DATABRICKS),
    ],
)
def test_what_is_refused(operation: dict[str, Any], error: type[ScimError], kind: Any) -> None:
    with pytest.raises(error):
        _apply(operation, kind=kind)


def test_an_attribute_without_sub_attributes_is_gone() -> None:
    before = {**ANN, "name": {"formatted": "Ann Lee"}}
    assert "name" not in _apply(_op("remove", "name.formatted"), before=before)


def test_seed_29_an_id_that_a_client_sends_is_ignored_and_named() -> None:
    for operation in (_op("Add", "id", "17"), _op("replace", None, {"id": "17"})):
        after, ignored = patch.apply(STANDARD, ANN, patch_operations({"Operations": [operation]}))
        assert after == ANN
        assert ignored == {"id"}


def test_seed_32_the_texts_of_the_active_mapping_are_booleans() -> None:
    assert _apply(_op("Replace", "active", "False"))["active"] is False
    assert _apply(_op("Replace", "active", "True"))["active"] is True


@pytest.mark.parametrize(
    "operation, names",
    [
        (_op("replace", "userName", "bob"), {"username"}),
        (_op("replace", "userName", "ANN"), set()),
        (_op("remove", "userName"), {"username"}),
        (_op("replace", 'emails[type eq "work"].value', "b"), {"emails"}),
        (_op("replace", 'emails[type eq "work"].value', "A@x"), set()),
        (_op("replace", None, {"userName": "bob", "emails": [], "id": "8"}), {"username", "emails", "id"}),
        (_op("replace", "emails", list(reversed(ANN["emails"]))), set()),
    ],
)
def test_fixed_attributes_are_ignored_and_named(operation: dict[str, Any], names: set[str]) -> None:
    after, ignored = patch.apply(
        DATABRICKS, ANN, patch_operations({"Operations": [operation]}), ignore=frozenset({"username", "emails"})
    )
    assert after == ANN
    assert ignored == names


def test_an_immutable_attribute_can_be_said_again_and_set_once() -> None:
    same = _op("replace", "userName", "Ann"), _op("replace", None, {"userName": "ann"})
    assert _apply(*same, kind=DATABRICKS) == ANN
    before = {"id": "1", "userName": "ann"}
    assert _apply(_op("add", "emails", ["a@x"]), kind=DATABRICKS, before=before)["emails"] == [{"value": "a@x"}]
    with pytest.raises(Mutability, match="displayName"):
        _apply(_op("replace", "displayName", "B"), kind=GROUP, before={"displayName": "A"})


def test_operations_see_what_earlier_ones_did_and_the_schemas_follow() -> None:
    before = {"schemas": [USER], "userName": "ann"}
    after = _apply(
        _op("add", "title", "a"),
        _op("remove", "title"),
        _op("add", 'addresses[type eq "work"].locality', "Ulm"),
        _op("add", 'addresses[type eq "work"].country', "DE"),
        _op("add", f"{ENTERPRISE}:department", "Sales"),
        before=before,
    )
    assert after == {
        "schemas": [USER, ENTERPRISE],
        "userName": "ann",
        "addresses": [{"type": "work", "locality": "Ulm", "country": "DE"}],
        ENTERPRISE: {"department": "Sales"},
    }
    assert _apply(_op("remove", ENTERPRISE), before=after)["schemas"] == [USER]


def test_a_refused_patch_changes_nothing() -> None:
    before = copy.deepcopy(ANN)
    with pytest.raises(Mutability):
        _apply(_op("replace", "title", "x"), _op("add", "emails", ["b"]), _op("remove", "userName"), before=before)
    assert before == ANN


_PATHS = st.sampled_from(
    [
        "userName",
        "id",
        "title",
        "active",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "emails.primary",
        "roles",
        'emails[type eq "work"]',
        'emails[type eq "work"].value',
        'emails[value eq "a@x"].primary',
        "shoeSize",
        "groups",
        ENTERPRISE,
        f"{ENTERPRISE}:department",
        f"{ENTERPRISE}:manager",
        'addresses[type eq "work"].locality',
        "meta",
    ]
)
_VALUES = st.recursive(
    st.sampled_from([None, True, "False", "", "x", "a@x", 1, 1.5]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "type", "primary", "givenName", "title", "emails", "id", "$ref"]), inner
        )
    ),
    max_leaves=6,
)
_OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove"])}, optional={"path": _PATHS, "value": _VALUES}
)


@given(st.lists(_OPERATIONS, min_size=1, max_size=5), st.sampled_from([STANDARD, DATABRICKS]))
def test_no_patch_changes_its_input_or_fails_otherwise_than_with_a_scim_error(
    operations: list[dict[str, Any]], kind: Any
) -> None:
    before = copy.deepcopy(ANN)
    try:
        after, _ = patch.apply(kind, before, patch_operations({"Operations": operations}))
    except ScimError:
        pass
    else:
        assert after["userName"]
        assert after["id"] == "7"
        assert None not in after.values()
        assert sum(1 for item in after.get("emails", []) if item.get("primary")) <= 1
    assert before == ANN
