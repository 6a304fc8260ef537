"""Scoping filters: every operator, what is refused, and what an answer says."""

from __future__ import annotations

from typing import Any

import pytest

from provisor.provisioning import edit_object, filters
from provisor.provisioning.edit import differences
from provisor.provisioning.filters import OPERATORS, parse_clause, passes
from provisor.provisioning.schema import compile_schema, object_mapping
from provisor.provisioning.scope import SourceObject, evaluate
from provisor.provisioning.templates import template
from provisor.refusal import Conflict, Invalid

#: Clause, values for which it holds, values for which it does not.
HOLDS: list[tuple[str, list[Any], list[Any]]] = [
    ("department EQUALS Sales", ["Sales"], ["sales", "Sales ", "", None]),
    ("department NOT EQUALS Sales", ["sales", "x"], ["Sales", "", None]),
    ("department IS NULL", ["", None], ["x"]),
    ("department IS NOT NULL", ["x"], ["", None]),
    ("accountEnabled IS TRUE", ["True"], ["False", "", None, "true"]),
    ("accountEnabled IS FALSE", ["False"], ["True", "", None]),
    ("department INCLUDES ale", ["Sales", "ale"], ["SALES", "", None]),
    ("department STARTS_WITH Sa", ["Sales"], ["sales", "", None]),
    ("mail ENDS_WITH @example.com", ["a@example.com"], ["a@example.com.evil", "", None]),
    ("employeeId REGEX MATCH ^[1-9][0-9]$", ["10", "99"], ["9", "100", "", None]),
    ("mail REGEX MATCH .*\\@domain.com", ["a@domain.com", "xa@domain.com.au"], ["a@x.com", None]),
    ("employeeId NOT REGEX MATCH ^1", ["21"], ["12", "", None]),
    ("employeeId GREATER_THAN 9", ["10"], ["9", "x", "", None, "-10"]),
    ("employeeId GREATER THAN OR EQUALS 9", ["9", "10"], ["8", "", None]),
    ("employeeId less_than 9", ["8"], ["9", "x", None]),
    ("employeeId LESS_THAN_OR_EQUALS 9", ["9"], ["10", None]),
    ("employeeId & 6", ["6", "7", "14"], ["4", "2", None]),
    ("department & Sales and Marketing", ["Sales", "and"], ["Sales2", None]),
    ("employeeId !& 6", ["4", "8"], ["6", "7", "", None]),
]


@pytest.mark.parametrize(("text", "yes", "no"), HOLDS, ids=[text for text, _, _ in HOLDS])
def test_every_operator_holds_for_what_it_should(text: str, yes: list[Any], no: list[Any]) -> None:
    clause = parse_clause(text, "User")
    assert [value for value in yes if not clause.holds(value)] == []
    assert [value for value in no if clause.holds(value)] == []


def test_no_operator_is_left_out() -> None:
    assert {parse_clause(text, "User").operator.name for text, _, _ in HOLDS} == {item.name for item in OPERATORS}


