"""The page's mapping edits, one at a time, on the template of 2019."""

from __future__ import annotations

import pytest

from provisor.provisioning import edit
from provisor.provisioning.schema import compile_schema, target_definitions
from provisor.provisioning.templates import ACTIVE, FULL_NAME, TEMPLATES, WORK_MAIL, template
from provisor.refusal import Conflict, Invalid


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_runs_and_leaves_no_trace_of_an_edit(name: str) -> None:
    rules = compile_schema(template(name))
    assert rules.users.matching and rules.groups.matching
    edit.delete_all_deletable(template(name), "User")
    assert compile_schema(template(name)) is not None
    assert template(name) == template(name)


def test_seed_20_object_mappings_carry_the_names_of_their_template() -> None:
    rules = compile_schema(template("customappsso-2019"))
    assert rules.users.name == "Synchronize Azure Active Directory Users to customappsso"
    assert rules.groups.name == "Synchronize Azure Active Directory Groups to customappsso"


def test_seed_21_22_all_deletable_but_the_last_matching_one() -> None:
    document, deleted = edit.delete_all_deletable(template("customappsso-2019"), "User")
    assert [row["target"] for row in edit.rows(document, "User")] == ["externalId"]
    assert "displayName" in deleted
    with pytest.raises(Conflict, match="last matching attribute and cannot be deleted: edit it"):
        edit.delete_mapping(document, "User", "externalId")


def test_seed_24_an_attribute_in_use_is_not_taken_off_the_list() -> None:
    document = template("scim")
    with pytest.raises(Conflict, match=r"name\.formatted is used by the mapping Join"):
        edit.delete_attribute(document, "User", "name.formatted")
    without = edit.delete_mapping(document, "User", "name.formatted")
    edit.delete_attribute(without, "User", "name.formatted")


def test_seed_25_primary_and_required() -> None:
    document = edit.set_attribute(template("customappsso-2019"), "User", "userName", primary=True, required=True)
    listed = {row["name"]: row for row in edit.target_definitions(document, "User")}
    assert (listed["userName"]["anchor"], listed["userName"]["required"]) == (True, True)
    with pytest.raises(Conflict, match="only Primary"):
        edit.set_attribute(template("customappsso-2019"), "User", "id", primary=False)


def test_seed_26_to_36_end_in_the_recommended_mappings() -> None:
    document, _ = edit.delete_all_deletable(template("customappsso-2019"), "User")
    document = edit.edit_mapping(document, "User", "externalId", attribute="userPrincipalName", new_target="userName")
    assert edit.rows(document, "User")[0]["precedence"] == 1
    document = edit.add_mapping(document, "User", "id", attribute="extensionAttribute1")
    document = edit.add_mapping(document, "User", WORK_MAIL, attribute="mail")
    document = edit.add_mapping(document, "User", "displayName", expression=FULL_NAME[1:])
    document = edit.add_mapping(document, "User", "active", expression=ACTIVE[1:])
    for target in ("externalId", WORK_MAIL, "mailEnabled", "securityEnabled"):
        document = edit.delete_mapping(document, "Group", target)
    document = edit.add_mapping(document, "Group", "id", attribute="extensionAttribute1", precedence=2)
    assert edit.recommended(document) == []


def test_seed_33_the_difference_from_the_recommended_mappings_is_named() -> None:
    findings = edit.recommended(edit.delete_mapping(template("dataBricks"), "User", "active"))
    assert len(findings) == 1
    assert findings[0].startswith("User: missing Switch([IsSoftDeleted]")
    assert any("too much" in finding for finding in edit.recommended(template("customappsso-2019")))


def test_a_wrong_expression_is_shown_with_its_place() -> None:
    with pytest.raises(Invalid, match=r"\^"):
        edit.add_mapping(template("dataBricks"), "User", "title", expression='Join(" ", [givenName]')


def test_unknown_names_are_refused() -> None:
    with pytest.raises(Invalid, match="no attribute of a user"):
        edit.add_mapping(template("dataBricks"), "User", "title", attribute="shoeSize")
    with pytest.raises(Invalid, match="add it there first"):
        edit.add_mapping(template("dataBricks"), "User", "shoeSize", attribute="jobTitle")


def test_a_reference_says_what_it_points_at() -> None:
    document = edit.set_attribute(template("scim"), "Group", "members", referenced="User")
    row = next(row for row in target_definitions(document, "Group") if row["name"] == "members")
    assert (edit.referenced(document, row), row["referencedObjects"][0]["referencedProperty"]) == ("User", "id")
    assert edit.set_attribute(document, "Group", "members", referenced="") == template("scim")
    with pytest.raises(Invalid, match="is no object type"):
        edit.set_attribute(document, "Group", "members", referenced="Robot")
