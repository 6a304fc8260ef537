"""What goes over the wire in each profile, request by request, and that the end is the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pair import Pair
from provisor.directory import users
from recorder import Asked, Recorder, recorder


def told(asked: Asked) -> str:
    """A request in one line; ids and the probe's value, which are others every time, as what they are."""
    line = f"{asked.method} {asked.path}" + (f"?{asked.query}" if asked.query else "")
    line = re.sub(r"%22[0-9a-f-]{36}%22", "%22(probe)%22", line)
    return re.sub(r"/\d+", "/(id)", line)


def told_operations(asked: Asked) -> list[Any]:
    return [re.sub(r"\d{6,}", "(id)", str(operation)) for operation in asked.body["Operations"]]


async def _synced(pair: Pair, seen: Recorder) -> list[Asked]:
    seen.asked.clear()
    result = await pair.sync()
    assert (result.status, result.failures) == ("done", 0), result
    return list(seen.asked)


async def test_a_whole_provisioning_as_entra_does_it(standard: Pair) -> None:
    """The trace of entra.md §6.8."""
    pair = standard
    await pair.policies(wire="entra")
    async with recorder(pair.base) as seen:
        await pair.connect(seen.base, pair.token)
        ada = await pair.user("ada", givenName="Ada", surname="Lovelace", assigned=False)
        bob = await pair.user("bob", givenName="Bob", surname="Ross", assigned=False)
        await pair.group("Eng", ada, bob)
        trace = await _synced(pair, seen)
        lines = [told(item) for item in trace]
        assert lines[:2] == [
            "GET /Users?filter=userName+eq+%22(probe)%22",
            "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22(probe)%22",
        ]
        # Whoever is looked for at the same time is asked about in any order.
        assert sorted(lines[2:4]) == [
            f"GET /Users?filter=userName+eq+%22{name}%40contoso.com%22" for name in ("ada", "bob")
        ]
        assert lines[4:8] == [
            "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22Eng%22",
            "POST /Users",
            "POST /Users",
            "POST /Groups",
        ]
        assert len(lines) == 9 and lines[8].startswith("PATCH /Groups/")
        assert {item.agent for item in trace} == {None}, "Entra ID names no user agent"
        assert [op["op"] for op in trace[-1].body["Operations"]] == ["Add"]
        assert len(trace[-1].body["Operations"][0]["value"]) == 2
        (person,) = [item.body for item in trace if item.method == "POST" and "ada" in item.body.get("userName", "")]
        assert list(person)[:3] == ["schemas", "userName", "active"]
        assert person["meta"] == {"resourceType": "User"} and person["active"] is True and person["roles"] == []

        assert [told(item) for item in await _synced(pair, seen)] == [told(trace[0]), told(trace[1])], "the probe alone"

        await pair.set_user(ada, givenName="Augusta")
        trace = await _synced(pair, seen)
        assert [item.method for item in trace[2:]] == ["GET", "PATCH"] and trace[2].path == trace[3].path
        assert told_operations(trace[3]) == [
            str({"op": "Replace", "path": "displayName", "value": "Augusta Lovelace"}),
        ]

        async with pair.edit() as work:
            await users.change(work, bob, {"accountEnabled": "False"})
        trace = await _synced(pair, seen)
        (off,) = [item for item in trace if item.method == "PATCH" and item.path.startswith("/Users/")]
        assert told_operations(off) == [str({"op": "Replace", "path": "active", "value": "False"})]
        assert (await pair.account("bob"))["active"] is False


async def _end(pair: Pair) -> Any:
    """All that the target has, with names instead of ids."""
    people, teams, _ = await pair.everything()
    names = {item["id"]: item.get("userName") or item["displayName"] for item in (*people, *teams)}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items() if name not in ("id", "meta", "$ref")}
        if isinstance(value, list):
            return sorted((plain(item) for item in value), key=str)
        return names.get(value, value)

    return plain(people), plain(teams)


@pytest.mark.parametrize("wire", ["entra", "entra-optscim"])
async def test_every_profile_ends_where_lean_ends(shop: Any, house: Any, wire: str) -> None:
    ends = []
    for profile in ("lean", wire):
        pair = await Pair.make(shop, house, profile="standard")
        try:
            await pair.policies(wire=profile)
            boss = await pair.user("boss", givenName="Bea", surname="Boss", jobTitle="Head")
            ada = await pair.user("ada", givenName="Ada", surname="Lovelace", manager=str(boss), department="R")
            bob = await pair.user("bob", givenName="Bob")
            group = await pair.group("Eng", ada, bob)
            await pair.sync()
            await pair.set_user(ada, surname="King", jobTitle="Countess", department="S")
            async with pair.edit() as work:
                from provisor.directory import groups

                await groups.remove_members(work, [(group, bob, "User")])
                await groups.add_members(work, [(group, boss, "User")])
            await pair.unassign(bob)
            result = await pair.sync()
            assert (result.status, result.failures) == ("done", 0)
            assert (await pair.plan()).empty
            ends.append(await _end(pair))
        finally:
            await pair.close()
    assert ends[0] == ends[1]
