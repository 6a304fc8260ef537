"""The directory: importing files, its change feed, and what may not be done to it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from installation import Installation, installation
from pair import Pair
from provisor.access.actors import PROVISOR, Actor
from provisor.directory import groups, tenants, users
from provisor.directory.edit import edit
from provisor.directory.importer import Imported, import_files
from provisor.directory.source import DirectorySource
from provisor.refusal import Conflict, Forbidden, Invalid, Refusal
from provisor.storage import embedded, postgres

CONTOSO = Path(__file__).parents[2] / "examples/contoso"
USERS = "userPrincipalName,displayName,mail,accountEnabled\nada@contoso.com,Ada,ada@contoso.com,True\n"


async def load(pair: Pair, *files: tuple[str, str | bytes]) -> Imported:
    async with pair.edit() as work:
        return await import_files(
            work, [(name, data.encode() if isinstance(data, str) else data) for name, data in files]
        )


async def find(pair: Pair, name: str) -> users.User:
    async with pair.house.database.reading() as tx:
        return await users.find(tx, pair.tenant, name)


# ── importing ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_contoso_is_imported_in_any_order_and_again(pair: Pair) -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(CONTOSO.glob("*.csv"))]
    assert [name for name, _ in files] == ["groups.csv", "members.csv", "users.csv"]
    assert await load(pair, *files) == Imported(1000, 60, 2075)
    head = await DirectorySource(pair.house.database, pair.tenant, pair.application).head()
    assert await load(pair, *reversed(files)) == Imported(0, 0, 0)
    assert await DirectorySource(pair.house.database, pair.tenant, pair.application).head() == head
    assert (await find(pair, "edsger.dijkstra@contoso.com")).recycled
    assert not (await find(pair, "dorothy.vaughan@contoso.com")).enabled
    assert (await find(pair, "SIOBHAN.O'BRIEN@contoso.com")).doc["givenName"] == "Siobhán"
    assert (await find(pair, "cher@contoso.com")).doc.keys() & {"surname", "manager"} == set()


def test_contoso_is_made_anew_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "make.py").write_bytes((CONTOSO / "make.py").read_bytes())
    subprocess.run(["python3", str(tmp_path / "make.py")], check=True)
    for path in CONTOSO.glob("*.csv"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


async def test_an_empty_cell_clears_but_says_nothing_about_who_is_enabled(pair: Pair) -> None:
    await load(pair, ("u.csv", "userPrincipalName,jobTitle,accountEnabled\nada@contoso.com,Countess,False\n"))
    assert await load(pair, ("u.csv", "userPrincipalName,jobTitle,accountEnabled\nADA@contoso.com,,\n")) == Imported(
        1, 0, 0
    )
    ada = await find(pair, "ada@contoso.com")
    assert ("jobTitle" in ada.doc, ada.enabled, ada.upn) == (False, False, "ADA@contoso.com")


async def test_a_column_that_is_missing_changes_nothing(pair: Pair) -> None:
    await load(pair, ("u.csv", "userPrincipalName,jobTitle,IsSoftDeleted\nada@contoso.com,Countess,True\n"))
    await load(pair, ("u.csv", "userPrincipalName,city\nada@contoso.com,London\n"))
    ada = await find(pair, "ada@contoso.com")
    assert (ada.doc["jobTitle"], ada.doc["city"], ada.recycled) == ("Countess", "London", True)
    await load(pair, ("u.csv", "userPrincipalName,IsSoftDeleted\nada@contoso.com,False\n"))
    assert not (await find(pair, "ada@contoso.com")).recycled


async def test_the_portals_file_is_read_as_it_comes(pair: Pair) -> None:
    text = (
        "id,userPrincipalName,displayName,surname,mail,givenName,userType,jobTitle,department,accountEnabled,"
        "usageLocation,streetAddress,state,country,officeLocation,city,postalCode,telephoneNumber,mobilePhone,"
        "alternateEmailAddress,ageGroup,consentProvidedForMinor,legalAgeGroupClassification,companyName,creationType,"
        "directorySynced,invitationState,identityIssuer,createdDateTime\n"
        "6f9619ff-8b86-4011-b42d-00c04fc964ff,ada@contoso.com,Ada,Lovelace,ada@contoso.com,Ada,Member,Countess,,True,"
        ",,,,Room 1,London,,,0123,,,,,Contoso,,,,contoso.com,2026-01-01T00:00:00Z\n"
    )
    assert await load(pair, ("users.csv", b"\xef\xbb\xbf" + text.encode())) == Imported(1, 0, 0)
    ada = await find(pair, "ada@contoso.com")
    assert str(ada.id) == "6f9619ff-8b86-4011-b42d-00c04fc964ff"
    assert (ada.doc["mobile"], ada.doc["physicalDeliveryOfficeName"]) == ("0123", "Room 1")
    renamed = text.replace("ada@contoso.com,Ada", "countess@contoso.com,Ada")
    assert await load(pair, ("users.csv", renamed)) == Imported(1, 0, 0)
    assert (await find(pair, "countess@contoso.com")).id == ada.id


async def test_json_lines_and_other_delimiters(pair: Pair) -> None:
    lines = (
        '{"userPrincipalName": "ada@contoso.com", "otherMails": ["a@b.c", "d@e.f"], "accountEnabled": true}\n'
        '{"group": "Engineering", "member": "ada@contoso.com"}\n\n'
        '{"displayName": "Engineering", "securityEnabled": true}\n'
    )
    assert await load(pair, ("all.jsonl", lines)) == Imported(1, 1, 1)
    assert (await find(pair, "ada@contoso.com")).doc["otherMails"] == ["a@b.c", "d@e.f"]
    assert await load(pair, ("excel.csv", "userPrincipalName;city\r\nbob@contoso.com;Paris\r\n")) == Imported(1, 0, 0)


async def test_managers_may_stand_anywhere(pair: Pair) -> None:
    text = "userPrincipalName,manager\nada@contoso.com,bob@contoso.com\nbob@contoso.com,\n"
    await load(pair, ("u.csv", text))
    assert (await find(pair, "ada@contoso.com")).doc["manager"] == str((await find(pair, "bob@contoso.com")).id)
    assert await load(pair, ("u.csv", text)) == Imported(0, 0, 0)


async def test_groups_can_be_members_and_have_the_same_name(pair: Pair) -> None:
    ids = ("6f9619ff-8b86-4011-b42d-00c04fc964f1", "6f9619ff-8b86-4011-b42d-00c04fc964f2")
    text = f"objectId,displayName\n{ids[0]},Twins\n{ids[1]},Twins\n,Parent\n"
    assert await load(pair, ("g.csv", text)) == Imported(0, 3, 0)
    assert await load(pair, ("m.csv", f"group,member\nParent,{ids[0]}\n")) == Imported(0, 0, 1)
    with pytest.raises(Conflict, match=r"^m\.csv:2: several groups are called Twins: use an object id"):
        await load(pair, ("m.csv", "group,member\nParent,Twins\n"))


async def test_the_portals_download_groups_is_read_as_it_comes(pair: Pair) -> None:
    heading = "id,displayName,groupType,membershipType,source,mail,securityEnabled,mailEnabled,isAssignableToRole"
    row = "6f9619ff-8b86-4011-b42d-00c04fc964ff,Team,Security,Assigned,Cloud,,True,False,False"
    text = f"{heading},onPremisesSyncEnabled\n{row},False\n"
    assert await load(pair, ("g.csv", text)) == Imported(0, 1, 0)


async def test_a_page_of_microsoft_graph_is_read_as_it_comes(pair: Pair) -> None:
    identity, other = "6f9619ff-8b86-4011-b42d-00c04fc964ff", "6f9619ff-8b86-4011-b42d-00c04fc964fe"
    one = {"@odata.type": "#microsoft.graph.user", "id": identity, "userPrincipalName": "ada@contoso.com"}
    one |= {"businessPhones": ["+44 1"], "officeLocation": "Room 1", "accountEnabled": False, "userType": "Member"}
    one |= {"employeeOrgData": {"@odata.type": "x", "costCenter": "7", "division": None}, "manager": {"id": other}}
    one |= {"onPremisesExtensionAttributes": {"extensionAttribute1": "E1", "extensionAttribute2": None}}
    page: dict[str, Any] = {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
        "@odata.count": 1,
        "value": [one],
    }
    boss = {"id": other, "userPrincipalName": "bob@contoso.com", "businessPhones": []}
    page["value"].append(boss)
    for indent in (None, 2):
        assert (await load(pair, ("users.json", json.dumps(page, indent=indent)))).users == (0 if indent else 2)
    ada = await find(pair, "ada@contoso.com")
    assert (str(ada.id), ada.enabled, ada.doc["telephoneNumber"]) == (identity, False, "+44 1")
    assert (ada.doc["employeeOrgData.costCenter"], ada.doc["extensionAttribute1"]) == ("7", "E1")
    assert ada.doc["manager"] == str((await find(pair, "bob@contoso.com")).id)
    teams = {"value": [{"id": other, "displayName": "Team", "groupTypes": []}]}
    assert await load(pair, ("groups.json", json.dumps(teams))) == Imported(0, 1, 0)
    assert await load(pair, ("none.json", '{"@odata.context": "x", "value": []}')) == Imported(0, 0, 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"value": [{"userPrincipalName": "a@b.c"}, 5]}', "u.csv, number 2: this is no JSON object"),
        ('{"value": [{"userPrincipalName": "a@b.c", "shoeSize": 9}]}', "u.csv, number 1: 'shoeSize' is no attribute"),
        ('{"value": "x"}', "u.csv: its value is no list of users or groups"),
        ('{"value": [', "u.csv: This is not valid JSON"),
        ("userPrincipalName,shoeSize\na@b.c,9\n", "u.csv:1: 'shoeSize' is no attribute of a user"),
        ("userPrincipalName,jobtitel\na@b.c,9\n", "Did you mean jobTitle?"),
        ("userPrincipalName\n\n\nada\n", "u.csv:4: 'ada' is not a user principal name"),
        ("userPrincipalName,city\na@b.c\n", "u.csv:2: this row has 1 cells, the header has 2"),
        ("userPrincipalName,accountEnabled\na@b.c,perhaps\n", "u.csv:2: accountEnabled must be True or False"),
        ("userPrincipalName,IsSoftDeleted\na@b.c,1\n", "u.csv:2: IsSoftDeleted must be True or False"),
        ("userPrincipalName,manager\na@b.c,nobody@b.c\n", "u.csv:2: there is no user nobody@b.c"),
        ("userPrincipalName,manager\na@b.c,a@b.c\n", "u.csv:2: a@b.c cannot be their own manager"),
        ("userPrincipalName\na@b.c\nb@b.c\nA@b.c\n", "u.csv:4: A@b.c is in u.csv:2 already"),
        ("userPrincipalName,mail,MAIL\na@b.c,,\n", "u.csv:1: the column MAIL is there twice"),
        ("userPrincipalName,objectId\na@b.c,7\n", "u.csv:2: objectId is no GUID: 7"),
        ("name,city\nAda,London\n", "u.csv:1: users have a column userPrincipalName"),
        ("", "u.csv:1: users have a column userPrincipalName"),
        ("group,member\nNone,a@b.c\n", "u.csv:2: there is no group None"),
        ("group,member\n,a@b.c\n", "u.csv:2: a membership needs a group and a member"),
        ('{"userPrincipalName": "a@b.c", "city": {"x": 1}}', "u.csv:1: city must be text"),
        ('{"userPrincipalName": "a@b.c"}\n{"userPrincipalName": ', "u.csv:2: This is not valid JSON"),
        ('userPrincipalName,city\na@b.c,"x\nb@b.c,y\n', "u.csv:3: this is not CSV: unexpected end of data"),
        ('userPrincipalName,city\na@b.c,"x\nb@b.c,y"\n', "u.csv:3: city has several lines: a quotation mark"),
        ("userPrincipalName,city\na@b.c,\x01\n", "u.csv:2: city contains a control character"),
    ],
)
async def test_a_bad_row_is_named_and_nothing_is_imported(pair: Pair, text: str, sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        await load(pair, ("good.csv", USERS), ("u.csv", text))
    assert sentence in str(caught.value)
    with pytest.raises(Refusal):
        await find(pair, "ada@contoso.com")


async def test_text_that_is_not_utf_8_is_named_with_its_line(pair: Pair) -> None:
    with pytest.raises(Invalid, match=r"^u\.csv:2: this is not UTF-8"):
        await load(pair, ("u.csv", b"userPrincipalName,city\na@b.c,M\xfcnchen\n"))


# ── the change feed ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_commits_out_of_order_lose_no_change(pair: Pair) -> None:
    """Whoever begins first and commits last is still seen: numbers are taken under the tenant's lock, late."""
    await pair.sync()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with pair.edit() as work:
            await users.create(work, {"userPrincipalName": "slow@contoso.com"})
            begun.set()
            await go_on.wait()

    task = asyncio.create_task(slow())
    await begun.wait()
    await pair.user("quick")
    assert (await pair.sync()).counts == {"create": 1}
    go_on.set()
    await task
    slow_user = await find(pair, "slow@contoso.com")
    await pair.assign(slow_user.id)
    assert (await pair.sync()).counts == {"create": 1}


