"""Conditional access with the real commands, server and database: who gets in, and what the log says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio import to_thread
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from browser_like import PASSWORD, Answered, Client, signed_in
from installation import Installation, installation
from pair import Pair
from provisor import audit, compose
from provisor.access.actors import PROVISOR
from provisor.directory import (
    admission,
    conditional_access,
    groups,
    policy_words,
    relying_parties,
    sign_in_log,
    tenants,
    users,
    way_in,
)
from provisor.directory.admission import PASSKEY, PORTAL, TOTP, Evidence, Outcome, Resource, admit
from provisor.directory.admission import PASSWORD as WORD
from provisor.directory.edit import edit
from provisor.directory.policy_words import Wanted
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound

OFFICE = {"displayName": "Office", "isTrusted": True, "ipRanges": [{"cidrAddress": "192.0.2.0/24"}]}
INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.7"


async def place(pair: Pair, given: dict[str, Any] = OFFICE, **more: Any) -> Any:
    async with pair.edit() as work:
        return await conditional_access.create_location(work, given, **more)


async def policy(pair: Pair, name: str = "P", *, force: bool = False, **words: Any) -> Any:
    """A policy that is on, about everybody unless told otherwise."""
    wanted = Wanted(name, **{"state": "on", "users": ("All",), "exclude_users": ("admin@contoso.com",), **words})
    async with pair.edit() as work:
        given = await policy_words.document(work.tx, pair.tenant, wanted)
        return await conditional_access.create_policy(work, given, force=force)


async def verdict(
    pair: Pair, user: UUID | str, *methods: str, to: Resource = PORTAL, at: str = OUTSIDE, age: float = 0
) -> admission.Verdict:
    async with pair.house.database.reading() as tx:
        person = await users.find(tx, pair.tenant, str(user))
        return await admit(tx, pair.tenant, person, to, Evidence(frozenset(methods or {WORD}), age, at))


async def somebody(pair: Pair, name: str = "ada") -> Client:
    """Somebody who has set a password, and is signed in."""
    await pair.user(name, assigned=False)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, f"{name}@contoso.com")
    return await signed_in(_base(pair), link)


async def tries(pair: Pair, name: str = "ada@contoso.com", password: str = PASSWORD) -> tuple[Client, Answered]:
    anybody = Client(_base(pair))
    return anybody, await anybody.post(f"{_start(pair)}/sign-in", {"name": name, "password": password}, csrf="")


async def log(pair: Pair, **chosen: Any) -> list[Any]:
    async with pair.house.database.reading() as tx:
        return await sign_in_log.entries(tx, pair.tenant, 100, sign_in_log.Filter(**chosen))


def _base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


def _start(pair: Pair) -> str:
    return f"/t/{pair.tenant.name}"


# ── admission ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_without_policies_everybody_is_let_in_with_one_question(pair: Pair) -> None:
    ada = await pair.user("ada")
    assert await verdict(pair, ada, at="unknown", age=1e9) == admission.GRANTED
    await policy(pair, state="off", require="block")
    assert await verdict(pair, ada) == admission.GRANTED


async def test_seed_04_policies_per_application_ask_for_more_factors_or_for_a_local_network(pair: Pair) -> None:
    ada, books, wiki = await pair.user("ada"), Resource(str(pair.application), "app"), Resource(str(uuid4()), "Wiki")
    await place(pair)
    await policy(pair, "Books with a passkey", apps=("app",), require="passkey")
    await policy(pair, "Portal with two factors", apps=("portal",), require="mfa")
    await policy(pair, "All from the office", exclude_locations=("trusted",), require="block")
    at_work = {"at": INSIDE}
    assert (await verdict(pair, ada, WORD, to=wiki, **at_work)).outcome is Outcome.GRANTED
    assert (await verdict(pair, ada, WORD, TOTP, to=books, **at_work)).outcome is Outcome.PASSKEY
    assert (await verdict(pair, ada, PASSKEY, to=books, **at_work)).outcome is Outcome.GRANTED
    assert (await verdict(pair, ada, WORD, **at_work)).outcome is Outcome.FACTOR
    assert (await verdict(pair, ada, WORD, TOTP, **at_work)).outcome is Outcome.GRANTED
    for address in (OUTSIDE, "unknown", "2001:db8::1"):
        blocked = await verdict(pair, ada, PASSKEY, to=books, at=address)
        assert blocked.outcome is Outcome.BLOCKED
        assert (
            "All from the office" in blocked.sentence
            and "contoso.com" in blocked.sentence
            and "app" in blocked.sentence
        )
    assert (await verdict(pair, ada, PASSKEY, to=books, at=f"::ffff:{INSIDE}")).outcome is Outcome.GRANTED


async def test_an_application_goes_by_the_id_of_its_relying_party_too(pair: Pair) -> None:
    ada, party = await pair.user("ada"), uuid4()
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "insert into relying_party (tenant, id, name, redirects, application) values ($1, $2, 'app', '{}', $3)",
            pair.tenant.id,
            party,
            pair.application,
        )
        workspace = uuid4()
        await tx.execute(
            "insert into relying_party (tenant, id, name, redirects, workspace)"
            " values ($1, $2, 'analytics', '{}', 'w')",
            pair.tenant.id,
            workspace,
        )
    await policy(pair, "By application", apps=("app",), require="block")
    await policy(pair, "By workspace", apps=("Analytics",), require="mfa")
    assert (await verdict(pair, ada, to=Resource(str(party), "app"))).outcome is Outcome.BLOCKED
    assert (await verdict(pair, ada, to=Resource(str(workspace), "analytics"))).outcome is Outcome.FACTOR
    assert (await verdict(pair, ada)).outcome is Outcome.GRANTED


async def test_a_policy_that_names_an_application_by_its_client_id_is_about_it(pair: Pair) -> None:
    """Entra ID's exports and what is pasted from a relying party's configuration have client ids."""
    ada = await pair.user("ada")
    async with pair.edit() as work:
        app = await pair.app(work.tx)
        party, _ = await relying_parties.register(work, app, ["https://app.example.com/signed-in"])
        given = {
            "displayName": "By client id",
            "state": "enabled",
            "conditions": {
                "users": {"includeUsers": [str(ada)]},
                "applications": {"includeApplications": [str(party.id)]},
            },
            "grantControls": {"operator": "OR", "builtInControls": ["block"]},
        }
        await conditional_access.create_policy(work, given)
    assert party.resource.id == str(app.id) != str(party.id)
    assert (await verdict(pair, ada, to=party.resource)).outcome is Outcome.BLOCKED
    assert (await verdict(pair, ada)).outcome is Outcome.GRANTED


async def test_who_is_in_a_group_of_a_group_is_in_it_and_roles_count(pair: Pair) -> None:
    ada, grace, eve = [await pair.user(name) for name in ("ada", "grace", "eve")]
    inner = await pair.group("Inner", ada, assigned=False)
    middle = await pair.group("Middle", assigned=False)
    outer = await pair.group("Outer", assigned=False)
    async with pair.edit() as work:
        await groups.add_members(work, [(middle, inner, "Group"), (outer, middle, "Group")])
        # A ring of groups ends too.
        await groups.add_members(work, [(inner, outer, "Group")])
        await tenants.give_role(work, grace, "User Administrator")
    people = {"users": (), "groups": ("Outer",), "roles": ("user administrator",)}
    await policy(pair, "Some", require="block", **people)
    assert (await verdict(pair, ada)).outcome is Outcome.BLOCKED
    assert (await verdict(pair, grace)).outcome is Outcome.BLOCKED
    assert (await verdict(pair, eve)).outcome is Outcome.GRANTED


async def test_a_fresh_sign_in_is_asked_for_when_the_last_one_is_too_long_ago(pair: Pair) -> None:
    ada = await pair.user("ada")
    await policy(pair, "Often", every="4h")
    assert (await verdict(pair, ada, age=4 * 3600)).outcome is Outcome.GRANTED
    told = await verdict(pair, ada, age=4 * 3600 + 1)
    assert told.outcome is Outcome.FRESH and "every 4 hours" in told.sentence


async def test_seed_04_report_only_is_judged_and_told_and_lets_in(pair: Pair) -> None:
    ada = await pair.user("ada")
    await policy(pair, "Watching", state="report-only", require="block")
    told = await verdict(pair, ada)
    assert told.outcome is Outcome.GRANTED and told.sentence == ""
    (row,) = told.policies
    assert (row["name"], row["result"], row["report_only"]) == ("Watching", "failure", True)


# ── signing in to the portal ────────────────────────────────────────────────────────────────────────────────────────


async def test_seed_04_whoever_is_blocked_is_told_by_which_policy_and_the_log_names_it(pair: Pair) -> None:
    await somebody(pair)
    made = await policy(pair, "Nobody at night", require="block")
    await policy(pair, "Watching", state="report-only", require="mfa")
    client, answered = await tries(pair)
    assert answered.status == 403 and "Nobody at night" in answered.text and "contoso.com" in answered.text
    assert not client.cookies
    row = (await log(pair))[0]
    assert (row["outcome"], row["upn"], row["resource"]) == ("failure", "ada@contoso.com", "portal")
    assert "Nobody at night" in row["reason"] and row["address"] == "127.0.0.1" and row["methods"] == ["password"]
    fared = {item["name"]: (item["result"], item["report_only"]) for item in row["policies"]}
    assert fared == {"Nobody at night": ("failure", False), "Watching": ("interrupted", True)}
    assert [found["id"] for found in await log(pair, policy=made.value.id)] == [row["id"]]
    # The password was right all the same: nobody is told that who does not know it.
    wrong = (await tries(pair, password="wrong horse battery"))[1]
    assert "Nobody at night" not in wrong.text
    async with pair.edit() as work:
        await conditional_access.delete_policy(work, made.id)
    assert (await tries(pair))[1].status == 303


async def test_whoever_is_blocked_cannot_use_a_set_up_link_and_keeps_it(pair: Pair) -> None:
    await pair.user("ada", assigned=False)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "ada@contoso.com")
    made = await policy(pair, "Closed", require="block")
    path, _, token = link.removeprefix(_base(pair)).partition("?token=")
    fields = {"token": token, "password": PASSWORD, "again": PASSWORD}
    refused = await Client(_base(pair)).post(path, fields, csrf="")
    assert refused.status == 403 and "Closed" in refused.text
    assert (await log(pair))[0]["methods"] == ["link", "password"]
    async with pair.edit() as work:
        await conditional_access.delete_policy(work, made.id)
    await signed_in(_base(pair), link)


async def test_a_second_factor_that_is_lacking_keeps_every_page_shut(pair: Pair) -> None:
    """The session is pending until it is shown, and the log says interrupted."""
    client = await somebody(pair)
    await policy(pair, "Two factors", require="mfa")
    client, answered = await tries(pair)
    assert answered.status == 303 and client.cookies
    for path in ("/", "/account"):
        turned = await client.get(f"{_start(pair)}{path}")
        assert turned.status == 303 and "/sign-in" in turned.where
    row = (await log(pair))[0]
    assert row["outcome"] == "interrupted" and "Two factors" in row["reason"]
    async with pair.house.database.reading() as tx:
        signed = [entry["action"] for entry in await audit.entries(tx, f"tenant/{pair.tenant.name}")]
    assert signed.count("sign in") == 1


async def test_a_session_lasts_as_long_as_its_owner_would_be_let_in(pair: Pair) -> None:
    client = await somebody(pair)
    page = f"{_start(pair)}/account"
    for words in ({"require": "block"}, {"require": "mfa"}, {"every": "1h"}, {"every": "every-time"}):
        made = await policy(pair, **words)
        async with pair.house.database.transaction() as tx:
            await tx.execute("update session set authenticated = now() - interval '61 minutes'")
        turned = await client.get(page)
        # Every time is asked when somebody comes in, not with every click.
        assert turned.status == (200 if words.get("every") == "every-time" else 303), words
        async with pair.edit() as work:
            await conditional_access.delete_policy(work, made.id)
        assert (await client.get(page)).status == 200
    await policy(pair, "Watching", state="report-only", require="block")
    assert (await client.get(page)).status == 200


async def test_the_verdict_comes_with_the_session(pair: Pair) -> None:
    from provisor.directory import sign_in

    await somebody(pair)
    for require, outcome in (("", Outcome.GRANTED), ("mfa", Outcome.FACTOR), ("passkey", Outcome.PASSKEY)):
        made = await policy(pair, require=require) if require else None
        begun = await sign_in.with_password(
            pair.house.database, pair.tenant, "ada@contoso.com", PASSWORD, visitor=pair.actor, device=""
        )
        assert begun.verdict.outcome is outcome
        if made:
            async with pair.edit() as work:
                await conditional_access.delete_policy(work, made.id)


async def test_seed_04_the_clients_address_is_believed_from_a_configured_proxy_only() -> None:
    """Nobody leaves a blocked network by a header: the address is the word of a proxy that is named, or the line's."""
    with installation() as made:
        made.folder.mkdir(mode=0o700)
        (made.folder / "provisor.toml").write_text('trusted_proxies = ["127.0.0.1"]')
        base = await to_thread(made.serve)
        link = await to_thread(made.run, "sign-in", "link")
        access = ("conditional-access",)
        await to_thread(made.run, *access, "location", "add", "Office", "192.0.2.0/24", "2001:db8::/32", "--trusted")
        words = ("--users", "All", "--block", "--exclude-location", "trusted", "--state", "on")
        await to_thread(made.run, *access, "policy", "create", "Office only", *words)
        path, _, token = link.removeprefix(base).partition("?token=")
        fields = {"token": token, "password": PASSWORD, "again": PASSWORD}

        async def sent(forwarded: str) -> int:
            headers = {"X_Forwarded_For": forwarded, "X_Forwarded_Proto": "https"}
            return (await Client(base).post(path, fields, csrf="", **headers)).status

        # What a client writes into the header stands before what the proxy adds, and is not believed.
        for outside in ("198.51.100.7", "192.0.2.7, 198.51.100.7", "192.0.2.7, nonsense", "::ffff:198.51.100.7"):
            assert await sent(outside) == 403, outside
        assert await sent("198.51.100.7, 192.0.2.7") == 303
        rows = await to_thread(made.json, "sign-ins")
        assert [row["address"] for row in rows] == [
            "192.0.2.7",
            "::ffff:198.51.100.7",
            "nonsense",
            "198.51.100.7",
            "198.51.100.7",
        ]
        name = {"name": "admin@default.localhost", "password": PASSWORD}
        direct = await Client(base).post("/t/default/sign-in", name, csrf="")
        assert direct.status == 403 and "Office only" in direct.text and "127.0.0.1" in direct.text
        await to_thread(made.stop)
        (made.folder / "provisor.toml").write_text("")
        base = await to_thread(made.serve)
        unnamed = await Client(base).post("/t/default/sign-in", name, csrf="", X_Forwarded_For="192.0.2.7")
        assert unnamed.status == 403 and "trusted_proxies" in unnamed.text


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_change_is_audited_and_takes_the_right(pair: Pair) -> None:
    ada, grace = await pair.user("ada", assigned=False), await pair.user("grace", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "Conditional Access Administrator")
        await tenants.give_role(work, grace, "Application Administrator")
    for name, may in (("ada", True), ("grace", False)):
        actor = await tenants.actor(pair.house.database, pair.tenant, f"{name}@contoso.com")
        async with edit(pair.house.database, pair.tenant, actor) as work:
            steps = [
                conditional_access.create_location(work, {**OFFICE, "displayName": name}),
                conditional_access.delete_location(work, uuid4()),
                conditional_access.create_policy(work, {}),
                conditional_access.change_policy(work, uuid4(), {}),
                conditional_access.delete_policy(work, uuid4()),
                conditional_access.add_break_glass(work, await users.find(work.tx, pair.tenant, "ada@contoso.com")),
            ]
            for step in steps:
                if may:
                    with contextlib.suppress(NotFound, Invalid):
                        await step
                else:
                    with pytest.raises(Forbidden, match="Conditional Access Administrator"):
                        await step
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, f"tenant/{pair.tenant.name}")
    assert {(row["action"], row["object"]) for row in rows[:2]} == {
        ("create", "named location ada"),
        ("make break-glass account", "user ada@contoso.com"),
    }


