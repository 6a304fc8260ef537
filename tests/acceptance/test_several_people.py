"""The portal's lists of users and groups: filters, several at once, and the files that can be imported again."""

from __future__ import annotations

import csv
import io
from asyncio import to_thread
from pathlib import Path

from browser_like import Client, signed_in
from installation import installation
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import export, groups, tenants, users


def _start(pair: Pair) -> str:
    return f"/t/{pair.tenant.name}"


async def _client(pair: Pair, name: str = "admin@contoso.com") -> Client:
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name)
    return await signed_in(pair.base.partition("/w/")[0], link)


async def _enabled(pair: Pair, *names: str) -> list[bool]:
    async with pair.house.database.reading() as tx:
        return [(await users.find(tx, pair.tenant, f"{name}@contoso.com")).enabled for name in names]


async def test_ticked_users_are_disabled_together_and_the_others_are_left(pair: Pair) -> None:
    ada, grace, _ = [await pair.user(name) for name in ("ada", "grace", "joan")]
    await pair.sync()
    client = await _client(pair)
    answered = await client.post(f"{_start(pair)}/users/state", {"user": [str(ada), str(grace)], "state": "disable"})
    assert answered.status == 303
    assert await _enabled(pair, "ada", "grace", "joan") == [False, False, True]
    assert "2 disabled." in (await client.get(f"{_start(pair)}/users")).text
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False
    assert (await pair.account("joan"))["active"] is True
    again = await client.post(f"{_start(pair)}/users/state", {"user": [str(ada)], "state": "disable"})
    assert again.status == 303
    assert "0 of 1 ticked disabled; the others were so before." in (await client.get(f"{_start(pair)}/users")).text


async def test_several_go_to_the_recycle_bin_and_come_back_with_their_groups(pair: Pair) -> None:
    ada, grace = await pair.user("ada"), await pair.user("grace")
    team = await pair.group("Analysts", ada, grace)
    client = await _client(pair)
    both = {"user": [str(ada), str(grace)]}
    await client.post(f"{_start(pair)}/users/state", {**both, "state": "delete"})
    assert "ada@contoso.com" in (await client.get(f"{_start(pair)}/users?show=deleted")).text
    assert (await client.post(f"{_start(pair)}/users/state", {**both, "state": "enable"})).status == 303
    await client.post(f"{_start(pair)}/users/state", {**both, "state": "restore"})
    async with pair.house.database.reading() as tx:
        members = await groups.members_page(tx, pair.tenant, team, ("", team.__class__(int=0)), 9, "")
    assert {row["id"] for row in members} == {ada, grace}


async def test_a_name_that_is_taken_stops_the_whole_restore(pair: Pair) -> None:
    ada, grace = await pair.user("ada"), await pair.user("grace")
    async with pair.edit() as work:
        await users.recycle(work, ada)
        await users.recycle(work, grace)
        await users.create(work, {"userPrincipalName": "ada@contoso.com"})
    client = await _client(pair)
    answered = await client.post(f"{_start(pair)}/users/state", {"user": [str(grace), str(ada)], "state": "restore"})
    assert answered.status == 409
    assert "Another user is called ada@contoso.com now: rename that one first." in answered.text
    async with pair.house.database.reading() as tx:
        assert (await users.by_id(tx, pair.tenant, grace)).recycled


async def test_nothing_ticked_nothing_chosen_and_somebody_gone_are_refused(pair: Pair) -> None:
    ada = await pair.user("ada")
    client = await _client(pair)
    path = f"{_start(pair)}/users/state"
    assert "Tick at least one user." in (await client.post(path, {"state": "disable"})).text
    assert "Nothing was chosen." in (await client.post(path, {"user": str(ada), "state": "purge"})).text
    gone = await client.post(path, {"user": [str(ada), str(pair.application)], "state": "disable"})
    assert gone.status == 404
    assert await _enabled(pair, "ada") == [True]


async def test_the_last_administrator_cannot_be_among_those_disabled(pair: Pair) -> None:
    ada = await pair.user("ada")
    client = await _client(pair)
    async with pair.house.database.reading() as tx:
        admin = await users.find(tx, pair.tenant, "admin@contoso.com")
    answered = await client.post(f"{_start(pair)}/users/state", {"user": [str(ada), str(admin.id)], "state": "disable"})
    assert answered.status >= 400
    assert await _enabled(pair, "ada", "admin") == [True, True]


async def test_a_reader_sees_the_list_and_ticks_nobody(pair: Pair) -> None:
    ada = await pair.user("ada")
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "Global Reader")
    client = await _client(pair, "ada@contoso.com")
    text = (await client.get(f"{_start(pair)}/users")).text
    assert "ada@contoso.com" in text
    assert 'name="user"' not in text
    assert (await client.post(f"{_start(pair)}/users/state", {"user": str(ada), "state": "disable"})).status == 403
    assert "/audit" in text
    assert "set password" in (await client.get(f"{_start(pair)}/audit")).text


async def test_who_may_not_read_the_audit_log_does_not(pair: Pair) -> None:
    await pair.user("ada")
    client = await _client(pair, "ada@contoso.com")
    assert (await client.get(f"{_start(pair)}/audit")).status == 403