async def test_numbers_are_in_the_order_of_commits(pair: Pair) -> None:
    """Many writers at once, and a reader that follows the feed: it sees every object, at its last number."""
    source = DirectorySource(pair.house.database, pair.tenant, pair.application)
    watermark, seen = await source.head(), set()
    done = asyncio.Event()

    async def write(number: int) -> None:
        for turn in range(5):
            async with pair.edit() as work:
                await users.create(work, {"userPrincipalName": f"w{number}-{turn}@contoso.com"})
                await asyncio.sleep(0.001 * ((number * 7 + turn * 3) % 5))

    async def read() -> None:
        nonlocal watermark
        while True:
            last = done.is_set()
            for change in await source.changes(watermark, 3):
                watermark = change.seq
                seen.add(change.id)
            if last and not await source.changes(watermark, 1):
                return
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(4)))
    done.set()
    await reader
    async with pair.house.database.reading() as tx:
        everybody = {str(user.id) for user in await users.page(tx, pair.tenant, ("", UUID(int=0)), 100)}
    written = {identity for identity in everybody if identity in seen}
    assert len(written) == 20
    assert len(everybody) == 21


def test_a_restored_dump_loses_no_change() -> None:
    """The feed's counter stands in the tenant's row, so a dump carries it: what is written after a restore is new."""
    with installation() as old, installation() as new:
        old.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        old.serve()
        old.run("workspace", "create", "w", "--admin", "ops@contoso.com")
        token = old.folder.parent / "token.txt"
        token.write_text(old.run("workspace", "token", "w", "--user", "ops@contoso.com"))
        old.run("app", "create", "app", "--template", "dataBricks")
        url = old.json("workspace", "show", "w")["tenantUrl"]
        old.run("app", "set", "app", "--tenant-url", url, "--secret-token-file", str(token))
        _provision(old, "ada")
        assert old.json("sync", "app")["counts"] == {"create": 1}
        dump = _pg("pg_dump", old)
        # Written after the dump: the restored directory knows nothing of it and must not skip what takes its numbers.
        _provision(old, "lost")
        new.folder.mkdir(mode=0o711)
        _pg("psql", new, "--quiet", "--set", "ON_ERROR_STOP=1", stdin=dump)
        (new.folder / "secret.key").write_bytes((old.folder / "secret.key").read_bytes())
        (new.folder / "secret.key").chmod(0o600)
        _provision(new, "bob")
        result = new.json("sync", "app")
        assert (result["status"], result["counts"]) == ("done", {"create": 1})
        names = {row["userName"] for row in old.json("workspace", "users", "w")}
        assert {"ada@contoso.com", "bob@contoso.com"} <= names