async def test_ids_of_nobody_are_refused_and_those_of_who_has_gone_stay(pair: Pair) -> None:
    ada = await pair.user("ada", assigned=False)
    made = await policy(pair, users=("ada@contoso.com",), require="mfa")
    document = made.to_json()
    for path, value, said in (
        (("users", "includeUsers"), str(uuid4()), "names the user"),
        (("users", "includeGroups"), str(uuid4()), "names the group"),
        (("applications", "includeApplications"), str(uuid4()), "names the application"),
        (("locations", "includeLocations"), str(uuid4()), "names the named location"),
    ):
        wrong = json.loads(json.dumps(document))
        wrong["conditions"]["locations"] = {"includeLocations": ["All"], "excludeLocations": []}
        wrong["conditions"][path[0]][path[1]] = [value]
        with pytest.raises(Invalid, match=said):
            async with pair.edit() as work:
                await conditional_access.change_policy(work, made.id, wrong)
    async with pair.edit() as work:
        await users.recycle(work, ada)
        await users.purge(work, ada)
    async with pair.edit() as work:
        changed = await policy_words.changed(work.tx, pair.tenant, made.value, {"state": "off"})
        after = await conditional_access.change_policy(work, made.id, changed)
    assert after.value.users.include == {str(ada)} and after.value.state == "disabled"


