"""A workspace's own attributes: added from a file, then like any other in every request."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from test_scim2_tester import errors_at

from installation import Installation
from pair import Pair
from provisor import audit
from provisor.refusal import Conflict

FILE = Path(__file__).parents[2] / "docs/howto/contoso-user.json"
SAMPLE = json.loads(FILE.read_text())
URN = SAMPLE["id"]
VALUES: dict[str, Any] = {
    "badge": "Ab1",
    "tags": ["blue", "Fast"],
    "level": 3,
    "workload": 0.5,
    "hired": "2020-02-29T08:00:00Z",
    "desk": {"floor": 2, "room": "2.17"},
    "cars": [{"value": "B-AD 1815", "type": "own"}],
}


async def made(pair: Pair, name: str = "ada@contoso.com", **values: Any) -> dict[str, Any]:
    status, found = await pair.call("POST", "/Users", {"userName": name, URN: values or VALUES})
    assert status == 201, found
    return dict(found)


async def patched(pair: Pair, identity: str, op: str, path: str | None, value: Any = None) -> tuple[int, Any]:
    operation = {"op": op, **({"path": path} if path else {}), **({} if value is None else {"value": value})}
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    return await pair.call("PATCH", f"/Users/{identity}", body)


async def test_values_come_back_and_are_declared(pair: Pair) -> None:
    await pair.extend(SAMPLE)
    user = await made(pair, **VALUES, unknown="x")
    assert user[URN] == VALUES and URN in user["schemas"]
    assert (await pair.call("GET", f"/Users/{user['id']}"))[1] == user
    _, schema = await pair.call("GET", f"/Schemas/{URN}")
    assert [item["name"] for item in schema["attributes"]] == [item["name"] for item in SAMPLE["attributes"]]
    _, kind = await pair.call("GET", "/ResourceTypes/User")
    assert {"schema": URN, "required": False} in kind["schemaExtensions"]
    status, _ = await pair.call("PUT", f"/Users/{user['id']}", {**user, URN: {"level": "three"}})
    assert status == 400


async def test_another_workspace_has_none_of_it(pair: Pair, standard: Pair) -> None:
    await pair.extend(SAMPLE)
    assert URN not in await made(standard)
    assert (await standard.call("GET", f"/Schemas/{URN}"))[0] == 404


async def test_every_path_changes_it(pair: Pair) -> None:
    await pair.extend(SAMPLE)
    identity = (await made(pair))["id"]
    for op, path, value in (
        ("replace", f"{URN}:badge", "Zz9"),
        ("add", f"{URN}:tags", ["blue", "tall"]),
        ("remove", f"{URN}:tags", ["Fast"]),
        ("replace", f"{URN}:desk.room", "3.01"),
        ("replace", f'{URN}:cars[type eq "own"].value', "B-AD 1"),
        ("add", f'{URN}:cars[type eq "company"].value', "B-CO 2"),
        ("replace", None, {f"{URN}:level": 4, URN: {"workload": 1}}),
        ("remove", f"{URN}:hired", None),
        ("add", f"{URN}:remote", "True"),
    ):
        status, found = await patched(pair, identity, op, path, value)
        assert status == 200, found
    _, found = await pair.call("GET", f"/Users/{identity}")
    assert found[URN] == {
        "badge": "Zz9",
        "tags": ["blue", "tall"],
        "level": 4,
        "workload": 1,
        "remote": True,
        "desk": {"floor": 2, "room": "3.01"},
        "cars": [{"value": "B-AD 1", "type": "own"}, {"value": "B-CO 2", "type": "company"}],
    }
    _, found = await pair.call("GET", f"/Users/{identity}", params={"attributes": f"{URN}:remote"})
    assert found[URN] == {"remote": True}
    _, found = await patched(pair, identity, "remove", URN)
    assert URN not in found and URN not in found["schemas"]


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ('{}:badge eq "Ab1"', "a"),
        ('{}:badge eq "ab1"', ""),
        ('{}:tags eq "FAST"', "ab"),
        ('{}:tags co "lu"', "a"),
        ("{}:level gt 3", "b"),
        ("{}:level eq 3.0", "a"),
        ("{}:level lt 1e99", "ab"),
        ("{}:level eq 1e99", ""),
        ('{}:hired lt "2021-01-01T00:00:00+14:00"', "a"),
        ("{}:remote pr", "b"),
        ("{}:desk.floor ge 2 and {}:desk.room pr", "a"),
        ('{}:cars[type eq "own" and value sw "b-"]', "a"),
        ("not ({}:badge pr)", "b0"),
    ],
)
async def test_filters_find_by_it(searched: Pair, text: str, finds: str) -> None:
    for path in ("", "api"):
        status, found = await searched.call("GET", "/Users", params={"filter": text.format(*[URN] * 2)})
        assert status == 200, found
        names = "".join(sorted(item["userName"].partition("@")[0] for item in found["Resources"]))
        assert names.replace("ops", "0") in (finds, "".join(sorted(finds))), path
    _, found = await searched.call("GET", "/Users", params={"sortBy": f"{URN}:level", "sortOrder": "descending"})
    ranked = [item[URN]["level"] for item in found["Resources"] if URN in item]
    assert ranked == [4, 3] or ranked == [3, 4][::-1]


@pytest.fixture
async def searched(standard: Pair) -> Pair:
    await standard.extend(SAMPLE)
    await made(standard, "a@contoso.com", **VALUES)
    await made(standard, "b@contoso.com", level=4, tags=["fast"], remote=False)
    return standard


async def test_groups_have_their_own(pair: Pair) -> None:
    await pair.extend({**SAMPLE, "id": "urn:contoso:Team"}, "Group")
    status, group = await pair.call("POST", "/Groups", {"displayName": "Team", "urn:contoso:Team": {"level": 7}})
    assert status == 201 and group["urn:contoso:Team"] == {"level": 7}
    _, found = await pair.call("GET", "/Groups", params={"filter": "urn:contoso:Team:level eq 7"})
    assert [item["id"] for item in found["Resources"]] == [group["id"]]
    assert "urn:contoso:Team" not in await made(pair, "x@contoso.com", badge="1")


async def test_it_grows_and_never_changes_under_its_values(pair: Pair) -> None:
    await pair.extend(SAMPLE)
    before = await made(pair)
    more = {**SAMPLE, "attributes": [*SAMPLE["attributes"], {"name": "shoe", "type": "decimal"}]}
    await pair.extend(more)
    assert (await patched(pair, before["id"], "add", f"{URN}:shoe", 42.5))[1][URN] == {**VALUES, "shoe": 42.5}
    with pytest.raises(Conflict, match=f"{URN}:shoe is there already"):
        await pair.extend(SAMPLE)
    other = [{**item, "caseExact": True} if item["name"] == "tags" else item for item in more["attributes"]]
    with pytest.raises(Conflict, match=f"{URN}:tags is there already"):
        await pair.extend({**SAMPLE, "attributes": other})
    with pytest.raises(Conflict, match="is there already, for User"):
        await pair.extend(SAMPLE, "Group")
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, pair.workspace.log)
    assert [row["after"] for row in rows if row["action"] == "change" and "extensions" in (row["after"] or {})]


async def test_the_published_tester_finds_no_error_in_it(standard: Pair) -> None:
    # The tester itself fills decimals and dateTimes of an extension with texts, and takes an added value for the only
    # one.
    odd = ("workload", "hired", "tags", "cars")
    attributes = [item for item in SAMPLE["attributes"] if item["name"] not in odd]
    await standard.extend({**SAMPLE, "attributes": attributes})
    assert await asyncio.to_thread(errors_at, standard.base, standard.token) == []


async def test_the_commands(shop: Installation, standard: Pair, tmp_path: Path) -> None:
    async def run(*words: str) -> str:
        return await asyncio.to_thread(shop.run, "workspace", *words)

    name = standard.workspace.name
    assert f"Each User of {name} can have {URN}." in await run("extension", "add", name, str(FILE))
    assert "badge, tags, level" in await run("extension", "list", name)
    shown = tmp_path / "shown.json"
    shown.write_text(await run("extension", "show", name, URN.upper()))
    await run("extension", "add", name, str(shown))
    await run("user", "add", name, "ada@contoso.com", f"{URN}:level=3", f"{URN}:workload=0.5", f"{URN}:remote=true")
    refused = await asyncio.to_thread(shop.refused, "workspace", "extension", "remove", name, URN)
    assert f"ada@contoso.com has values of {URN}" in refused
    await run("user", "remove", name, "ada@contoso.com")
    await run("extension", "remove", name, URN)
    assert URN not in await run("extension", "list", name)
    bad = tmp_path / "bad.json"
    bad.write_text('{"id": "urn:contoso:User", "attributes": [{"name": "a", "required": true}]}')
    refused = await asyncio.to_thread(shop.refused, "workspace", "extension", "add", name, str(bad))
    assert "urn:contoso:User:a cannot be required" in refused
    refused = await asyncio.to_thread(
        shop.refused, "workspace", "extension", "add", name, str(FILE), "--resource-type", "ServicePrincipal"
    )
    assert "no resource type" in refused