def _provision(made: Installation, name: str) -> None:
    made.run("directory", "user", "create", f"{name}@contoso.com", f"givenName={name}")
    made.run("app", "assign", "app", "--user", f"{name}@contoso.com")


def _pg(program: str, made: Installation, *words: str, stdin: str | None = None) -> str:
    """Run one of PostgreSQL's own programs on an installation's database; returns what it printed."""
    with made.environment():
        held = embedded.hold(made.folder)
    try:
        command = [str(postgres.programs(postgres.account()) / program), *words, held.dsn]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
    finally:
        held.release()


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_name_is_one_persons(pair: Pair) -> None:
    await pair.user("ada")
    with pytest.raises(Conflict, match=r"Another user has that name already: ada@contoso\.com"):
        await pair.user("Ada")


async def test_two_who_take_one_name_at_once_cannot_both_have_it(pair: Pair) -> None:
    results = await asyncio.gather(*(pair.user("ada", assigned=False) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(result, Conflict) for result in results) == 3


async def test_the_last_administrator_stays(pair: Pair) -> None:
    admin = await find(pair, "admin@contoso.com")
    for step in (
        lambda work: users.change(work, admin.id, {"accountEnabled": "False"}),
        lambda work: users.recycle(work, admin.id),
    ):
        with pytest.raises(Conflict, match="last enabled Global Administrator"):
            async with pair.edit() as work:
                await step(work)
    with pytest.raises(Conflict, match="last enabled Global Administrator"):
        await load(pair, ("u.csv", "userPrincipalName,accountEnabled\nadmin@contoso.com,False\n"))


async def test_two_administrators_cannot_remove_each_other_at_once(pair: Pair) -> None:
    other = await pair.user("other", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, other, "Global Administrator")
    admin = await find(pair, "admin@contoso.com")

    async def disable(identity: Any) -> None:
        async with pair.edit() as work:
            await users.change(work, identity, {"accountEnabled": "False"})

    results = await asyncio.gather(disable(admin.id), disable(other), return_exceptions=True)
    assert sum(isinstance(result, Conflict) for result in results) == 1


async def test_seed_6_who_may_not_is_refused_and_told_who_may(pair: Pair) -> None:
    ada = await pair.user("ada")
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "Global Reader")
    actor = await tenants.actor(pair.house.database, pair.tenant, "ada@contoso.com")
    with pytest.raises(Forbidden, match=r"ada@contoso.com may not change users and groups: that takes Global Admin"):
        async with edit(pair.house.database, pair.tenant, actor) as work:
            await groups.create(work, {"displayName": "Mine"})
    nobody = Actor("x", "nobody")
    with pytest.raises(Forbidden):
        async with edit(pair.house.database, pair.tenant, nobody) as work:
            await users.create(work, {"userPrincipalName": "x@contoso.com"})