async def test_a_name_is_one_policys(pair: Pair) -> None:
    await policy(pair, "One", require="mfa")
    with pytest.raises(Conflict, match="Another conditional access policy is called one"):
        await policy(pair, "one", require="mfa")


async def test_a_location_that_a_policy_names_stays(pair: Pair) -> None:
    office = await place(pair)
    await policy(pair, "Inside", exclude_locations=("Office",), require="block")
    with pytest.raises(Conflict, match="Office is named by Inside"):
        async with pair.edit() as work:
            await conditional_access.delete_location(work, office.id)


async def test_an_imported_user_is_no_break_glass_account_by_somebody_elses_id(pair: Pair) -> None:
    ada = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await conditional_access.add_break_glass(work, await users.by_id(work.tx, pair.tenant, ada))
        await users.recycle(work, ada)
        await users.purge(work, ada)
        assert not await work.tx.fetch("select from break_glass_account where user_id = $1", ada)


# ── a way in ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_change_that_shuts_every_administrator_out_is_refused_unless_forced(pair: Pair) -> None:
    everybody = {"exclude_users": (), "require": "block"}
    with pytest.raises(Conflict, match="no Global Administrator could sign in"):
        await policy(pair, "Closed", **everybody)
    with pytest.raises(Conflict, match="no Global Administrator"):
        await policy(pair, "By role", users=(), roles=("Global Administrator",), apps=("portal",), **everybody)
    # Report-only, other applications, factors and some addresses are no way out of the house.
    await policy(pair, "Watching", state="report-only", **everybody)
    await policy(pair, "Elsewhere", apps=("app",), **everybody)
    await policy(pair, "Factors", exclude_users=(), require="passkey")
    office = await place(pair)
    inside = await policy(pair, "Not from the office", locations=("Office",), **everybody)
    with pytest.raises(Conflict, match="no Global Administrator"):
        await policy(pair, "Only from the office", exclude_locations=("Office",), **everybody)
    async with pair.edit() as work:
        await conditional_access.delete_policy(work, inside.id)
    await policy(pair, "Only from the office", exclude_locations=("trusted",), **everybody)
    # Nothing is trusted any more: nobody would come in from anywhere.
    with pytest.raises(Conflict, match="no Global Administrator"):
        async with pair.edit() as work:
            await conditional_access.change_location(work, office.id, {**OFFICE, "isTrusted": False})
    with pytest.raises(Conflict, match="no Global Administrator"):
        async with pair.edit() as work:
            await conditional_access.delete_location(work, office.id)
    await policy(pair, "Closed", force=True, **everybody)
    # Where nobody gets in any more, no change makes it worse.
    await policy(pair, "Closed too", **everybody)


