"""A database that an older Provisor made: what stood in it is found, counted and changed as if it had been made now."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import asyncpg
import pytest

from in_process import InProcess
from installation import installation
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.config import Settings
from provisor.directory import clients, relying_parties, tenants
from provisor.directory.password_credentials import SecretExpired
from provisor.refusal import Unauthenticated
from provisor.storage import backup, embedded
from provisor.storage.migrate import upgrade
from provisor.workspace import edit as workspace_edit
from provisor.workspace import tokens, users, workspaces

WORKSPACE = 1234567890123456
#: Before documents were folded, service principals came, and rows were counted.
OLD = "0002"
PEOPLE = {
    "11": {"userName": "ada@contoso.com", "active": True, "title": "Gräfin", "emails": [{"value": "Ada@Contoso.com"}]},
    "12": {"userName": "bob@contoso.com", "active": True, "title": "Clerk"},
    "13": {"userName": "eve@contoso.com", "active": False},
}
GROUPS = {"21": "admins", "22": "users", "23": "Crew"}


async def _fill(arguments: dict[str, object]) -> None:
    connection = await asyncpg.connect(**arguments)
    await connection.execute("insert into workspace (id, name, profile) values ($1, 'old', 'databricks')", WORKSPACE)
    for identity, doc in PEOPLE.items():
        await connection.execute(
            "insert into workspace_user (workspace, id, user_name, name_key, display_key, active, doc)"
            " values ($1, $2, $3, $3, null, $4, $5)",
            WORKSPACE,
            identity,
            doc["userName"],
            doc["active"],
            json.dumps(doc),
        )
    for identity, name in GROUPS.items():
        await connection.execute(
            "insert into workspace_group (workspace, id, display_key, reserved, doc) values ($1, $2, $3, $4, $5)",
            WORKSPACE,
            identity,
            name.casefold(),
            name in ("admins", "users"),
            json.dumps({"displayName": name}),
        )
    members = [("22", person) for person in PEOPLE] + [("21", "11"), ("23", "11"), ("23", "12")]
    await connection.executemany(
        "insert into workspace_member (workspace, group_id, member_id, member_type) values ($1, $2, $3, 'User')",
        [(WORKSPACE, *member) for member in members],
    )
    await connection.close()


async def test_a_database_of_before_is_brought_up_to_date() -> None:
    with installation() as made:
        held = await asyncio.to_thread(embedded.hold, made.folder)
        try:
            await asyncio.to_thread(upgrade, held.dsn, OLD)
            await _fill(held.arguments)
        finally:
            await asyncio.to_thread(held.release)
        async with compose.opened(Settings(data=made.folder)) as house:
            async with house.database.reading() as tx:
                workspace = await workspaces.get(tx, "old")
            async with workspace_edit.edit(house.database, workspace, PROVISOR) as work:
                token = (await tokens.create(work, await users.find(work.tx, workspace, "ada@contoso.com"))).value
            door = InProcess(house)
            base = "/w/old/scim/v2"
            for query, total in (
                ("Users?count=0", 3),
                ("Groups?count=0", 3),
                ("ServicePrincipals?count=0", 0),
                ("?count=0", 6),
                ("Users?filter=title%20eq%20%22GR%C3%84FIN%22", 1),
                ("Users?filter=emails.value%20eq%20%22ada@contoso.com%22", 1),
                ("Users?filter=active%20eq%20false", 1),
                ("Groups?filter=members.value%20eq%20%2212%22", 2),
            ):
                answer = await door.ask("GET", f"{base}/{query}".replace("/?", "?"), token)
                assert (answer.status, answer.json()["totalResults"]) == (200, total), query
            answer = await door.ask("DELETE", f"{base}/Users/12", token)
            assert answer.status == 204
            answer = await door.ask("POST", f"{base}/ServicePrincipals", token, {"displayName": "Robot"})
            assert answer.status == 201
            robot = {"op": "add", "path": "members", "value": [{"value": answer.json()["id"]}]}
            answer = await door.ask("PATCH", f"{base}/Groups/23", token, {"Operations": [robot]})
            assert sorted(member["type"] for member in answer.json()["members"]) == ["ServicePrincipal", "User"]
            answer = await door.ask("GET", f"{base}?count=0", token)
            assert answer.json()["totalResults"] == 6


async def test_the_queue_is_made_anew_where_an_older_backup_was_restored() -> None:
    """Such a backup says nothing of the queue's tables, so those of the newer database are still there."""
    with installation() as made:
        held = await asyncio.to_thread(embedded.hold, made.folder)
        try:
            await asyncio.to_thread(upgrade, held.dsn)
            connection = await asyncpg.connect(**held.arguments)
            for table, columns in (
                ("sync_job", ("refused", "told", "latency", "latency_seconds")),
                ("notice", ("mark",)),
                ("session", ("methods", "authenticated", "pending")),
            ):
                for column in columns:
                    await connection.execute(f"alter table {table} drop column {column}")
            await connection.execute("update alembic_version set version_num = '0017'")
            await asyncio.to_thread(upgrade, held.dsn)
            assert await connection.fetchval("select count(*) from procrastinate_jobs") == 0
            await connection.close()
        finally:
            held.release()


