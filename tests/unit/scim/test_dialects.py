"""PATCH bodies as clients write them, as operations."""

from __future__ import annotations

from typing import Any

import pytest

from provisor.scim.dialects import Operation, patch_operations
from provisor.scim.errors import InvalidPath, InvalidSyntax, InvalidValue, ScimError, TooMany
from provisor.scim.profiles import ENTERPRISE


def _operations(*operations: Any) -> list[Operation]:
    return patch_operations({"Operations": list(operations)})


@pytest.mark.parametrize("op", ["Add", "ADD", "add"])
def test_entra_writes_operations_with_a_capital_letter(op: str) -> None:
    assert _operations({"op": op, "path": "title", "value": "x"}) == [Operation("add", "title", "x")]


def test_databricks_fact_12_no_schemas_are_needed_and_names_may_be_in_any_case() -> None:
    body = {"operations": [{"OP": "Remove", "Path": " title "}]}
    assert patch_operations(body) == [Operation("remove", "title", None, has_value=False)]


def test_databricks_fact_9_a_value_that_was_left_out_is_refused() -> None:
    for op in ("replace", "add"):
        with pytest.raises(InvalidValue, match="active has no value"):
            _operations({"op": op, "path": "active"})


def test_null_is_a_value() -> None:
    assert _operations({"op": "replace", "path": "title", "value": None}) == [Operation("replace", "title", None)]


def test_paths_that_stand_as_keys_become_operations() -> None:
    value = {
        "displayName": "A",
        "name.givenName": "B",
        f"{ENTERPRISE}:department": "C",
        'emails[type eq "x"].value': "D",
    }
    assert _operations({"op": "replace", "value": value}) == [
        Operation("replace", None, {"displayName": "A"}, strict=False),
        Operation("replace", "name.givenName", "B", strict=False),
        Operation("replace", f"{ENTERPRISE}:department", "C", strict=False),
        Operation("replace", 'emails[type eq "x"].value', "D", strict=False),
    ]


@pytest.mark.parametrize("path", [None, "", "  "])
def test_an_empty_path_is_none(path: str | None) -> None:
    assert _operations({"op": "add", "path": path, "value": {"title": "x"}}) == [
        Operation("add", None, {"title": "x"}, strict=False)
    ]


@pytest.mark.parametrize(
    "body, error",
    [
        ({}, InvalidSyntax),
        ({"Operations": []}, InvalidSyntax),
        ({"Operations": {}}, InvalidSyntax),
        ({"Operations": ["x"]}, InvalidSyntax),
        ({"Operations": [{"path": "title"}]}, InvalidSyntax),
        ({"Operations": [{"op": "move", "path": "title"}]}, InvalidSyntax),
        ({"Operations": [{"op": 1, "path": "title"}]}, InvalidSyntax),
        ({"Operations": [{"op": "remove", "path": 7}]}, InvalidPath),
    ],
)
def test_another_shape_is_refused(body: dict[str, Any], error: type[ScimError]) -> None:
    with pytest.raises(error):
        patch_operations(body)


def test_a_patch_has_at_most_1000_operations() -> None:
    operation = {"op": "remove", "path": "title"}
    assert len(_operations(*[operation] * 1000)) == 1000
    with pytest.raises(TooMany):
        _operations(*[operation] * 1001)
    with pytest.raises(TooMany):
        _operations({"op": "add", "value": {f"name.x{number}": "" for number in range(1001)}})