async def test_an_administrator_with_a_password_must_have_a_way_in(pair: Pair) -> None:
    """One who has none is no way in, as long as somebody has one."""
    await somebody(pair, "ada")
    async with pair.edit() as work:
        await tenants.give_role(
            work, (await users.find(work.tx, pair.tenant, "ada@contoso.com")).id, "Global Administrator"
        )
    with pytest.raises(Conflict, match="no Global Administrator"):
        await policy(pair, "But the other", exclude_users=("admin@contoso.com",), require="block")
    await policy(pair, "But this one", exclude_users=("ada@contoso.com",), require="block")


async def test_two_changes_at_once_do_not_shut_everybody_out_together(pair: Pair) -> None:
    await somebody(pair, "ada")
    async with pair.edit() as work:
        await tenants.give_role(
            work, (await users.find(work.tx, pair.tenant, "ada@contoso.com")).id, "Global Administrator"
        )
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    await signed_in(_base(pair), link)
    both = await asyncio.gather(
        policy(pair, "Not ada", users=("ada@contoso.com",), exclude_users=(), require="block"),
        policy(pair, "Not admin", users=("admin@contoso.com",), exclude_users=(), require="block"),
        return_exceptions=True,
    )
    assert [type(item) for item in both].count(Conflict) == 1, both