async def test_every_change_is_audited_with_its_actor_in_its_transaction(pair: Pair) -> None:
    from provisor import audit

    ada = await pair.user("ada")
    await pair.set_user(ada, jobTitle="Countess")
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, f"tenant/{pair.tenant.name}")
    changed = next(row for row in rows if row["action"] == "change" and row["object_id"] == str(ada))
    assert (changed["before"], changed["after"]) == ({"jobTitle": None}, {"jobTitle": "Countess"})
    assert changed["actor"].startswith("admin@contoso.com")
    with pytest.raises(RuntimeError):
        async with pair.edit() as work:
            await users.change(work, ada, {"jobTitle": "Queen"})
            raise RuntimeError
    async with pair.house.database.reading() as tx:
        assert len(await audit.entries(tx, f"tenant/{pair.tenant.name}")) == len(rows)
    assert (await find(pair, "ada@contoso.com")).doc["jobTitle"] == "Countess"


async def test_tenants_know_nothing_of_each_other(pair: Pair, standard: Pair) -> None:
    ada = await pair.user("ada")
    with pytest.raises(Refusal, match=r"There is no user ada@contoso\.com"):
        await find(standard, "ada@contoso.com")
    with pytest.raises(Refusal, match="There is no user"):
        async with standard.edit() as work:
            await users.change(work, ada, {"jobTitle": "Mine"})
    assert PROVISOR.name == "Provisor"