async def test_a_backup_of_before_clients_is_restored_over_a_database_that_has_them() -> None:
    with installation() as made:
        held = await asyncio.to_thread(embedded.hold, made.folder)
        try:
            await asyncio.to_thread(upgrade, held.dsn, "0019")
            connection = await asyncpg.connect(**held.arguments)
            tenant = "insert into tenant (id, name, domain) values (gen_random_uuid(), $1, 'contoso.com') returning id"
            await connection.execute(tenant, "old")
            await backup.dump(held.dsn, made.folder.parent / "old")
            await asyncio.to_thread(upgrade, held.dsn)
            identity = await connection.fetchval(tenant, "new")
            await connection.execute(
                "insert into client (tenant, id, name, name_key, role) values ($1, $1, 'a', 'a', 'a')",
                identity,
            )
            await connection.close()
            await backup.load(held.dsn, made.folder.parent / "old")
            await asyncio.to_thread(upgrade, held.dsn)
            connection = await asyncpg.connect(**held.arguments)
            assert [row["name"] for row in await connection.fetch("select name from tenant")] == ["old"]
            assert await connection.fetchval("select count(*) from client") == 0
            await connection.close()
        finally:
            await asyncio.to_thread(held.release)


async def test_secrets_of_before_count_as_they_did() -> None:
    """Also where a backup of before is restored over a database that has several of each."""
    with installation() as made:
        held = await asyncio.to_thread(embedded.hold, made.folder)
        try:
            await asyncio.to_thread(upgrade, held.dsn, "0028")
            connection = await asyncpg.connect(**held.arguments)
            where = await connection.fetchval(
                "insert into tenant (id, name, domain) values (gen_random_uuid(), 'old', 'contoso.com') returning id"
            )
            await connection.execute(
                "insert into client (tenant, id, name, name_key, role, created, secret, old_secret, old_until)"
                " select $1, id, name, name, 'Global Reader', now() - interval '1 day', sha256('new'), sha256('old'),"
                " now() + span from (values ($2::uuid, 'a', interval '1 hour'), ($3, 'b', interval '-1 hour'))"
                " as made (id, name, span)",
                where,
                UUID(int=1),
                UUID(int=2),
            )
            await connection.execute(
                "insert into relying_party (tenant, id, name, secret, redirects) values"
                " ($1, $2, 'wiki', sha256('new'), '{}'), ($1, $3, 'page', null, '{}')",
                where,
                UUID(int=3),
                UUID(int=4),
            )
            await connection.close()
            await backup.dump(held.dsn, made.folder.parent / "old")
            await asyncio.to_thread(upgrade, held.dsn)
            await backup.load(held.dsn, made.folder.parent / "old")
            await asyncio.to_thread(upgrade, held.dsn)
        finally:
            await asyncio.to_thread(held.release)
        async with compose.opened(Settings(data=made.folder)) as house, house.database.reading() as tx:
            tenant = await tenants.called(tx, "old")
            for client, secret in ((1, "new"), (1, "old"), (2, "new")):
                assert (await clients.sign_in(tx, tenant, UUID(int=client), secret)).role == "Global Reader"
            with pytest.raises(SecretExpired):
                await clients.sign_in(tx, tenant, UUID(int=2), "old")
            assert [row["old_until"] is None for row in await clients.everyone(tx, tenant)] == [False, True]
            wiki = await relying_parties.find(tx, tenant, str(UUID(int=3)))
            page = await relying_parties.find(tx, tenant, str(UUID(int=4)))
            await relying_parties.check_secret(tx, tenant, wiki, "new")
            await relying_parties.check_secret(tx, tenant, page, "")
            for party in (wiki, page):
                with pytest.raises(Unauthenticated):
                    await relying_parties.check_secret(tx, tenant, party, "other")