async def test_a_policy_and_the_loss_of_whom_it_excludes_do_not_shut_everybody_out_together(pair: Pair) -> None:
    ada = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "Global Administrator")
    only_ada = Wanted("Only ada", state="on", users=("All",), exclude_users=("ada@contoso.com",), require="block")

    async def lose() -> None:
        async with pair.edit() as other:
            await users.change(other, ada, {"accountEnabled": False})

    async with pair.edit() as work:
        await conditional_access.create_policy(work, await policy_words.document(work.tx, pair.tenant, only_ada))
        # Not committed yet: whoever is disabled now does not see it, and has to wait.
        losing = asyncio.create_task(lose())
        await asyncio.wait([losing], timeout=0.5)
    with pytest.raises(Conflict, match=r"no Global Administrator .*the other ones out"):
        await losing
    async with pair.house.database.reading() as tx:
        assert await way_in.open_to(tx, pair.tenant.id)


async def test_the_administrator_whom_a_policy_excludes_cannot_be_lost(pair: Pair) -> None:
    """Excluded by themselves, or through a group; whoever is blocked anyway can go."""
    ada = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "Global Administrator")
        admin = (await users.find(work.tx, pair.tenant, "admin@contoso.com")).id
    staff = await pair.group("Staff", ada, assigned=False)
    await policy(pair, "Closed", exclude_users=(), exclude_groups=("Staff",), require="block")
    for lose in (
        lambda work: tenants.take_role(work, ada, "Global Administrator"),
        lambda work: users.change(work, ada, {"accountEnabled": False}),
        lambda work: users.recycle(work, ada),
    ):
        with pytest.raises(Conflict, match=r"no Global Administrator .*the other ones out"):
            async with pair.edit() as work:
                await lose(work)
    async with pair.edit() as work:
        await users.change(work, admin, {"accountEnabled": False})
        await users.change(work, admin, {"accountEnabled": True})
    # Out of the group: that is not refused, and is said until it is mended.
    async with pair.edit() as work:
        await groups.remove_members(work, [(staff, ada, "User")])
    async with pair.house.database.reading() as tx:
        said = (await conditional_access.warnings(tx, pair.tenant)).all
    assert said[0].startswith("As it is, no Global Administrator could sign in")
    # Where nobody gets in anyway, whoever leaves is not kept.
    async with pair.edit() as work:
        await users.change(work, ada, {"accountEnabled": False})