def test_commands_work_on_the_tenant_they_are_told(shop: Installation) -> None:
    shop.run("tenant", "create", "fabrikam", "--domain", "fabrikam.com")
    shop.run("--tenant", "fabrikam", "directory", "user", "create", "eve@fabrikam.com")
    names = [row["userPrincipalName"] for row in shop.json("directory", "users", "--tenant", "fabrikam")]
    assert names == ["admin@fabrikam.com", "eve@fabrikam.com"]
    assert "eve@fabrikam.com" not in [row["userPrincipalName"] for row in shop.json("directory", "users")]


def test_one_person_and_one_group_by_commands(shop: Installation) -> None:
    shop.run("tenant", "create", "life")
    tenant = ("--tenant", "life")
    user = ("directory", "user")
    shop.run(*user, "create", "ada@life.localhost", "givenName=Ada", "otherMails=a@b.c;d@e.f", *tenant)
    shop.run(*user, "set", "ada@life.localhost", "givenName=", "jobTitle=Countess", *tenant)
    shown = shop.json(*user, "show", "ada@life.localhost", *tenant)
    assert (shown["jobTitle"], shown["otherMails"], "givenName" in shown) == ("Countess", ["a@b.c", "d@e.f"], False)
    for word, enabled in (("disable", False), ("enable", True)):
        shop.run(*user, word, "ada@life.localhost", *tenant)
        assert shop.json(*user, "show", "ada@life.localhost", *tenant)["accountEnabled"] is enabled
    group = ("directory", "group")
    shop.run(*group, "create", "Team", "description=Ours", *tenant)
    assert shop.json(*group, "add-member", "Team", "ada@life.localhost", *tenant)["changed"] == 1
    assert shop.json(*group, "add-member", "Team", "ada@life.localhost", *tenant)["changed"] == 0
    assert [row["member"] for row in shop.json("directory", "members", "Team", *tenant)] == ["ada@life.localhost"]
    shop.run(*user, "delete", "ada@life.localhost", *tenant)
    assert [row["userPrincipalName"] for row in shop.json("directory", "users", "--deleted", *tenant)] == [
        "ada@life.localhost"
    ]
    assert shop.json("directory", "members", *tenant) == []
    shop.run(*user, "restore", "ada@life.localhost", *tenant)
    assert len(shop.json("directory", "members", *tenant)) == 1
    assert shop.json(*group, "remove-member", "Team", "ada@life.localhost", *tenant)["changed"] == 1
    shop.run(*group, "set", "Team", "description=", *tenant)
    assert "description" not in shop.json(*group, "show", "Team", *tenant)
    shop.run(*group, "delete", "Team", *tenant)
    assert shop.json("directory", "groups", *tenant) == []
    assert "is not in the recycle bin" in shop.refused(*user, "purge", "ada@life.localhost", *tenant)
    shop.run(*user, "delete", "ada@life.localhost", *tenant)
    shop.run(*user, "create", "ada@life.localhost", *tenant)
    shop.run(*user, "purge", "ada@life.localhost", *tenant)
    assert [row["userPrincipalName"] for row in shop.json("directory", "users", *tenant)].count(
        "ada@life.localhost"
    ) == 1
    shop.run(*user, "delete", "ada@life.localhost", *tenant)
    shop.run(*user, "create", "ada@life.localhost", *tenant)
    shop.run(*user, "delete", "ada@life.localhost", *tenant)
    assert "Several users in the recycle bin" in shop.refused(*user, "restore", "ada@life.localhost", *tenant)
    for one in shop.json("directory", "users", "--deleted", *tenant):
        shop.run(*user, "purge", one["objectId"], *tenant)
    assert "There is no user ada@life.localhost" in shop.refused(*user, "show", "ada@life.localhost", *tenant)
