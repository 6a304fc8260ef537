"""What a plan promises, counts and hashes to."""

from __future__ import annotations

from dataclasses import replace

from provisor.provisioning.change import ADDITIONS, USERS, Change
from provisor.provisioning.plan import Plan
from provisor.provisioning.schema import compile_schema
from provisor.provisioning.templates import template

RULES = compile_schema(template("dataBricks"))
ADA = Change("create", "User", "u1", "ada", "new", 1, USERS, attributes={"userName": (None, "ada@contoso.com")})


def test_two_people_cannot_be_promised_the_same_unique_name() -> None:
    plan = Plan()
    plan.accept(ADA, RULES.users)
    other = replace(ADA, source_id="u2", attributes={"userName": (None, "ADA@contoso.com")})
    refused = plan.accept(other, RULES.users)
    assert refused.action == "refuse"
    assert refused.reason == "userName 'ada@contoso.com' is promised to another object of this plan (u1)"
    assert plan.counts == {"create": 1, "refuse": 1}
    assert plan.writes == 1


def test_two_people_cannot_be_promised_one_account() -> None:
    plan = Plan()
    link = replace(ADA, action="link", target_id="42", adopts=True, attributes={})
    plan.accept(link, RULES.users)
    assert plan.accept(replace(link, source_id="u2"), RULES.users).action == "refuse"


def test_members_are_counted_in_requests_of_a_hundred() -> None:
    plan = Plan()
    members = tuple(f"u{number}" for number in range(101))
    plan.accept(Change("add members", "Group", "g1", "g", "", 1, ADDITIONS, members=members), RULES.groups)
    assert plan.writes == 2


def test_members_who_go_with_a_new_group_cost_no_request_of_their_own() -> None:
    members = tuple(f"u{number}" for number in range(101))
    adding = Change("add members", "Group", "g1", "g", "", 1, ADDITIONS, members=members)
    for change, writes in (
        (adding, 1),
        (replace(adding, members=members[:100]), 0),
        (replace(adding, target_id="7"), 2),
    ):
        plan = Plan(members_at_creation=True)
        plan.accept(change, RULES.groups)
        assert plan.writes == writes


def test_the_hash_depends_on_what_is_done_and_on_nothing_else() -> None:
    first, second, third = Plan(), Plan(), Plan()
    first.accept(ADA, RULES.users)
    second.accept(replace(ADA, reason="said otherwise", seq=9), RULES.users)
    third.accept(replace(ADA, attributes={"userName": (None, "eve@contoso.com")}), RULES.users)
    assert first.hash == second.hash != third.hash


def test_a_plan_of_refusals_is_empty() -> None:
    plan = Plan()
    plan.accept(replace(ADA, action="refuse"), RULES.users)
    assert plan.empty
    plan.accept(replace(ADA, source_id="u2"), RULES.users)
    assert not plan.empty
