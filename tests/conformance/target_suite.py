"""What every Target must do (``connectors.base``). An implementation's test makes a ``target`` and inherits the rest.

A target starts with whatever it has; the suite makes what it needs and counts on nothing else.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from provisor.connectors.base import Target, TargetError
from provisor.scim import requests
from provisor.scim.resource import value_at

WORK_MAIL = 'emails[type eq "work"].value'


def named() -> str:
    return f"{uuid4().hex[:12]}@contoso.com"


async def made(target: Target, name: str, **values: object) -> str:
    answer = await target.send(requests.create("User", {"userName": name, "active": True, **values}))
    assert answer is not None
    return str(answer["id"])


class TargetConformance:
    async def test_a_probe_finds_nobody(self, target: Target) -> None:
        before = target.requests
        await target.probe("User", "userName", str(uuid4()))
        assert target.requests == before + 1

    async def test_what_is_created_is_found_by_id_and_name(self, target: Target) -> None:
        name = named()
        identity = await made(target, name, displayName="Ada", **{WORK_MAIL: name})
        found = await target.get("User", identity)
        assert found is not None
        assert (found["userName"], value_at(found, WORK_MAIL)) == (name, name)
        assert [item["id"] for item in await target.find("User", "userName", name.upper())] == [identity]
        assert await target.find("User", "userName", named()) == []
        assert await target.get("User", "1") is None

    async def test_a_taken_name_is_a_clear_409(self, target: Target) -> None:
        name = named()
        await made(target, name)
        with pytest.raises(TargetError) as caught:
            await made(target, name)
        assert (caught.value.status, caught.value.unclear, caught.value.hopeless) == (409, False, False)

    async def test_attributes_change_and_are_cleared(self, target: Target) -> None:
        identity = await made(target, named(), displayName="Ada", title="Countess")
        changes = {"displayName": ("Ada", "Ada King"), "title": ("Countess", None), "nickName": (None, "A")}
        answer = await target.send(requests.update("User", identity, changes))
        account = answer or await target.get("User", identity)
        assert account is not None
        assert (account["displayName"], account.get("title"), account["nickName"]) == ("Ada King", None, "A")

    async def test_disabled_is_read_back(self, target: Target) -> None:
        identity = await made(target, named())
        await target.send(requests.update("User", identity, {"active": (True, False)}))
        account = await target.get("User", identity)
        assert account is not None
        assert account["active"] is False

    async def test_what_is_deleted_is_gone(self, target: Target) -> None:
        identity = await made(target, named())
        await target.send(requests.delete("User", identity))
        assert await target.get("User", identity) is None
        with pytest.raises(TargetError) as caught:
            await target.send(requests.delete("User", identity))
        assert caught.value.status == 404

    async def test_pages_have_everybody_once(self, target: Target) -> None:
        mine = {await made(target, named()) for _ in range(5)}
        seen: list[str] = []
        start, total = 1, None
        while total is None or len(seen) < total:
            page = await target.page("User", start, 2)
            assert total in (None, page.total)
            total = page.total
            seen += [str(item["id"]) for item in page.resources]
            start += len(page.resources)
        assert mine <= set(seen)
        assert len(seen) == len(set(seen))

    async def test_members_come_and_go_alone(self, target: Target) -> None:
        people = [await made(target, named()) for _ in range(5)]
        answer = await target.send(requests.create("Group", {"displayName": named()}))
        assert answer is not None
        team = str(answer["id"])
        assert await target.members(team) == []
        for request in requests.add_members(team, people, 2):
            await target.send(request)
        assert set(await target.members(team) or ()) == set(people)
        for request in requests.remove_members(team, people[:3], 2):
            await target.send(request)
        assert set(await target.members(team) or ()) == set(people[3:])
        await target.send(requests.delete("Group", team))
        assert await target.members(team) is None
        assert await target.get("Group", team) is None

    async def test_it_tells_of_itself(self, target: Target) -> None:
        schemas, me = await target.schemas(), await target.me()
        assert "urn:ietf:params:scim:schemas:core:2.0:User" in {schema["id"] for schema in schemas}
        assert me is not None
        assert me["id"]
