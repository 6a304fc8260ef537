"""What a workspace's admin console shows and does over HTTP: settings, removed users, health, finding; with the effects
and the audit rows that the commands have."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from browser_like import Client, signed_in_to_workspace
from installation import Installation
from pair import OPS, Pair
from provisor import audit, compose
from provisor.access.actors import PROVISOR, Actor
from provisor.console.workspace.access_tokens import Health
from provisor.console.workspace.findings import examine
from provisor.refusal import Invalid
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups, openid_sign_in, tokens, users, workspaces
from provisor.workspace.openid_sign_in import Person

EXTENSION = (Path(__file__).parents[2] / "docs/howto/contoso-user.json").read_text()
URN = json.loads(EXTENSION)["id"]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def start(pair: Pair) -> str:
    return f"/w/{pair.workspace.name}"


def base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


async def admin(pair: Pair) -> Client:
    link = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, OPS)
    return await signed_in_to_workspace(base(pair), link)


async def nobody_in_particular(pair: Pair) -> Client:
    """A user who is no admin, signed in."""
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await users.add(work, "eva@contoso.com", {})
    person = Person("contoso.com", pair.tenant.realm, "eva's subject", "eva@contoso.com", "https://issuer.example")
    secret = await openid_sign_in.with_identity(pair.house.database, pair.workspace, person, Actor("eva", "eva"))
    return Client(base(pair), {f"provisor-w-{pair.workspace.name}": secret})


async def said(pair: Pair, action: str) -> list[tuple[str, Any, Any]]:
    """What the audit log has of an action about the workspace, newest first, but for who did it."""
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, pair.workspace.log, 50, audit.Filter(action=action, what="workspace "))
    return [(row["object"], row["before"], row["after"]) for row in rows]


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_settings_do_what_the_commands_do_and_are_logged_alike(pair: Pair, shop: Installation) -> None:
    client, name = await admin(pair), pair.workspace.name
    assert "Refused: delete it and create another" in (await client.get(f"{start(pair)}/settings")).text
    for value in ("allow", "refuse"):
        answered = await client.post(f"{start(pair)}/settings/groups", {"group_rename": value})
        assert answered.where == f"{start(pair)}/settings", answered.text
    await asyncio.to_thread(shop.run, "workspace", "set", name, "--group-rename", "allow")
    await asyncio.to_thread(shop.run, "workspace", "set", name, "--group-rename", "refuse")
    rows = await said(pair, "change")
    assert rows[:2] == rows[2:4] and len(rows) == 4
    refused = await client.post(f"{start(pair)}/settings/groups", {"group_rename": "perhaps"})
    assert (
        refused.status == 400
        and "&#39;perhaps&#39; is not a rule for renaming groups: refuse or allow." in refused.text
    )


async def test_an_extension_comes_and_goes_in_the_console(pair: Pair) -> None:
    client, at = await admin(pair), f"{start(pair)}/settings/extensions"
    for document, sentence in (
        ("", "Paste the schema as JSON"),
        ("{", "The schema is not JSON that can be used"),
        ('{"id": "badge"}', "urn"),
    ):
        answered = await client.post(at, {"document": document, "resource_type": "User"})
        assert answered.status == 400 and sentence in answered.text, answered.text
    assert (await client.post(at, {"document": EXTENSION, "resource_type": "User"})).status == 303
    assert URN in (await client.get(f"{start(pair)}/settings")).text
    made = {"schemas": [URN], "userName": "ada@contoso.com", URN: {"badge": "7"}}
    _, account = await pair.call("POST", "/Users", made)
    assert account[URN] == {"badge": "7"}
    answered = await client.post(f"{at}/remove", {"urn": URN})
    assert answered.status == 409 and "ada@contoso.com has values of" in answered.text
    assert (await pair.call("DELETE", f"/Users/{account['id']}"))[0] == 204
    assert (await client.post(f"{at}/remove", {"urn": URN})).status == 303
    async with pair.house.database.reading() as tx:
        assert (await workspaces.get(tx, pair.workspace.name)).extensions == ""
    assert [row[2] for row in await said(pair, "change")] == [{"extensions": []}, {"extensions": [URN]}]


async def test_sign_in_through_the_tenant_is_ended_and_not_begun(pair: Pair) -> None:
    client = await admin(pair)
    assert "contoso.com" in (await client.get(f"{start(pair)}/settings")).text
    assert (await client.post(f"{start(pair)}/settings/sign-in/end", {"tenant": "another"})).status == 303
    shown = (await client.get(f"{start(pair)}/settings")).text
    assert "Nobody signs in through a tenant; admins come with one-time links" in shown
    assert "Sign in with" not in (await Client(base(pair)).get(f"{start(pair)}/sign-in")).text
    assert await said(pair, "change") == [
        (f"workspace {pair.workspace.name}", {"signInTenant": str(pair.tenant.id)}, {"signInTenant": None})
    ]


# ── removed users ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_removed_users_are_listed_page_by_page_and_searched(pair: Pair) -> None:
    names = [f"p{number:02}@contoso.com" for number in range(60)]
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await users.create_many(work, [{"userName": name} for name in names])
        # All in one moment: the id decides which stands first.
        for name in names:
            await users.remove(work, name)
    client = await admin(pair)
    first = (await client.get(f"{start(pair)}/removed")).text
    link = first.rpartition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    second = (await client.get(link)).text
    shown = [[name for name in names if f"<td>{name}</td>" in text] for text in (first, second)]
    assert [len(page) for page in shown] == [50, 10]
    assert sorted(shown[0] + shown[1]) == names
    found = (await client.get(f"{start(pair)}/removed?q=P07")).text
    assert "<td>p07@contoso.com</td>" in found and "<td>p08@contoso.com</td>" not in found
    for nonsense in ("yesterday", "2026-01-01", "2026-01-01T00:00:00"):
        assert "<td>p" in (await client.get(f"{start(pair)}/removed?after={nonsense}")).text
    assert (await client.get(f"{start(pair)}/?show=removed")).where == f"{start(pair)}/removed"


async def test_a_service_principal_is_not_removed_as_a_user_is(pair: Pair) -> None:
    """One that stood among removed users would be added again as a user."""
    _, made = await pair.call("POST", "/ServicePrincipals", {"displayName": "Robot"})
    with pytest.raises(Invalid, match="is a service principal: delete it under Service principals"):
        async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
            await users.remove(work, made["id"])
    assert (await pair.call("GET", f"/ServicePrincipals/{made['id']}"))[0] == 200


async def test_whoever_is_added_again_has_the_id_of_before(pair: Pair) -> None:
    _, made = await pair.call("POST", "/Users", {"userName": "ada@contoso.com", "externalId": "47"})
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await users.remove(work, "ada@contoso.com")
    client = await admin(pair)
    shown = (await client.get(f"{start(pair)}/removed")).text
    assert f"/audit?q={made['id']}" in shown and "<td>47</td>" in shown
    answered = await client.post(f"{start(pair)}/removed/add", {"name": "ada@contoso.com"})
    assert answered.where == f"{start(pair)}/users/{made['id']}"
    assert "Nobody was removed here." in (await client.get(f"{start(pair)}/removed")).text
    assert (await pair.account("ada"))["active"] is True


async def test_who_was_deleted_is_shown_with_the_client_that_did_it(pair: Pair) -> None:
    for name in ("gone", "back"):
        _, made = await pair.call("POST", "/Users", {"userName": f"{name}@contoso.com"})
        await pair.call("DELETE", f"/Users/{made['id']}")
    _, group = await pair.call("POST", "/Groups", {"displayName": "user group"})
    await pair.call("DELETE", f"/Groups/{group['id']}")
    _, again = await pair.call("POST", "/Users", {"userName": "back@contoso.com"})
    shown = (await (await admin(pair)).get(f"{start(pair)}/removed")).text.partition("Deleted for good")[2]
    assert "<td>gone@contoso.com</td>" in shown and "<td>group" not in shown and "user group" not in shown
    async with pair.house.database.reading() as tx:
        [row] = await tokens.everyone(tx, pair.workspace)
    assert shown.count(f"{OPS} (token {row['id'][:12]})") == 2
    assert shown.count("There again") == 1 and f'/users/{again["id"]}"' in shown


# ── finding ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pages_people_groups_and_ids_are_found(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        ada = await users.add(work, "ada@contoso.com", {"displayName": "Ada King"})
        crew = await groups.add(work, "Kings of code")
        await users.add(work, "left@contoso.com", {})
        await users.remove(work, "left@contoso.com")
    client = await admin(pair)

    async def found(text: str) -> str:
        return (await client.get(f"{start(pair)}/find?q={text}")).text

    kings = await found("king")
    assert f"/users/{ada.id}" in kings and f"/groups/{crew.id}" in kings
    assert f"/groups/{crew.id}" in await found(crew.id)
    assert f"/users/{ada.id}" in await found(ada.id)
    assert "/removed?q=left%40contoso.com" in await found("left")
    assert f"{start(pair)}/service-principals" in await found("SERVICE")
    assert "Nothing is called" in await found("no such thing")


async def test_who_is_no_admin_finds_their_own_page_only(pair: Pair) -> None:
    client = await nobody_in_particular(pair)
    for text in ("a", "contoso", "users", OPS):
        found = (await client.get(f"{start(pair)}/find?q={text}")).text
        links = [part.partition('"')[0] for part in found.split('href="')[1:]]
        assert set(links) <= {f"{start(pair)}/account"}, text
    assert f"{start(pair)}/account" in (await client.get(f"{start(pair)}/find?q=account")).text
    for path in ("/settings", "/health", "/removed", "/groups/1/nested"):
        assert (await client.get(start(pair) + path)).status == 403


async def test_a_standard_workspace_has_no_page_that_only_databricks_has(standard: Pair) -> None:
    client = await admin(standard)
    assert "Service principals" not in (await client.get(f"{start(standard)}/")).text
    assert "Nothing is called" in (await client.get(f"{start(standard)}/find?q=service")).text
    assert "Groups can be renamed over SCIM" in (await client.get(f"{start(standard)}/settings")).text


# ── health ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_health_counts_what_each_client_changed(pair: Pair) -> None:
    for name in ("ada", "eva"):
        await pair.call("POST", "/Users", {"userName": f"{name}@contoso.com"})
    shown = (await (await admin(pair)).get(f"{start(pair)}/health")).text
    async with pair.house.database.reading() as tx:
        [row] = await tokens.everyone(tx, pair.workspace)
        rows, complete = await audit.writers(tx, pair.workspace.log, datetime.now(UTC) - timedelta(days=1))
        later, _ = await audit.writers(tx, pair.workspace.log, datetime.now(UTC) + timedelta(days=1))
    actor = f"{OPS} (token {row['id'][:12]})"
    made = {(item["actor"], item["action"]): (item["changes"], item["requests"]) for item in rows}
    assert made[actor, "create"] == (2, 2)
    assert complete and later == []
    assert f"<td>{actor}</td>" in shown
    assert "There is one active admin" in shown and "that of this program" in shown
    assert "The last request that got through came with" in shown


def token(state: str = "good", *warnings: str, **row: Any) -> Health:
    known = {"comment": "sync", "user_name": OPS, "expires": None, "last_used": NOW, "refused_at": None}
    return Health({**known, "refused_status": 409, "refused_why": "taken", **row}, state, list(warnings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "level", "sentence"),
    [
        ([], "bad", "There is no access token that counts"),
        ([token("expired")], "bad", "There is no access token that counts"),
        ([token(), token("owner inactive", comment="old")], "look", "Refused (owner inactive): “old”."),
        ([token("good", "It expires within two weeks.")], "look", "“sync”: It expires within two weeks."),
        ([token()], "good", "One token that will be good"),
        ([token(comment="", last_used=NOW - timedelta(days=8))], "look", f"came with a token of {OPS}"),
        ([token(last_used=None)], "look", "No request has come with any of the tokens yet."),
        ([token(refused_at=NOW, last_used=NOW - timedelta(hours=1))], "look", "“sync” was refused last: 409, taken"),
    ],
)
def test_what_is_worth_a_look_is_said(pair: Pair, found: list[Health], level: str, sentence: str) -> None:
    said = [(item.level, item.sentence) for item in examine(pair.workspace, found, 2, 0, NOW)]
    assert any(level == one and sentence in text for one, text in said), said


def test_a_refusal_that_is_mended_or_long_ago_is_not_worth_a_look(pair: Pair) -> None:
    for row in ({"refused_at": NOW - timedelta(hours=1)}, {"refused_at": NOW - timedelta(days=2), "last_used": None}):
        assert not any("was refused last" in one.sentence for one in examine(pair.workspace, [token(**row)], 2, 0, NOW))


async def test_deleted_groups_hide_nobody_who_was_deleted(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        ada = await users.add(work, "ada@contoso.com", {})
    assert (await pair.call("DELETE", f"/Users/{ada.id}"))[0] == 204
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        for number in range(60):
            await groups.delete(work, (await groups.add(work, f"power user {number}")).id)
    assert "ada@contoso.com" in (await (await admin(pair)).get(f"{start(pair)}/removed")).text


async def test_pages_go_on_after_a_name_that_begins_with_a_blank(pair: Pair) -> None:
    names = [f" room {number:02}" for number in range(60)] + [f"!room {number:02}" for number in range(60)]
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        house = await groups.add(work, "House")
        await groups.move(work, house, add=[(await groups.add(work, name)).id for name in names])
    client = await admin(pair)
    for path in (f"{start(pair)}/groups/{house.id}", f"{start(pair)}/groups"):
        found, page = [], path
        while page:
            shown = (await client.get(page)).text
            found += re.findall(r"<td><a href=\"[^\"]*/groups/[^\"]*\">([ !]room \d\d)</a>", shown)
            following = re.search(r'<a href="([^"]+)" rel="next">', shown)
            page = unescape(following[1]) if following else ""
        assert found == names, path
