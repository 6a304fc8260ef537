"""The audit log: who did what from where, found by filter; sealed, and what happens to it afterwards is found out."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import asyncpg
import pytest

from installation import Installation
from pair import OPS, Pair
from provisor import audit
from provisor.audit import seal
from provisor.directory import groups, tenants
from provisor.storage.pool import Tx


async def rows(pair: Pair, **chosen: Any) -> list[dict[str, Any]]:
    async with pair.house.database.reading() as tx:
        return [dict(row) for row in await audit.entries(tx, pair.workspace.log, 1000, audit.Filter(**chosen))]


async def test_a_row_says_who_from_where_and_in_which_request(pair: Pair) -> None:
    headers = {"X-Request-Id": "of-this-test"}
    _, made = await pair.call("POST", "/Users", {"userName": "ada@contoso.com"}, headers=headers)
    [row] = await rows(pair, request="of-this-test")
    assert (row["action"], row["object"], row["object_id"]) == ("create", "user ada@contoso.com", made["id"])
    assert row["actor"].startswith(f"{OPS} (token ") and row["address"] == "127.0.0.1"
    assert row["before"] is None and row["after"]["userName"] == "ada@contoso.com"
    body = {"Operations": [{"op": "replace", "path": "displayName", "value": "Ada"}]}
    await pair.call("PATCH", f"/Users/{made['id']}", body)
    [row] = await rows(pair, action="change", what=made["id"])
    assert (row["before"], row["after"]) == ({"displayName": None}, {"displayName": "Ada"})
    # Nothing changed, so there is nothing to say.
    await pair.call("PATCH", f"/Users/{made['id']}", body)
    assert len(await rows(pair, action="change", what="ADA@contoso")) == 1
    assert await rows(pair, actor="nobody at all") == []


async def test_groups_members_and_roles_are_named_as_people_know_them(pair: Pair, shop: Installation) -> None:
    ada = await pair.user("ada")
    staff = await pair.group("Staff", ada, description="Everybody")
    async with pair.edit() as work:
        await groups.change(work, await groups.by_id(work.tx, pair.tenant, staff), {"displayName": "Crew"})
        await groups.remove_members(work, [(staff, ada, "User")])
        await tenants.give_role(work, ada, "Global Reader")
        await tenants.take_role(work, ada, "Global Reader")
    found = await asyncio.to_thread(shop.json, "--tenant", pair.tenant.name, "audit", "list")
    by_action = {row["action"]: row for row in reversed(found)}
    assert by_action["change"]["changed"] == ["displayName"]
    who = {"member": str(ada), "name": "ada@contoso.com"}
    assert (by_action["add member"]["object"], by_action["add member"]["after"]) == ("group Staff", who)
    removed = by_action["remove member"]
    assert (removed["object"], removed["before"], removed["after"]) == ("group Crew", who, None)
    for action, part in (("give role", "after"), ("take role", "before")):
        row = by_action[action]
        assert (row["object"], row[part]) == ("role Global Reader", {"user": "ada@contoso.com"})


async def test_a_secret_is_in_no_row(pair: Pair) -> None:
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com", "password": "tell nobody"})
    async with pair.house.database.reading() as tx:
        text = json.dumps([dict(row) for row in await tx.fetch("select * from audit")], default=str)
    assert "tell nobody" not in text and pair.token not in text and pair.token[4:30] not in text


async def sealed(pair: Pair) -> seal.Verdict:
    """The verdict once nothing waits."""
    for _ in range(100):
        async with pair.house.database.snapshot() as tx:
            found = await seal.verify(tx)
        if not found.unsealed:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def test_the_server_seals_what_was_committed_within_seconds(pair: Pair) -> None:
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com"})
    found = await sealed(pair)
    assert found.fault is None and found.sealed > 0 and found.head.startswith(f"{found.sealed}:")
    # A head that was noted stays part of the chain while it grows.
    await pair.call("POST", "/Users", {"userName": "bob@contoso.com"})
    later = await sealed(pair)
    assert later.sealed > found.sealed
    async with pair.house.database.snapshot() as tx:
        assert (await seal.verify(tx, found.head)).fault is None
        position = found.head.partition(":")[0]
        assert "is not part of the chain" in str((await seal.verify(tx, f"{position}:{'0' * 64}")).fault)
        assert "is not part of the chain" in str((await seal.verify(tx, f"{10**12}:{'0' * 64}")).fault)


async def test_a_change_that_is_under_way_is_sealed_when_it_is_done(pair: Pair) -> None:
    """Rows get their numbers before their transactions end: one that ends late is not left out."""
    async with pair.house.database.transaction() as slow:
        await audit.record(slow, pair.workspace.log, pair.actor, [audit.Entry("create", "slow")])
        await pair.call("POST", "/Users", {"userName": "fast@contoso.com"})
        await asyncio.sleep(1.5)
    found = await sealed(pair)
    assert found.fault is None
    async with pair.house.database.reading() as tx:
        text = "select count(*) from audit a join audit_seal s on s.entry = a.id where realm = $1"
        assert await tx.fetchval(text, pair.workspace.log) == len(await rows(pair))


async def test_two_that_seal_at_once_make_one_chain(pair: Pair) -> None:
    async def one() -> None:
        async with pair.house.database.transaction() as tx:
            await seal.seal(tx)

    for number in range(5):
        await pair.call("POST", "/Users", {"userName": f"p{number}@contoso.com"})
        await asyncio.gather(*(one() for _ in range(4)))
    assert (await sealed(pair)).fault is None


async def test_the_database_refuses_to_change_a_row(pair: Pair) -> None:
    for statement in ("update audit set actor = 'x'", "delete from audit", "truncate audit_seal"):
        with pytest.raises(asyncpg.RaiseError, match="only added to"):
            async with pair.house.database.transaction() as tx:
                await tx.execute(statement)


class Undo(Exception):
    """Nothing of this stays."""


async def unlocked(tx: Tx) -> None:
    """As whoever owns the database can: rows can be changed. Nothing is sealed meanwhile."""
    await tx.execute(seal.QUERIES.seal_lock.replace("pg_try_advisory", "pg_advisory"))
    for table in ("audit", "audit_seal"):
        await tx.execute(f"alter table {table} disable trigger user")


EDITS = (
    "update audit set actor = actor || 'x' where id = $1",
    "update audit set at = at + interval '1 microsecond' where id = $1",
    "update audit set address = 'elsewhere' where id = $1",
    "update audit set request = request || '0' where id = $1",
    "update audit set action = 'look' where id = $1",
    "update audit set object = object || ' ' where id = $1",
    "update audit set object_id = coalesce(object_id, '') || '1' where id = $1",
    "update audit set before = '{\"x\": 1}' where id = $1",
    "update audit set after = coalesce(after, '{}') || '{\"x\": null}' where id = $1",
    "update audit set realm = 'tenant/x' where id = $1",
    "update audit_seal set hash = sha256(hash) where entry = $1",
    "with s as (delete from audit_seal where entry = $1) select $1::bigint",
    "with s as (delete from audit_seal where entry = $1) delete from audit where id = $1",
    "insert into audit (realm, actor, action, object, transaction)"
    " select realm, actor, action, object, transaction - 1 from audit where id = $1",
)


async def test_whatever_is_done_to_a_sealed_row_is_found(pair: Pair) -> None:
    for number in range(20):
        await pair.call("POST", "/Users", {"userName": f"p{number}@contoso.com"})
    await sealed(pair)
    chance = random.Random(5)

    async def tampered(tx: Tx, edit: str) -> str | None:
        await unlocked(tx)
        await tx.execute("alter table audit_seal drop constraint audit_seal_entry_fkey")
        entries = [row["entry"] for row in await tx.fetch("select entry from audit_seal order by position")]
        # The very last one could be cut off: that is what a noted head is for.
        await tx.execute(edit, chance.choice(entries[:-1]))
        return (await seal.verify(tx)).fault

    for number in range(10 * len(EDITS)):
        fault = None
        try:
            async with pair.house.database.transaction() as tx:
                fault = await tampered(tx, EDITS[number % len(EDITS)])
                raise Undo
        except Undo:
            pass
        assert fault, EDITS[number % len(EDITS)]
    assert (await sealed(pair)).fault is None


async def test_after_a_dump_was_restored_sealing_goes_on(pair: Pair) -> None:
    """Another server numbers its transactions anew: the newest seal is then of a number that is yet to come."""
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com"})
    await sealed(pair)
    try:
        async with pair.house.database.transaction() as tx:
            await unlocked(tx)
            await tx.execute("update audit set transaction = transaction + 1000000000000")
            await tx.execute(
                "insert into audit (realm, actor, action, object, transaction) values ('x', 'x', 'x', 'old', 10 ^ 12)"
            )
            await audit.record(tx, "x", pair.actor, [audit.Entry("create", "new")])
            assert (await seal.verify(tx)).fault is None
            assert await seal.seal(tx) == 2
            found = await seal.verify(tx)
            assert (found.fault, found.unsealed) == (None, 0)
            assert await seal.seal(tx) == 0
            raise Undo
    except Undo:
        pass


async def test_the_end_that_was_cut_off_is_missed_by_a_noted_head(pair: Pair) -> None:
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com"})
    noted = (await sealed(pair)).head
    fault = None
    try:
        async with pair.house.database.transaction() as tx:
            await unlocked(tx)
            last = await tx.fetchval(
                "delete from audit_seal where position = $1 returning entry", int(noted.split(":")[0])
            )
            await tx.execute("delete from audit where id = $1", last)
            assert (await seal.verify(tx)).fault is None
            fault = (await seal.verify(tx, noted)).fault
            raise Undo
    except Undo:
        pass
    assert "is not part of the chain" in str(fault)


async def test_the_commands(shop: Installation, pair: Pair) -> None:
    async def run(*words: str) -> str:
        return await asyncio.to_thread(shop.run, "audit", *words)

    await asyncio.to_thread(shop.run, "workspace", "user", "add", pair.workspace.name, "ada@contoso.com")
    shown = await run("list", "--workspace", pair.workspace.name, "--what", "ada", "--action", "create")
    assert "user ada@contoso.com" in shown and "command line" in shown
    found = json.loads(
        await run("list", "--workspace", pair.workspace.name, "--since", "2026-01-01", "--what", "ada", "--json")
    )
    assert [row["action"] for row in found] == ["create"] and found[0]["after"]["userName"] == "ada@contoso.com"
    assert json.loads(await run("list", "--workspace", pair.workspace.name, "--until", "2026-01-01", "--json")) == []
    assert "admin@contoso.com" in await run("list")
    await sealed(pair)
    verdict = json.loads(await run("verify", "--json"))
    assert verdict["fault"] is None and verdict["unsealed"] == 0
    assert f"Head: {verdict['head']}" in await run("verify", "--head", verdict["head"])
    refused = await asyncio.to_thread(shop.refused, "audit", "verify", "--head", f"1:{'0' * 64}")
    assert "The audit log is not what it was" in refused
    assert "is no head" in await asyncio.to_thread(shop.refused, "audit", "verify", "--head", "nonsense")
    assert "is no moment" in await asyncio.to_thread(shop.refused, "audit", "list", "--since", "yesterday")