async def test_a_break_glass_account_is_warned_about_when_a_policy_does_not_exclude_it(pair: Pair) -> None:
    ada, staff = await pair.user("ada", assigned=False), None
    await policy(pair, "Off", state="off", require="mfa", exclude_users=())
    await policy(pair, "Watching", state="report-only", require="mfa", exclude_users=())
    async with pair.house.database.reading() as tx:
        assert await conditional_access.warnings(tx, pair.tenant) == conditional_access.Warned()
    everybody = await policy(pair, "Everybody", require="mfa", exclude_users=())
    async with pair.house.database.reading() as tx:
        (said,) = (await conditional_access.warnings(tx, pair.tenant)).all
    assert "no break-glass account" in said and "Everybody" in said
    staff = await pair.group("Staff", ada, assigned=False)
    async with pair.edit() as work:
        await conditional_access.add_break_glass(work, await users.by_id(work.tx, pair.tenant, ada))
    async with pair.house.database.reading() as tx:
        warned = await conditional_access.warnings(tx, pair.tenant)
    assert not warned.all and warned.each.keys() == {everybody.value.id}
    assert "ada@contoso.com" in warned.of(everybody.value)[0]
    async with pair.edit() as work:
        given = await policy_words.changed(work.tx, pair.tenant, everybody.value, {"exclude_groups": ("Staff",)})
        await conditional_access.change_policy(work, everybody.id, given)
    async with pair.house.database.reading() as tx:
        assert await conditional_access.warnings(tx, pair.tenant) == conditional_access.Warned()
    assert staff


# ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_log_is_filtered_paged_and_pruned(pair: Pair) -> None:
    ada = await pair.user("ada", assigned=False)
    async with pair.house.database.transaction() as tx:
        person = await users.by_id(tx, pair.tenant, ada)
        for number in range(5):
            outcome = sign_in_log.FAILURE if number % 2 else sign_in_log.SUCCESS
            who = person if number else None
            attempt = sign_in_log.Attempt(who, PORTAL, OUTSIDE, frozenset({WORD}), outcome, "because")
            await sign_in_log.record(tx, pair.tenant, attempt)
    rows = await log(pair)
    assert len(rows) == 5 and [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert len(await log(pair, user="ADA@")) == 4 and len(await log(pair, outcomes=("failure",))) == 2
    assert len(await log(pair, resource="PORTAL")) == 5 and not await log(pair, resource="wiki")
    assert [row["id"] for row in await log(pair, before_id=rows[2]["id"])] == [row["id"] for row in rows[3:]]
    async with pair.house.database.transaction() as tx:
        await tx.execute("update sign_in set at = at - interval '31 days' where id = $1", rows[4]["id"])
        await sign_in_log.prune(tx, 30)
    assert [row["id"] for row in await log(pair)] == [row["id"] for row in rows[:4]]


async def test_the_server_prunes_the_log(tmp_path: Path) -> None:
    with installation() as made:
        await to_thread(made.run, "init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        (made.folder / "provisor.toml").write_text("sign_in_log_days = 7")
        async with compose.opened(_settings(made)) as house, house.database.transaction() as tx:
            tenant = await tenants.get(tx, "default")
            await sign_in_log.record(
                tx, tenant, sign_in_log.Attempt(None, PORTAL, OUTSIDE, frozenset(), sign_in_log.FAILURE, "old")
            )
            await tx.execute("update sign_in set at = at - interval '8 days'")
        await to_thread(made.serve)
        for _ in range(50):
            if not await to_thread(made.json, "sign-ins"):
                break
            await asyncio.sleep(0.1)
        assert await to_thread(made.json, "sign-ins") == []


def _settings(made: Installation) -> Any:
    from provisor.config import Settings

    return Settings(data=made.folder)


# ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_seed_04_from_the_command_line_a_policy_is_tried_before_it_counts() -> None:
    with installation() as own:
        own.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        own.run("directory", "user", "create", "ada@contoso.com")
        own.run("directory", "group", "create", "Staff")
        own.run("directory", "group", "add-member", "Staff", "ada@contoso.com")
        own.run("app", "create", "Books")
        access = ("conditional-access",)
        own.run(*access, "location", "add", "Office", "192.0.2.0/24", "--trusted")
        about = ("--group", "Staff", "--app", "Books", "--exclude-location", "Office")
        then = ("--require", "mfa", "--sign-in-every", "4h")
        made = own.run(*access, "policy", "create", "Books from outside", *about, *then)
        assert "report-only" in made
        asked = ("what-if", "ada@contoso.com", "--app", "Books")
        outside = own.json(*access, *asked, "--address", OUTSIDE)
        assert outside["outcome"] == "granted"
        assert outside["policies"] == [
            {
                "policy": "Books from outside",
                "applies": True,
                "result": "interrupted",
                "reportOnly": True,
                "why": "asks for two factors, asks to sign in every 4 hours",
            }
        ]
        own.run(*access, "policy", "set", "Books from outside", "--state", "on")
        assert own.json(*access, *asked, "--address", OUTSIDE)["outcome"] == "factor"
        assert own.json(*access, *asked, "--address", OUTSIDE, "--with", "password,totp")["outcome"] == "granted"
        later = ("--with", "passkey", "--signed-in-hours-ago", "5")
        assert own.json(*access, *asked, "--address", OUTSIDE, *later)["outcome"] == "fresh"
        inside = own.json(*access, *asked, "--address", INSIDE)
        assert inside["outcome"] == "granted" and inside["policies"][0]["why"].startswith("locations:")
        portal = own.run(*access, "what-if", "ada@contoso.com", "--address", OUTSIDE)
        assert "applications: this application is not included" in portal
        shown = own.run(*access, "policy", "list")
        assert (
            "groups Staff" in shown and "All; but not Office" in shown and "two factors, sign in every 4 hours" in shown
        )
        own.run(*access, "policy", "set", "Books from outside", "--exclude-location", "", "--sign-in-every", "never")
        assert own.json(*access, "policy", "show", "Books from outside")["conditions"]["locations"] is None


def test_a_document_goes_out_and_in_unchanged() -> None:
    with installation() as own:
        own.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        access = ("conditional-access",)
        own.run(*access, "location", "add", "Office", "192.0.2.0/24", "2001:db8::/32")
        words = ("--users", "All", "--exclude-user", "admin@contoso.com", "--require", "passkey", "--state", "on")
        own.run(*access, "policy", "create", "One", *words, "--location", "Office")
        file = own.folder.parent / "policy.json"
        file.write_text(own.run(*access, "policy", "show", "One", "--json"))
        own.run(*access, "policy", "create", "Two", "--file", str(file))
        one, two = (own.json(*access, "policy", "show", name) for name in ("One", "Two"))
        for name in ("state", "conditions", "grantControls", "sessionControls"):
            assert one[name] == two[name]
        own.run(*access, "policy", "delete", "Two")
        own.run(*access, "policy", "set", "One", "--file", str(file))
        assert own.json(*access, "policy", "list") == [own.json(*access, "policy", "show", "One")]
        place = own.folder.parent / "place.json"
        place.write_text(json.dumps(own.json(*access, "location", "list")[0]))
        own.run(*access, "location", "add", "Lab", "--file", str(place))
        own.run(*access, "location", "set", "Lab", "--trusted", "--rename", "Laboratory")
        assert {item["displayName"]: item["isTrusted"] for item in own.json(*access, "location", "list")} == {
            "Laboratory": True,
            "Office": False,
        }
        own.run(*access, "location", "remove", "Laboratory")
        assert own.json(*access, "location", "list")[0]["displayName"] == "Office"
        file.write_text("[]")
        assert "one JSON object" in own.refused(*access, "policy", "create", "X", "--file", str(file))
        file.write_text('{"state": "enabled", "conditions": {"users": {"includeUsers": ["All"]}, "x": 1}}')
        assert "conditions.x is no property" in own.refused(*access, "policy", "create", "X", "--file", str(file))


def test_what_is_wrong_is_said_in_one_sentence_and_warnings_are_heard() -> None:
    with installation() as own:
        own.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        access = ("conditional-access",)
        create = (*access, "policy", "create", "P")
        for words, said in (
            (("--users", "eve@contoso.com", "--block"), "There is no user eve@contoso.com"),
            (("--group", "Crew", "--block"), "There is no group Crew"),
            (("--role", "King", "--block"), "is not a role"),
            (("--users", "All", "--app", "Wiki", "--block"), "There is no application or workspace Wiki"),
            (("--users", "All", "--location", "Moon", "--block"), "There is no named location Moon"),
            (("--users", "All", "--require", "sms"), "What is required is mfa or passkey"),
            (("--users", "All", "--require", "mfa", "--block"), "not both"),
            (("--users", "All", "--sign-in-every", "soon"), "is not how often to sign in"),
            (("--users", "All", "--block", "--state", "maybe"), "The state is on, off, report-only"),
            (("--users", "All"), "asks for nothing"),
            (("--block",), "says nobody"),
            (("--users", "All", "--block", "--state", "on"), "--force"),
        ):
            assert said in own.refused(*create, *words), words
        assert "is no address" in own.refused(*access, "what-if", "admin@contoso.com", "--address", "home")
        assert "is no way to sign in" in own.refused(
            *access, "what-if", "admin@contoso.com", "--address", INSIDE, "--with", "charm"
        )
        assert "at least one address range" in own.refused(*access, "location", "add", "X")
        assert "is no address range" in own.refused(*access, "location", "add", "X", "300.1.1.1/8")
        assert "There is no conditional access policy" in own.refused(*access, "policy", "show", "None")
        warned = own.command(*create, "--users", "All", "--require", "mfa", "--state", "on")
        assert warned.code == 0 and "There is no break-glass account" in warned.err
        named = own.command(*access, "break-glass", "add", "admin@contoso.com")
        assert "P applies to the break-glass account admin@contoso.com" in named.err
        assert "break-glass account" in own.command(*access, "policy", "list").err
        done = own.command(*access, "policy", "set", "P", "--exclude-user", "admin@contoso.com")
        assert done.code == 0 and done.err == ""
        assert own.json(*access, "break-glass", "list") == [{"user": "admin@contoso.com", "enabled": True}]
        own.run(*access, "break-glass", "remove", "admin@contoso.com")
        assert "is no break-glass account" in own.refused(*access, "break-glass", "remove", "admin@contoso.com")


def test_who_may_not_read_or_change_policies_is_told_who_may() -> None:
    with installation() as own:
        own.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        for name, role in (("reader", "Global Reader"), ("apps", "Application Administrator")):
            own.run("directory", "user", "create", f"{name}@contoso.com")
            own.run("role", "add", f"{name}@contoso.com", role)
        list_it, make_it = (
            ("conditional-access", "policy", "list"),
            ("conditional-access", "location", "add", "X", INSIDE),
        )
        own.run(*list_it, "--as", "reader@contoso.com")
        own.run("sign-ins", "--as", "reader@contoso.com")
        assert "Conditional Access Administrator" in own.refused(*make_it, "--as", "reader@contoso.com")
        for words in (list_it, ("sign-ins",), ("conditional-access", "location", "list")):
            assert "may not read conditional access" in own.refused(*words, "--as", "apps@contoso.com")
