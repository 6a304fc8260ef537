"""One object's way through the core, with plain values: scope, map, match, diff, decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from provisor.provisioning import edit
from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.change import Answer, Change, Known
from provisor.provisioning.decide import decide
from provisor.provisioning.map import desire
from provisor.provisioning.match import Match, Question, pick, questions
from provisor.provisioning.policies import DEFAULT, Policies
from provisor.provisioning.schema import Rules, compile_schema
from provisor.provisioning.scope import SourceObject, evaluate
from provisor.provisioning.templates import template

RULES = compile_schema(template("dataBricks"))
DATABRICKS = Capabilities(
    immutable={"User": ("emails", "id", "username"), "Group": ("displayname", "id")}, owner_id="1", owner_name="admin"
)
ADA = {"userPrincipalName": "ada@contoso.com", "mail": "ada@contoso.com", "givenName": "Ada", "surname": "Lovelace"}
ACCOUNT = {
    "id": "42",
    "userName": "ada@contoso.com",
    "displayName": "Ada Lovelace",
    "active": True,
    "emails": [{"type": "work", "value": "ada@contoso.com"}],
}
APPLIED = {
    "userName": "ada@contoso.com",
    "displayName": "Ada Lovelace",
    "active": True,
    'emails[type eq "work"].value': "ada@contoso.com",
}


def user(attributes: Mapping[str, Any] = ADA, **more: Any) -> SourceObject:
    return SourceObject("u1", "User", "ada@contoso.com", attributes, 7, **{"assigned": "directly", **more})


def group(name: str = "Engineering", **more: Any) -> SourceObject:
    return SourceObject("g1", "Group", name, {"displayName": name}, 7, **{"assigned": "directly", **more})


def decided(
    source: SourceObject | None,
    known: Known | None = None,
    *,
    found: Mapping[str, Any] | None = None,
    answer: Answer | None = None,
    rules: Rules = RULES,
    capabilities: Capabilities = DATABRICKS,
    object_type: str = "User",
    policies: Policies = DEFAULT,
) -> Change:
    """The change for ``source``; ``found`` is the one account that answers its first question."""
    of = rules.of(object_type)
    known = known or Known("u1", object_type)
    probe = source or SourceObject("u1", object_type, "gone", {}, 7)
    scope = evaluate(probe, of, all_objects=False)
    desired = desire(of, probe, soft_deleted=not scope.inside)
    asked = questions(of, desired)
    match = pick(asked, {question: [found] if found else [] for question in asked})
    answered = answer or Answer(match=match)
    return decide(known, source, of, scope, desired, answered, capabilities, seq=7, policies=policies)


def linked(**more: Any) -> Known:
    return Known("u1", "User", **{"state": "linked", "target_id": "42", "last_applied": APPLIED, **more})


def test_a_person_in_scope_without_an_account_is_created() -> None:
    change = decided(user())
    assert change.action == "create"
    assert change.reason == "is assigned directly and has no account"
    assert {name: after for name, (_, after) in change.attributes.items()} == APPLIED


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"assigned": None}, "is not assigned to the application"),
        ({"enabled": False}, "is disabled in the directory (accountEnabled is False)"),
        ({"recycled": True}, "is in the directory's recycle bin"),
    ],
)
def test_out_of_scope_is_never_created_and_says_why(more: dict[str, Any], reason: str) -> None:
    change = decided(user(**more))
    assert (change.action, change.reason) == ("nothing", reason)


@pytest.mark.parametrize("more", [{"assigned": None}, {"enabled": False}, {"recycled": True}])
def test_a_leaver_with_an_account_is_disabled_first_of_all(more: dict[str, Any]) -> None:
    change = decided(user(**more), linked())
    assert (change.action, change.attributes, change.phase) == ("disable", {"active": (True, False)}, 1)


def test_a_leaver_who_is_disabled_already_gets_no_request() -> None:
    known = linked(state="disabled", last_applied={**APPLIED, "active": False})
    assert decided(user(assigned=None), known).action == "nothing"


def test_a_person_who_comes_back_is_enabled() -> None:
    known = linked(state="disabled", last_applied={**APPLIED, "active": False})
    change = decided(user(), known)
    assert (change.action, change.attributes) == ("update", {"active": (False, True)})
    assert change.reason == "is assigned directly again"


def test_deleted_for_good_is_deleted_at_the_target() -> None:
    assert decided(None, linked()).action == "delete"
    assert decided(None, Known("u1", "User")).action == "nothing"


def test_seed_46_who_was_there_before_is_merged() -> None:
    change = decided(user(), found={**ACCOUNT, "displayName": "A. Lovelace", "entitlements": [{"value": "x"}]})
    assert (change.action, change.target_id, change.adopts) == ("update", "42", True)
    assert change.attributes == {"displayName": ("A. Lovelace", "Ada Lovelace")}
    assert "was there before and is merged" in change.reason
    assert decided(user(), found=ACCOUNT).action == "link"


def test_seed_29_an_id_that_the_target_assigns_is_kept_and_said() -> None:
    document = template("customappsso-2019")
    rules = compile_schema(document)
    change = decided(user({**ADA, "mailNickname": "ada"}), found={**ACCOUNT, "externalId": "ada"}, rules=rules)
    assert change.kept["id"] == ("42", "u1")
    assert "id stays '42'" in change.reason


def test_seed_54_a_renamed_group_is_one_sentence_and_no_request() -> None:
    known = Known("g1", "Group", "linked", "7", last_applied={"displayName": "Engineering"})
    change = decided(group("Engineers"), known, object_type="Group")
    assert (change.action, change.attributes) == ("nothing", {})
    assert change.reason == "displayName stays 'Engineering': the target does not let it change to 'Engineers'"
    again = Known(**{**_fields(known), "kept": {"displayName": "Engineers"}})
    assert decided(group("Engineers"), again, object_type="Group").reason == "is as it should be"


def test_seed_56_a_changed_user_name_is_one_sentence_and_no_request() -> None:
    change = decided(user({**ADA, "userPrincipalName": "ada.king@contoso.com"}), linked())
    assert change.attributes == {}
    assert change.kept == {"userName": ("ada@contoso.com", "ada.king@contoso.com")}


def test_seed_53_a_reserved_group_is_refused() -> None:
    found = {"id": "9", "displayName": "admins", "meta": {"resourceType": "WorkspaceGroup"}}
    change = decided(group("admins"), found=found, object_type="Group")
    assert change.action == "refuse"
    assert "reserved group admins" in change.reason


def test_seed_53_a_reserved_group_is_managed_when_somebody_named_it() -> None:
    admins = {"id": "9", "displayName": "admins", "meta": {"resourceType": "WorkspaceGroup"}}
    source = group("admins")
    assert decided(source, Known("g1", "Group"), found=admins, object_type="Group").action == "refuse"
    allowed = Policies(reserved=("admins",))
    change = decided(source, Known("g1", "Group"), found=admins, object_type="Group", policies=allowed)
    assert (change.action, change.adopts) == ("link", True)


def test_seed_45_the_owner_of_the_token_is_never_disabled_or_deleted() -> None:
    for source in (user(assigned=None), None):
        change = decided(source, linked(target_id="1"))
        assert change.action == "refuse"
        assert "owns the secret token" in change.reason


def test_seed_50_removed_at_the_target_stays_removed() -> None:
    change = decided(user(), linked(), answer=Answer(gone=True))
    assert change.action == "removed"
    assert decided(user(), linked(state="removed")).action == "nothing"


def test_several_candidates_are_nobodys() -> None:
    asked = (Question("userName", "ada@contoso.com", 1, False),)
    match = pick(asked, {asked[0]: [ACCOUNT, {**ACCOUNT, "id": "43"}]})
    change = decided(user(), answer=Answer(match=match))
    assert (change.action, change.retry) == ("refuse", True)
    assert "42 and 43" in change.reason


def test_a_lost_create_is_found_again_by_what_was_promised() -> None:
    known = Known("u1", "User", intent=APPLIED)
    renamed = user({**ADA, "surname": "King"})
    asked = questions(RULES.users, desire(RULES.users, renamed, soft_deleted=False))
    change = decided(renamed, known, answer=Answer(match=Match(ACCOUNT, asked[0])))
    assert (change.action, change.target_id) == ("update", "42")
    assert change.attributes == {"displayName": ("Ada Lovelace", "Ada King")}


def test_a_lost_create_that_is_not_found_is_repeated_as_promised() -> None:
    change = decided(user({**ADA, "surname": "King"}), Known("u1", "User", intent=APPLIED))
    assert {name: after for name, (_, after) in change.attributes.items()} == APPLIED


def test_an_unresolved_create_of_a_leaver_is_disabled_when_it_is_found() -> None:
    known = Known("u1", "User", intent=APPLIED)
    asked = (Question("userName", "ada@contoso.com", 1, False),)
    change = decided(user(assigned=None), known, answer=Answer(match=Match(ACCOUNT, asked[0])))
    assert (change.action, change.target_id) == ("disable", "42")


@pytest.mark.parametrize(("has", "ours"), [("u1", True), (None, True), ("somebody-else", False)])
def test_a_lost_create_is_not_found_in_the_account_of_another_source(has: str | None, ours: bool) -> None:
    promised = {**APPLIED, "externalId": "u1"}
    account = {**ACCOUNT, "externalId": has} if has is not None else ACCOUNT
    for source, ours_then, else_then in (
        (user({**ADA, "objectId": "u1"}), ("nothing", "link", "update"), "refuse"),
        (user(assigned=None), ("disable",), "nothing"),
    ):
        change = decided(source, Known("u1", "User", intent=promised), found=account, rules=with_external_id())
        assert change.action in ours_then if ours else change.action == else_then


def test_what_was_promised_and_is_not_wanted_any_more_is_remembered_to_be_cleared() -> None:
    known = Known("u1", "User", intent={**APPLIED, "displayName": "Ada Lovelace"})
    change = decided(user({"userPrincipalName": "ada@contoso.com"}), known)
    assert change.action == "create"
    assert "displayName" in change.given and "displayName" not in change.wanted
    assert change.inherited["displayName"] == "Ada Lovelace"


def with_external_id() -> Rules:
    document = edit.add_mapping(template("dataBricks"), "User", "externalId", attribute="objectId")
    return compile_schema(document)


@pytest.mark.parametrize(
    ("has", "policy", "action"),
    [
        (None, "merge", "update"),
        ("", "merge", "update"),
        ("u1", "merge", "link"),
        ("somebody-else", "merge", "refuse"),
        ("somebody-else", "hold", "refuse"),
        ("somebody-else", "take", "update"),
    ],
)
def test_an_account_with_the_external_id_of_another_source_is_not_taken_over(
    has: str | None, policy: str, action: str
) -> None:
    rules = with_external_id()
    account = {**ACCOUNT, "externalId": has} if has is not None else ACCOUNT
    change = decided(user({**ADA, "objectId": "u1"}), found=account, rules=rules, policies=Policies(adoption=policy))
    assert change.action == action
    if action == "refuse" and policy == "merge":
        assert "its externalId 'somebody-else' is that of another source: it is not taken over" in change.reason
        assert change.retry


def test_no_usable_name_is_refused_and_names_the_attribute() -> None:
    change = decided(user({"givenName": "Ada"}))
    assert change.action == "refuse"
    assert "userName" in change.reason


def test_a_value_that_others_gave_is_not_cleared() -> None:
    change = decided(user({"userPrincipalName": "ada@contoso.com"}), found={**ACCOUNT, "displayName": "By hand"})
    assert "displayName" not in change.attributes


def _fields(known: Known) -> dict[str, Any]:
    return {name: getattr(known, name) for name in Known.__dataclass_fields__}


def test_an_existing_account_waits_when_adoptions_are_held() -> None:
    change = decided(user(), found=ACCOUNT, policies=Policies(adoption="hold"))
    assert (change.action, change.adopts, change.retry) == ("refuse", False, True)
    assert change.reason == (
        "an account with userName 'ada@contoso.com' was there before: it is merged by an approved plan only"
    )
    assert decided(user(), policies=Policies(adoption="hold")).action == "create"


def test_a_merged_group_that_leaves_is_deleted_only_when_somebody_said_so() -> None:
    known = Known("g1", "Group", state="linked", target_id="7", adopted=True)
    gone = group(assigned=None)
    assert decided(gone, known, object_type="Group").action == "unlink"
    assert decided(gone, known, object_type="Group", policies=Policies(merged_groups="delete")).action == "delete"


def test_a_cleared_value_is_kept_when_somebody_said_so() -> None:
    nobody = user({**ADA, "givenName": "", "surname": ""})
    assert decided(nobody, linked()).attributes == {"displayName": ("Ada Lovelace", None)}
    assert decided(nobody, linked(), policies=Policies(cleared="keep")).action == "nothing"


def test_seed_45_the_owner_by_name_is_not_disabled_either() -> None:
    capabilities = Capabilities(owner_name="ADA@contoso.com")
    change = decided(user(assigned=None), linked(), capabilities=capabilities)
    assert (change.action, change.retry) == ("refuse", True)
    assert "owns the secret token" in change.reason
    assert decided(user(assigned=None), linked(), capabilities=Capabilities(owner_name="bob")).action == "disable"


def test_seed_45_the_owner_is_not_demoted() -> None:
    document = edit.add_attribute(template("dataBricks"), "User", "entitlements")
    rules = compile_schema(edit.add_mapping(document, "User", "entitlements", attribute="jobTitle"))
    known = linked(last_applied={**APPLIED, "entitlements": "admin"})
    owner = replace(DATABRICKS, owner_id="42", owner_name="ada")
    assert decided(user(), known, rules=rules, capabilities=owner).action == "refuse"
    assert decided(user(), known, rules=rules).attributes == {"entitlements": ("admin", None)}
