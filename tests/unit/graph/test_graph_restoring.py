"""What clients lose of a mapping document on the way is put back, and what they take out is not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from provisor.api.graph.restoring import restored
from provisor.provisioning.templates import TEMPLATES, template

_CLAUSES = [
    {"sourceOperandName": "department", "operatorName": "EQUALS", "targetOperand": {"values": ["Sales"]}},
    {"sourceOperandName": "department", "operatorName": "IS NOT NULL", "targetOperand": None},
]
_SCOPE = {"groups": [{"name": None, "clauses": _CLAUSES}, {"name": None, "clauses": _CLAUSES[1:]}]}


def lossy(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: lossy(item) for name, item in value.items() if item is not None}
        return {name: item for name, item in kept.items() if name not in ("flowTypes", "discoverabilities")}
    return [lossy(item) for item in value] if isinstance(value, list) else value


def scoped(name: str) -> dict[str, Any]:
    document = template(name)
    document["synchronizationRules"][0]["objectMappings"][1]["scope"] = copy.deepcopy(_SCOPE)
    document["synchronizationRules"][0]["objectMappings"][0]["flowTypes"] = "Add"
    return document


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_document_that_went_through_an_sdk_is_as_it_was(name: str) -> None:
    document = scoped(name)
    assert restored(lossy(document), document) == document


def test_what_is_taken_out_stays_out_and_what_moves_keeps_its_own() -> None:
    document = scoped("dataBricks")
    given = lossy(document)
    groups, users = given["synchronizationRules"][0]["objectMappings"]
    del users["attributeMappings"][0], users["scope"]["groups"][1]
    given["synchronizationRules"][0]["objectMappings"] = [users, groups]
    (users, groups) = restored(given, document)["synchronizationRules"][0]["objectMappings"]
    old_groups, old_users = document["synchronizationRules"][0]["objectMappings"]
    assert users["attributeMappings"] == old_users["attributeMappings"][1:]
    assert users["scope"]["groups"] == _SCOPE["groups"][:1]
    assert (users["flowTypes"], groups) == ("Add,Update,Delete", old_groups)


def test_a_mapping_that_is_new_may_do_everything() -> None:
    document = template("dataBricks")
    given = lossy(document)
    given["synchronizationRules"][0]["objectMappings"][0]["name"] = "Another"
    mapping = restored(given, document)["synchronizationRules"][0]["objectMappings"][0]
    assert mapping["flowTypes"] == "Add,Update,Delete"