@pytest.mark.parametrize(
    ("stored", "name"),
    [("Equals", "EQUALS"), ("MatchesExpression", "REGEX MATCH"), ("EqualOrGreaterThan", "GREATER_THAN_OR_EQUALS"),
     ("NotBitAnd", "!&"), ("ENDS_WITH", "ENDS_WITH"), ("EndsWith", "ENDS_WITH"), ("Is Null", "IS NULL")],
)  # fmt: skip
def test_names_of_the_engine_and_of_the_portal_are_one(stored: str, name: str) -> None:
    assert filters.clause("employeeId", stored, "1", "User").operator.name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("department is Sales", "is no clause like"),
        ("shoeSize EQUALS 42", "shoeSize is no attribute of a user"),
        ("proxyAddresses EQUALS x", "filters take attributes with one value"),
        ("manager EQUALS x", "filters take attributes with one value"),
        ("department EQUALS", "needs a value; for an empty one there is IS NULL"),
        ("employeeId GREATER_THAN ten", "compares whole numbers"),
        ("department REGEX MATCH (", "the pattern '(' cannot be used"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_written(text: str, said: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_clause(text, "User")
    assert said in str(error.value)


def _filtered(*of: tuple[str, list[str]]) -> dict[str, Any]:
    document = template("scim")
    for title, clauses in of:
        document = edit_object.add_filter(document, "User", title, [parse_clause(text, "User") for text in clauses])
    return document


def test_clauses_are_all_asked_for_and_filters_one_of_them() -> None:
    rules = compile_schema(
        _filtered(
            ("Sales in Kiel", ["department EQUALS Sales", "city EQUALS Kiel"]), ("Heads", ["jobTitle EQUALS Head"])
        )
    ).users

    def answer(**values: str) -> tuple[bool, str]:
        return passes(rules.filters, values)

    assert answer(department="Sales", city="Kiel") == (True, "passes Sales in Kiel")
    assert answer(jobTitle="Head") == (True, "passes Heads")
    assert answer(department="Sales", city="Bonn") == (
        False,
        "fails Sales in Kiel: city EQUALS Kiel (it is 'Bonn') and Heads: jobTitle EQUALS Head (no value)",
    )
    ada = SourceObject("1", "User", "Ada", {"jobTitle": "Head"}, 1, assigned="directly")
    assert evaluate(ada, rules, all_objects=False).reason == "is assigned directly and passes Heads"


def test_a_filter_is_deleted_and_everybody_is_in_scope_again() -> None:
    before = _filtered(("Heads", ["jobTitle EQUALS Head"]))
    assert differences(template("scim"), before) == ["User: the scoping filters are changed"]
    assert edit_object.delete_filter(before, "User", "heads") == template("scim")
    with pytest.raises(Invalid, match="no scoping filter Feet"):
        edit_object.delete_filter(before, "User", "Feet")
    with pytest.raises(Conflict, match="a scoping filter heads already"):
        edit_object.add_filter(before, "User", "heads", [parse_clause("jobTitle EQUALS x", "User")])


def test_what_else_a_tenants_scope_holds_stays() -> None:
    document = template("scim")
    scope = {"groups": [], "inputFilterGroups": [], "categoryFilterGroups": {"x": 1}}
    object_mapping(document, "User")["scope"] = scope
    added = edit_object.add_filter(document, "User", "Heads", [parse_clause("jobTitle EQUALS Head", "User")])
    assert object_mapping(added, "User")["scope"]["categoryFilterGroups"] == {"x": 1}
    assert object_mapping(edit_object.delete_filter(added, "User", "Heads"), "User")["scope"] == scope


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([{"name": "All"}], "All has no clause: it would let everybody through"),
        ([{"name": "All", "clauses": [{"sourceOperandName": "city", "operatorName": "EQUALS",
                                       "targetOperand": {"values": ["a", "b"]}}]}], "a clause has one value"),
        ([{"name": "All", "clauses": [{"sourceOperandName": "city", "operatorName": "IsMemberOf"}]}],
         "The scoping filter All: IsMemberOf is no operator"),
        ("x", "a list of scoping filters"),
    ],
)  # fmt: skip
def test_a_document_with_a_filter_that_cannot_run_is_refused(groups: Any, said: str) -> None:
    document = template("scim")
    object_mapping(document, "User")["scope"] = {"groups": groups}
    with pytest.raises(Invalid) as error:
        compile_schema(document)
    assert said in str(error.value)


def test_a_pattern_that_takes_for_ever_is_a_sentence() -> None:
    clause = parse_clause("department REGEX MATCH ^(?:a|aa|aaa)*$", "User")
    with pytest.raises(Invalid, match="takes too long"):
        clause.holds("a" * 5000 + "!")


def test_what_an_object_mapping_may_do_is_switched() -> None:
    document = edit_object.set_object(template("scim"), "User", actions={"delete": False, "create": None})
    assert object_mapping(document, "User")["flowTypes"] == "Add,Update"
    assert edit_object.settings(document, "User")["actions"] == ["create", "update"]
    again = edit_object.set_object(document, "User", actions={"delete": True})
    assert again == template("scim")
    off = edit_object.set_object(again, "Group", enabled=False)
    assert compile_schema(off).groups.enabled is False
    with pytest.raises(Conflict, match="cannot be disabled"):
        edit_object.set_object(again, "User", enabled=False)


def test_defaults_are_restored_whatever_was_done() -> None:
    edited = _filtered(("Heads", ["jobTitle EQUALS Head"]))
    assert edit_object.restored(edited, "scim") == template("scim")