async def test_users_are_filtered_by_their_account(pair: Pair) -> None:
    await pair.user("ada")
    grace = await pair.user("grace")
    async with pair.edit() as work:
        await users.change(work, grace, {"accountEnabled": False})
    client = await _client(pair)
    disabled = (await client.get(f"{_start(pair)}/users?account=disabled")).text
    assert 'aria-label="grace@contoso.com"' in disabled
    assert 'aria-label="ada@contoso.com"' not in disabled
    assert "Nobody is like that." in (await client.get(f"{_start(pair)}/users?account=disabled&q=ada")).text


async def test_the_exported_file_imports_into_another_tenant_as_it_was(pair: Pair, tmp_path: Path) -> None:
    ada = await pair.user("ada", department="=1+1", otherMails=["a@x.org", "b@x.org"], telephoneNumber="+47 (22) 1")
    await pair.user("grace", manager=str(ada), displayName='Grace "Amazing", Hopper', streetAddress="One\nTwo")
    client = await _client(pair)
    answered = await client.get(f"{_start(pair)}/users/export.csv?q=ada")
    assert answered.headers["Content-Disposition"] == 'attachment; filename="users.csv"'
    assert [row["userPrincipalName"] for row in _rows(answered.text)] == ["ada@contoso.com"]
    text = (await client.get(f"{_start(pair)}/users/export.csv")).text
    by_name = {row["userPrincipalName"]: row for row in _rows(text)}
    assert by_name["ada@contoso.com"]["department"] == "'=1+1"
    assert by_name["ada@contoso.com"]["telephoneNumber"] == "+47 (22) 1"
    assert by_name["grace@contoso.com"]["manager"] == "ada@contoso.com"
    file = tmp_path / "users.csv"
    file.write_text(text.replace("'=1+1", "Sums"), encoding="utf-8")

    def elsewhere() -> list[dict[str, object]]:
        with installation() as shop:
            shop.run("directory", "import", str(file))
            return list(shop.json("directory", "users"))

    there = {str(row["userPrincipalName"]): row for row in await to_thread(elsewhere)}
    assert there["ada@contoso.com"]["otherMails"] == ["a@x.org", "b@x.org"]
    assert there["ada@contoso.com"]["objectId"] == str(ada)
    assert there["grace@contoso.com"]["manager"] == str(ada)
    assert there["grace@contoso.com"]["streetAddress"] == "One\nTwo"


async def test_exported_groups_and_members_import_into_another_tenant_as_they_were(pair: Pair, tmp_path: Path) -> None:
    ada, grace = await pair.user("ada"), await pair.user("grace")
    staff = await pair.group("Staff", ada, grace)
    everybody = await pair.group('Every "body", 1')
    async with pair.edit() as work:
        await groups.change(work, await groups.by_id(work.tx, pair.tenant, staff), {"description": "One\nTwo"})
        await groups.add_members(work, [(everybody, staff, "Group")])
    client = await _client(pair)
    texts = {
        "users.csv": (await client.get(f"{_start(pair)}/users/export.csv")).text,
        "groups.csv": (await client.get(f"{_start(pair)}/groups/export.csv")).text,
        "members.csv": (await client.get(f"{_start(pair)}/groups/members.csv")).text,
    }
    page = (await client.get(f"{_start(pair)}/groups?q=staff")).text
    assert "/groups/export.csv?q=staff" in page and "/groups/members.csv?q=staff" in page
    found = _rows((await client.get(f"{_start(pair)}/groups/export.csv?q=staff")).text)
    assert [(row["displayName"], row["objectId"]) for row in found] == [("Staff", str(staff))]
    of_one = _rows((await client.get(f"{_start(pair)}/groups/{staff}/members.csv?q=ada")).text)
    assert of_one == [{"group": "Staff", "member": "ada@contoso.com"}]
    assert f"/groups/{staff}/members.csv" in (await client.get(f"{_start(pair)}/groups/{staff}")).text
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def elsewhere() -> list[set[str]]:
        with installation() as shop:
            shop.run("directory", "import", *(str(tmp_path / name) for name in reversed(texts)))
            return [
                {row["member"] for row in shop.json("directory", "members", name)}
                for name in ("Staff", 'Every "body", 1')
            ]

    assert await to_thread(elsewhere) == [{"ada@contoso.com", "grace@contoso.com"}, {"Staff"}]


async def test_a_long_export_has_everybody_once(pair: Pair, monkeypatch: object) -> None:
    ids = [await pair.user(name, assigned=False) for name in ("ada", "grace", "joan")]
    export_page = export.PAGE
    try:
        export.PAGE = 2  # type: ignore[misc]
        parts = [part async for part in export.people(pair.house.database, pair.tenant, users.EVERYBODY)]
        for number in range(3):
            await pair.group(f"Team {number}", *ids)
        teams = [part async for part in export.teams(pair.house.database, pair.tenant)]
        members = [part async for part in export.memberships(pair.house.database, pair.tenant)]
    finally:
        export.PAGE = export_page  # type: ignore[misc]
    names = [row["userPrincipalName"] for row in _rows("".join(parts))]
    assert names == sorted({"ada@contoso.com", "admin@contoso.com", "grace@contoso.com", "joan@contoso.com"})
    assert [row["displayName"] for row in _rows("".join(teams))] == ["Team 0", "Team 1", "Team 2"]
    assert len({(row["group"], row["member"]) for row in _rows("".join(members))}) == 9 == len(_rows("".join(members)))


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
