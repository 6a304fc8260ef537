"""What conditional access decides: each condition by itself, and laws that hold whatever the policies are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.access.conditional_access import (
    ALL,
    ALL_TRUSTED,
    DEMANDS,
    EVERY_TIME,
    PORTAL,
    Decision,
    Frequency,
    Judged,
    Location,
    Policy,
    Selection,
    SignIn,
    State,
    Who,
    address,
    decide,
    network,
    shut_out,
    where,
)

OFFICE = Location("office", "Office", True, (network("192.0.2.0/24", ""), network("2001:db8::/32", "")))
LAB = Location("lab", "Lab", False, (network("192.0.2.128/25", ""), network("203.0.113.7", "")))
PLACES = (OFFICE, LAB)
EVERYBODY = Selection(frozenset({ALL}))


def chosen(*include: str, but: tuple[str, ...] = ()) -> Selection:
    return Selection(frozenset(include), frozenset(but))


def rule(name: str = "P", **more: Any) -> Policy:
    given = {"users": EVERYBODY, "applications": EVERYBODY, "grant": "block", **more}
    return Policy(name, name, given.pop("state", State.ENABLED), **given)


def sign_in(place: str = "198.51.100.1", **more: Any) -> SignIn:
    who = Who("ada", frozenset({"staff", "all-staff"}), frozenset({"Global Reader"}))
    return SignIn(**{"who": who, "resources": frozenset({"app"}), "address": address(place), **more})


def outcome(policy: Policy, asked: SignIn | None = None) -> str:
    return decide([policy], PLACES, asked or sign_in()).demand


# ── each condition ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("people", "applies"),
    [
        ({"users": EVERYBODY}, True),
        ({"users": chosen("ada")}, True),
        ({"users": chosen("grace")}, False),
        ({"users": chosen("None")}, False),
        ({"users": chosen(ALL, but=("ada",))}, False),
        ({"users": chosen(), "groups": chosen("all-staff")}, True),
        ({"users": chosen(), "groups": chosen("board")}, False),
        ({"users": chosen("ada"), "groups": chosen(but=("staff",))}, False),
        ({"users": chosen(), "roles": chosen("Global Reader")}, True),
        ({"users": chosen(), "roles": chosen("Global Administrator")}, False),
        ({"users": EVERYBODY, "roles": chosen(but=("Global Reader",))}, False),
    ],
)
def test_who_a_policy_is_about(people: dict[str, Any], applies: bool) -> None:
    assert (outcome(rule(**people)) == "block") is applies


@pytest.mark.parametrize(
    ("applications", "applies"),
    [
        (EVERYBODY, True),
        (chosen("app"), True),
        (chosen("other", PORTAL), False),
        (chosen("None"), False),
        (chosen(ALL, but=("app",)), False),
        (chosen("app", but=("app",)), False),
        (chosen(ALL, but=(PORTAL,)), True),
    ],
)
def test_what_a_policy_is_about(applications: Selection, applies: bool) -> None:
    assert (outcome(rule(applications=applications)) == "block") is applies


def test_an_application_goes_by_each_of_its_ids() -> None:
    asked = sign_in(resources=frozenset({"relying-party", "app"}))
    assert outcome(rule(applications=chosen("app")), asked) == "block"
    assert outcome(rule(applications=chosen(ALL, but=("app",))), asked) == ""


@pytest.mark.parametrize(
    ("place", "inside"),
    [
        ("192.0.2.0", {"office", ALL_TRUSTED}),
        ("192.0.2.255", {"office", "lab", ALL_TRUSTED}),
        ("::ffff:192.0.2.1", {"office", ALL_TRUSTED}),
        ("::FFFF:c000:201", {"office", ALL_TRUSTED}),
        ("192.0.3.0", set()),
        ("192.0.1.255", set()),
        ("203.0.113.7", {"lab"}),
        ("203.0.113.8", set()),
        ("2001:db8:ffff::1", {"office", ALL_TRUSTED}),
        ("2001:db9::", set()),
        # The number of 192.0.2.1 as an IPv6 address is another address.
        ("::c000:201", set()),
        ("unknown", set()),
        ("", set()),
        ("192.0.2.1, 198.51.100.1", set()),
    ],
)
def test_where_an_address_is(place: str, inside: set[str]) -> None:
    assert where(PLACES, address(place)) == inside


def test_blocking_outside_of_the_office_blocks_an_address_that_is_not_known() -> None:
    policy = rule(locations=chosen(ALL, but=(ALL_TRUSTED,)))
    assert outcome(policy, sign_in("unknown")) == "block"
    assert outcome(policy, sign_in("192.0.2.7")) == ""
    assert outcome(rule(locations=chosen("office")), sign_in("unknown")) == ""


@pytest.mark.parametrize(
    ("policy", "shown", "demand"),
    [
        (rule(grant="mfa"), {}, "mfa"),
        (rule(grant="mfa"), {"mfa": True}, ""),
        (rule(grant="mfa"), {"passkey": True}, ""),
        (rule(grant="passkey"), {"mfa": True}, "passkey"),
        (rule(grant="passkey"), {"passkey": True}, ""),
        (rule(grant=None, frequency=Frequency(4, "hours")), {"age": 4 * 3600}, ""),
        (rule(grant=None, frequency=Frequency(4, "hours")), {"age": 4 * 3600 + 1}, "fresh"),
        (rule(grant=None, frequency=Frequency(1, "days")), {"age": 86401}, "fresh"),
        (rule(grant="mfa", frequency=Frequency(1, "hours")), {"age": 3601}, "fresh"),
        (rule(grant="mfa", frequency=Frequency(1, "hours")), {"age": 1}, "mfa"),
        # Whoever has just signed in gets on: every time cannot mean over and over again.
        (rule(grant=None, frequency=Frequency()), {"age": EVERY_TIME}, ""),
        (rule(grant=None, frequency=Frequency()), {"age": EVERY_TIME + 1}, "fresh"),
        (rule(grant="block", frequency=Frequency()), {"age": EVERY_TIME + 1}, "block"),
        # Whoever is in may stay, unless a number of hours says how long.
        (rule(grant=None, frequency=Frequency()), {"age": 40000.0, "within": True}, ""),
        (rule(grant=None, frequency=Frequency(4, "hours")), {"age": 4 * 3600 + 1, "within": True}, "fresh"),
        (rule(grant="mfa"), {"within": True}, "mfa"),
    ],
)
def test_what_is_asked_for(policy: Policy, shown: dict[str, Any], demand: str) -> None:
    assert outcome(policy, sign_in(**shown)) == demand


@pytest.mark.parametrize(
    ("grants", "demand"),
    [
        (("mfa", "passkey", "fresh", "block"), "block"),
        (("mfa", "passkey", "fresh"), "fresh"),
        (("mfa", "passkey"), "passkey"),
        (("mfa",), "mfa"),
    ],
)
def test_of_several_policies_the_first_demand_is_told_and_whose_it_is(grants: tuple[Any, ...], demand: str) -> None:
    rules = [
        rule(name, grant=None, frequency=Frequency(1, "hours")) if name == "fresh" else rule(name, grant=name)
        for name in grants
    ]
    found = decide(rules, PLACES, sign_in(age=3601.0))
    assert found.demand == demand and found.by is not None and found.by.name == demand


def test_a_policy_that_is_off_is_told_and_decides_nothing() -> None:
    found = decide([rule(state=State.DISABLED)], PLACES, sign_in())
    assert found.demand == "" and [item.result for item in found.judged] == ["notEnabled"]


def test_why_a_policy_does_not_apply_is_the_first_condition_that_does_not_match() -> None:
    policy = rule(users=chosen("grace"), applications=chosen("other"), locations=chosen("lab"))
    for change, why in (
        ({}, "users"),
        ({"users": EVERYBODY}, "applications"),
        ({"users": EVERYBODY, "applications": EVERYBODY}, "locations"),
    ):
        found = decide([replace(policy, **change)], PLACES, sign_in())
        assert found.judged[0].why.startswith(why) and not found.judged[0].applies


# ── laws ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_SOME_USERS = st.frozensets(st.sampled_from(["ada", "grace"]))
_SOME_GROUPS = st.frozensets(st.sampled_from(["staff", "board"]))
_SOME_ROLES = st.frozensets(st.sampled_from(["Global Reader", "User Administrator"]))
_SOME_PLACES = st.frozensets(st.sampled_from(["office", "lab", ALL_TRUSTED]))
_ALL = st.just(frozenset({ALL}))


def _sides(include: Any, exclude: Any) -> Any:
    return st.builds(Selection, include, exclude)


_POLICIES = st.builds(
    Policy,
    id=st.uuids().map(str),
    name=st.sampled_from(["One", "one", "Two", "Three"]),
    state=st.sampled_from(State),
    users=_sides(_SOME_USERS | _ALL, _SOME_USERS),
    groups=_sides(_SOME_GROUPS, _SOME_GROUPS),
    roles=_sides(_SOME_ROLES, _SOME_ROLES),
    applications=_sides(st.frozensets(st.sampled_from(["app", PORTAL])) | _ALL, st.frozensets(st.just("app"))),
    locations=st.none() | _sides(_SOME_PLACES | _ALL, _SOME_PLACES),
    grant=st.sampled_from([None, "block", "mfa", "passkey"]),
    frequency=st.none() | st.builds(Frequency, st.integers(0, 3), st.sampled_from(["hours", "days"])),
)
_SIGN_INS = st.builds(
    SignIn,
    who=st.builds(Who, st.sampled_from(["ada", "grace", "eve"]), _SOME_GROUPS, _SOME_ROLES),
    resources=st.frozensets(st.sampled_from(["app", PORTAL]), min_size=1),
    address=st.sampled_from(["192.0.2.1", "192.0.2.200", "203.0.113.7", "2001:db8::1", "8.8.8.8", "unknown"]).map(
        address
    ),
    mfa=st.booleans(),
    passkey=st.booleans(),
    age=st.sampled_from([0.0, 299.0, 301.0, 3700.0, 90000.0]),
)
_SETS = st.lists(_POLICIES, max_size=6)


def strictness(found: Decision) -> int:
    """0 for a sign-in that is let in, more the less it is."""
    order = ("", *reversed(DEMANDS))
    return order.index(found.demand)


@given(_SETS, _POLICIES, _SIGN_INS)
def test_a_report_only_policy_never_changes_the_outcome(rules: list[Policy], more: Policy, asked: SignIn) -> None:
    before = decide(rules, PLACES, asked)
    after = decide([*rules, replace(more, state=State.REPORT_ONLY)], PLACES, asked)
    assert (after.demand, after.by) == (before.demand, before.by)
    assert len(after.judged) == len(before.judged) + 1


@given(_SETS, _POLICIES, _SIGN_INS)
def test_a_report_only_policy_is_judged_as_it_would_be_when_on(
    rules: list[Policy], more: Policy, asked: SignIn
) -> None:
    def judged(state: State) -> Judged:
        found = decide([*rules, replace(more, state=state)], PLACES, asked).judged
        return next(item for item in found if item.policy.id == more.id)

    on, watched = judged(State.ENABLED), judged(State.REPORT_ONLY)
    assert (on.result, on.why, on.demand) == (watched.result, watched.why, watched.demand)


@given(_SETS, _SIGN_INS, st.data())
def test_an_exclusion_never_makes_it_stricter(rules: list[Policy], asked: SignIn, data: Any) -> None:
    if not rules:
        return
    place = data.draw(st.integers(0, len(rules) - 1))
    condition = data.draw(st.sampled_from(["users", "groups", "roles", "applications", "locations"]))
    some = {"users": _SOME_USERS, "groups": _SOME_GROUPS, "roles": _SOME_ROLES, "locations": _SOME_PLACES}
    more = data.draw(some.get(condition, st.frozensets(st.sampled_from(["app", PORTAL]))))
    was = getattr(rules[place], condition)
    if was is None:
        return
    changed = replace(rules[place], **{condition: Selection(was.include, was.exclude | more)})
    after = decide([*rules[:place], changed, *rules[place + 1 :]], PLACES, asked)
    assert strictness(after) <= strictness(decide(rules, PLACES, asked))


@given(_SETS, _POLICIES, _SIGN_INS)
def test_another_policy_never_makes_it_laxer(rules: list[Policy], more: Policy, asked: SignIn) -> None:
    assert strictness(decide([*rules, more], PLACES, asked)) >= strictness(decide(rules, PLACES, asked))


@given(_SETS, _SIGN_INS, st.randoms())
def test_the_order_of_policies_does_not_matter(rules: list[Policy], asked: SignIn, random: Any) -> None:
    mixed = list(rules)
    random.shuffle(mixed)
    assert decide(mixed, tuple(reversed(PLACES)), asked) == decide(rules, PLACES, asked)


@given(_SETS, _SIGN_INS)
def test_whoever_shows_all_and_has_just_signed_in_is_let_in_unless_blocked(rules: list[Policy], asked: SignIn) -> None:
    """What is asked for can be done: no sequence of demands goes on for ever."""
    shown = replace(asked, mfa=True, passkey=True, age=0.0)
    assert decide(rules, PLACES, shown).demand in ("", "block")
    # And one who did as told is never told the same again.
    step, demand = asked, decide(rules, PLACES, asked).demand
    for _ in DEMANDS:
        if demand in ("", "block"):
            break
        step = {
            "fresh": replace(step, age=0.0),
            "mfa": replace(step, mfa=True),
            "passkey": replace(step, passkey=True),
        }[demand]
        after = decide(rules, PLACES, step).demand
        assert after != demand
        demand = after
    assert demand in ("", "block")


@given(_SETS, _SIGN_INS)
def test_shut_out_is_blocked_wherever_one_is(rules: list[Policy], asked: SignIn) -> None:
    """Against every address that stands for others: both ends of each range and their neighbours."""
    samples = ["0.0.0.0", "192.0.2.0", "192.0.2.127", "192.0.2.128", "192.0.2.255", "192.0.3.0", "203.0.113.6"]
    samples += ["203.0.113.7", "203.0.113.8", "255.255.255.255", "::", "2001:db8::", "2001:db9::"]
    wanted = replace(asked, resources=frozenset({PORTAL}))
    blocked = [decide(rules, PLACES, replace(wanted, address=address(text))).demand == "block" for text in samples]
    assert shut_out(rules, PLACES, asked.who, PORTAL) is all(blocked)


_NETWORKS = st.ip_addresses(v=4).flatmap(
    lambda first: st.integers(1, 32).map(lambda length: network(str(_masked(first, length)), ""))
)


def _masked(first: Any, length: int) -> Any:
    import ipaddress

    return ipaddress.ip_network((first, length), strict=False)


@given(st.lists(_NETWORKS, min_size=1, max_size=8), st.ip_addresses(v=4))
def test_a_location_holds_what_one_of_its_ranges_holds(networks: list[Any], one: Any) -> None:
    made = Location("x", "x", False, tuple(networks))
    for item in (one, *made.edges(), *(found.broadcast_address for found in networks)):
        assert (item in made) is any(item in found for found in networks)
