"""Members of a group, told apart from the rest of a PATCH without knowing who is in the group."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.scim.dialects import patch_operations
from provisor.scim.errors import InvalidFilter, InvalidPath, InvalidValue, ScimError
from provisor.scim.patch import MemberChanges, apply, member_changes
from provisor.scim.profiles import resource_types

GROUP = resource_types("databricks")["Group"]


def _changes(*operations: dict[str, Any]) -> MemberChanges:
    return member_changes(patch_operations({"Operations": list(operations)}))


def _add(*ids: Any) -> dict[str, Any]:
    return {"op": "Add", "path": "members", "value": [{"$ref": None, "value": item} for item in ids]}


def _remove(*ids: str) -> dict[str, Any]:
    return {"op": "Remove", "path": "members", "value": [{"value": item} for item in ids]}


def _replace(*ids: str) -> dict[str, Any]:
    return {"op": "replace", "path": "Members", "value": [{"value": item} for item in ids]}


def _drop(identity: str) -> dict[str, Any]:
    return {"op": "remove", "path": f'members[value eq "{identity}"]'}


CLEAR = {"op": "remove", "path": "members"}


@pytest.mark.parametrize(
    "operations, add, remove, replace, clear",
    [
        ([_add("1", "2", "1")], ["1", "2"], [], None, False),
        ([_add(1)], ["1"], [], None, False),
        ([_remove("1", "2")], [], ["1", "2"], None, False),
        ([_drop("1"), _drop("2")], [], ["1", "2"], None, False),
        ([{"op": "remove", "path": 'members[value eq "1" or value eq 2]'}], [], ["1", "2"], None, False),
        ([{"op": "remove", "path": "members", "value": []}], [], [], None, False),
        ([{"op": "remove", "path": "members", "value": None}], [], [], None, True),
        ([{"op": "add", "path": "members", "value": None}], [], [], None, False),
        ([_add("1"), _drop("1")], [], ["1"], None, False),
        ([_drop("1"), _add("1")], ["1"], [], None, False),
        ([_replace("1", "2")], [], [], ["1", "2"], False),
        ([_add("9"), _replace("1", "2"), _drop("2"), _add("3")], ["3"], [], ["1"], False),
        ([_replace("1"), _drop("1")], [], [], [], False),
        ([_replace("1"), _replace()], [], [], None, True),
        ([{"op": "replace", "path": "members", "value": [{}]}], [], [], None, True),
        ([_add("1"), CLEAR], [], [], None, True),
        ([CLEAR, _add("1"), _drop("2")], ["1"], [], None, True),
        ([{"op": "add", "value": {"members": ["1", {"value": "2"}]}}], ["1", "2"], [], None, False),
        ([{"op": "replace", "value": {"MEMBERS": ["1"]}}], [], [], ["1"], False),
        (
            [{"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": "1"}],
            ["1"],
            [],
            None,
            False,
        ),
    ],
)
def test_later_operations_win(
    operations: list[dict[str, Any]], add: list[str], remove: list[str], replace: list[str] | None, clear: bool
) -> None:
    found = _changes(*operations)
    assert [item["value"] for item in found.add] == add
    assert found.remove == remove
    assert (None if found.replace is None else [item["value"] for item in found.replace]) == replace
    assert found.clear is clear
    assert found.rest == []


def test_the_rest_stays_in_order() -> None:
    found = _changes(
        {"op": "replace", "path": "displayName", "value": "A"},
        {"op": "add", "value": {"members": ["1"], "externalId": "X"}},
        {"op": "remove", "path": "entitlements"},
    )
    assert [(item.path, item.value) for item in found.rest] == [
        ("displayName", "A"),
        (None, {"externalId": "X"}),
        ("entitlements", None),
    ]


@pytest.mark.parametrize(
    "operation, error",
    [
        ({"op": "remove", "path": 'members[display eq "Ann"]'}, InvalidPath),
        ({"op": "remove", "path": 'members[value sw "1"]'}, InvalidPath),
        ({"op": "remove", "path": 'members[value eq "1"].display'}, InvalidPath),
        ({"op": "add", "path": 'members[value eq "1"]', "value": {}}, InvalidPath),
        ({"op": "replace", "path": "members.value", "value": "1"}, InvalidPath),
        ({"op": "remove", "path": "members[value"}, InvalidPath),
        ({"op": "remove", "path": "members[value eq]"}, InvalidFilter),
        ({"op": "add", "path": "members", "value": [{"display": "Ann"}]}, InvalidValue),
        ({"op": "add", "path": "members", "value": [{"value": ""}]}, InvalidValue),
        ({"op": "add", "path": "members", "value": [True]}, InvalidValue),
    ],
)
def test_members_without_an_id_are_refused(operation: dict[str, Any], error: type[ScimError]) -> None:
    with pytest.raises(error):
        _changes(operation)


_IDS = st.lists(st.sampled_from("12345"), max_size=3)
_OPERATIONS = st.lists(
    st.builds(lambda ids: _add(*ids), _IDS)
    | st.builds(lambda ids: _remove(*ids), _IDS)
    | st.builds(lambda ids: _replace(*ids), _IDS)
    | st.builds(_drop, st.sampled_from("12345"))
    | st.just(CLEAR),
    min_size=1,
    max_size=6,
)


@given(_OPERATIONS, st.frozensets(st.sampled_from("12345")))
def test_the_sum_of_the_changes_is_what_apply_does_one_by_one(
    operations: list[dict[str, Any]], present: frozenset[str]
) -> None:
    before = {"displayName": "A", "members": [{"value": item} for item in sorted(present)]}
    after, _ = apply(GROUP, before, patch_operations({"Operations": operations}))
    changes = _changes(*operations)
    start = set() if changes.clear else present
    if changes.replace is not None:
        start = {item["value"] for item in changes.replace}
    total = (set(start) | {item["value"] for item in changes.add}) - set(changes.remove)
    assert {item["value"] for item in after.get("members", [])} == total
    assert not {item["value"] for item in changes.add} & set(changes.remove)
