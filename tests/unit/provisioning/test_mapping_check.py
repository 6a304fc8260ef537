"""Mappings looked at before anything runs, and tried on cases without a target."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from provisor.expressions import Inputs, parse, to_source
from provisor.provisioning.check import check
from provisor.provisioning.schema import compile_schema, object_mapping, target_definitions
from provisor.provisioning.templates import attribute_definition, attribute_mapping, template
from provisor.provisioning.trial import judge
from provisor.refusal import Invalid


def changed(target: str, **row: Any) -> dict[str, Any]:
    """The template with one more mapping, or another one of the same target; without a source none."""
    document = copy.deepcopy(template("scim"))
    rows = object_mapping(document, "User")["attributeMappings"]
    kept = [item for item in rows if item["targetAttributeName"] != target]
    expression = row.pop("expression", None)
    if expression is not None:
        precedence = 1 if target == "userName" else 0
        mapped = attribute_mapping("mail", target, precedence)
        kept.append({**mapped, "source": to_source(parse(expression)), **row})
    object_mapping(document, "User")["attributeMappings"] = kept
    return document


def said(document: dict[str, Any]) -> list[tuple[bool, str, str]]:
    return [(item.error, item.attribute, item.sentence) for item in check(document)]


@pytest.mark.parametrize("name", ["scim", "customappsso-2019", "dataBricks"])
def test_templates_have_no_errors(name: str) -> None:
    assert [item for item in check(template(name)) if item.error] == []


def test_nobody_would_ever_be_disabled() -> None:
    [(error, attribute, sentence)] = said(changed("active"))
    assert (error, attribute) == (True, "active") and "nobody who leaves would ever be disabled" in sentence


@pytest.mark.parametrize(
    ("target", "expression", "says"),
    [
        ("title", "RandomString(8, 1, 1, 1, 1)", "another value in every cycle"),
        ("userName", "SelectUniqueValue([mail], [surname])", "nobody could be found by it"),
        ("title", "[otherMails]", "takes one value and can get several"),
        ("title", 'Split([mail], "@")', "takes one value and can get several"),
        ("name", "[givenName]", "which is mapped as a whole"),
    ],
)
def test_a_mapping_that_does_not_do_what_it_should(target: str, expression: str, says: str) -> None:
    found = said(changed(target, expression=expression))
    assert [sentence for _, attribute, sentence in found if attribute.startswith(target) and says in sentence], found


@pytest.mark.parametrize(
    ("expression", "says"), [('"yes"', "neither True nor False"), ("[mail]", "gets a String"), ("Now()", "gets a date")]
)
def test_what_cannot_be_a_boolean(expression: str, says: str) -> None:
    document = changed("active")
    target_definitions(document, "User").append(attribute_definition("isVip", "Boolean"))
    rows = object_mapping(document, "User")["attributeMappings"]
    rows.append({**attribute_mapping("mail", "isVip"), "source": to_source(parse(expression))})
    assert any(attribute == "isVip" and says in sentence for _, attribute, sentence in said(document))


def test_what_is_required_twice_or_not_listed() -> None:
    document = copy.deepcopy(template("scim"))
    target_definitions(document, "User").append(attribute_definition("nickName", required=True))
    rows = object_mapping(document, "User")["attributeMappings"]
    rows.append(attribute_mapping("mail", "title"))
    rows.append(attribute_mapping("mail", "urn:contoso:User:badge"))
    found = {(attribute, sentence.partition(":")[0]) for _, attribute, sentence in said(document)}
    assert ("nickName", "is required and not mapped") in found
    assert ("title", "is mapped twice") in found
    assert ("urn", "is not on the attribute list") in {(name[:3], what) for name, what in found}


def test_matching_on_what_is_the_same_for_everybody() -> None:
    found = said(changed("userName", expression='"everybody"', matchingPriority=1))
    assert any(error and "is the same for everybody" in sentence for error, _, sentence in found)


CASES: list[dict[str, Any]] = [
    {
        "attributes": {"userPrincipalName": "ada@contoso.com", "givenName": "Ada", "surname": "Lovelace"},
        "expected": {"userName": "ada@contoso.com", "name.formatted": "Ada Lovelace", "active": True, "title": None},
    },
    {"attributes": {}, "softDeleted": True, "expected": {"ACTIVE": False}},
    {"objectType": "Group", "attributes": {"displayName": "Analysts"}, "expected": {"displayName": "Analysts"}},
]


def test_cases_are_judged_and_what_they_leave_out_is_named() -> None:
    judged, missing = judge(compile_schema(template("scim")), CASES, Inputs({}))
    assert len(judged) == 6 and all(item.passed for item in judged), judged
    assert "User externalId" in missing or "User displayName" in missing
    assert "User userName" not in missing
    wrong = copy.deepcopy(CASES)
    wrong[0]["expected"]["userName"] = "eva@contoso.com"
    judged, _ = judge(compile_schema(template("scim")), wrong, Inputs({}))
    assert [(item.case, item.attribute, item.found) for item in judged if not item.passed] == [
        (1, "userName", "ada@contoso.com")
    ]


@pytest.mark.parametrize(
    ("cases", "says"),
    [
        ("x", "a list of objects"),
        ([1], "Case 1 is an object"),
        ([{"attributes": {}}], "Case 1 needs expected"),
        ([{"attributes": {}, "expected": {}, "objectType": "Robot"}], "objectType is User or Group"),
        ([{"attributes": {}, "expected": {"nothing": 1}}], "nothing is mapped by no mapping of a user"),
    ],
)
def test_a_case_that_is_none_is_named(cases: Any, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        judge(compile_schema(template("scim")), json.loads(json.dumps(cases)), Inputs({}))
