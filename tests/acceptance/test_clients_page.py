"""The portal's page of API clients: made, used, renewed and deleted there, each secret shown once, by who may."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest

from browser_like import Answered, Client, signed_in
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import applications, assignments, clients, tenants, users


def base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


def path(pair: Pair, within: str = "") -> str:
    return f"/t/{pair.tenant.name}/clients{within}"


async def somebody(pair: Pair, name: str = "admin@contoso.com") -> Client:
    return await signed_in(base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name))


async def with_role(pair: Pair, role: str) -> Client:
    identity = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, identity, role)
    return await somebody(pair, "ada@contoso.com")


def shown(answered: Answered) -> dict[str, str]:
    """What the page shows once."""
    assert answered.status == 200, answered.text
    found = re.findall(r'readonly value="([^"]+)" id="(\w+)-', answered.text)
    return {name: value for value, name in found}


async def made(pair: Pair, client: Client, name: str = "terraform", role: str = "Global Reader") -> dict[str, str]:
    return shown(await client.post(path(pair), {"name": name, "role": role}))


async def token(values: dict[str, str]) -> int:
    """What the token endpoint answers to who has these."""
    given: dict[str, Any] = {
        "grant_type": "client_credentials",
        "client_id": values["client_id"],
        "client_secret": values["client_secret"],
        "scope": "https://graph.microsoft.com/.default",
    }
    async with aiohttp.ClientSession() as session, session.post(values["token_endpoint"], data=given) as answer:
        return answer.status


async def test_a_client_is_made_shown_once_renewed_and_deleted(pair: Pair) -> None:
    client = await somebody(pair)
    first = await made(pair, client)
    assert set(first) == {"tenant_id", "client_id", "client_secret", "token_endpoint"}
    assert first["tenant_id"] == str(pair.tenant.id) and await token(first) == 200
    page = (await client.get(path(pair))).text
    assert first["client_id"] in page and first["client_secret"] not in page and "Global Reader" in page
    about = {"client": first["client_id"]}
    second = shown(await client.post(path(pair, "/renew"), {**about, "hours": "2"}))
    assert second["client_id"] == first["client_id"] and second["client_secret"] != first["client_secret"]
    assert (await token(first), await token(second)) == (200, 200)
    assert "the one before ends" in (await client.get(path(pair))).text
    third = await client.post(path(pair, "/renew"), {**about, "hours": "0"})
    assert "the one before is refused from now on" in third.text
    assert (await token(second), await token(shown(third))) == (401, 200)
    assert (await client.post(path(pair, "/delete"), about)).status == 303
    assert "No program signs in here yet" in (await client.get(path(pair))).text
    assert await token(shown(third)) == 400
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch(
            "select action, before, after from audit where realm = $1 and object = 'client terraform' order by id",
            f"tenant/{pair.tenant.name}",
        )
    assert [row["action"] for row in rows] == ["create", "renew secret", "renew secret", "delete"]
    for values in (first, second, shown(third)):
        assert values["client_secret"] not in str([tuple(row) for row in rows])


@pytest.mark.parametrize(
    ("within", "fields", "status", "sentence"),
    [
        ("", {"name": "x", "role": ""}, 400, "Choose a role"),
        ("", {"name": "x", "role": "Emperor"}, 400, "is not a role"),
        ("", {"name": " ", "role": "Global Reader"}, 400, "name has 1 to 120"),
        ("", {"name": "Terraform", "role": "Global Reader"}, 409, "exists already"),
        ("/renew", {"hours": ""}, 400, "Say for how many hours"),
        ("/renew", {"hours": "1.5"}, 400, "must be a whole number"),
        ("/renew", {"hours": "721"}, 400, "0 to 720 hours"),
        ("/renew", {"hours": "-1"}, 400, "0 to 720 hours"),
        ("/renew", {"hours": "9" * 40}, 400, "0 to 720 hours"),
        ("/renew", {"hours": "1", "client": "terraform"}, 400, "load the page again"),
        ("/delete", {"client": "0d9cb2b6-0000-4000-8000-000000000000"}, 404, "There is no client"),
    ],
)
async def test_what_cannot_be_is_a_sentence(
    pair: Pair, within: str, fields: dict[str, str], status: int, sentence: str
) -> None:
    client = await somebody(pair)
    known = await made(pair, client)
    refused = await client.post(path(pair, within), {"client": known["client_id"], **fields})
    assert refused.status == status and sentence in refused.text
    assert await token(known) == 200


async def test_nobody_hands_on_more_than_they_have(pair: Pair) -> None:
    chief = await made(pair, await somebody(pair), "root", "Global Administrator")
    client = await with_role(pair, "Application Administrator")
    page = (await client.get(path(pair))).text
    assert "root" in page and "renew-1" not in page and "delete-1" not in page
    assert re.findall(r'<option value="([^"]+)"', page) == ["Application Administrator"]
    refused = await client.post(path(pair), {"name": "mine", "role": "Global Administrator"})
    assert refused.status == 403 and "cannot hand it to a client" in refused.text
    for within in ("/renew", "/delete"):
        refused = await client.post(path(pair, within), {"client": chief["client_id"], "hours": "0"})
        assert refused.status == 403 and "cannot hand it to a client" in refused.text
    assert await token(chief) == 200
    assert await token(await made(pair, client, "mine", "Application Administrator")) == 200


async def test_a_reader_sees_them_and_changes_none(pair: Pair) -> None:
    known = await made(pair, await somebody(pair))
    client = await with_role(pair, "Global Reader")
    page = (await client.get(path(pair))).text
    assert known["client_id"] in page and "New client" not in page
    for within in ("", "/renew", "/delete"):
        refused = await client.post(
            path(pair, within), {"client": known["client_id"], "hours": "0", "name": "x", "role": "Global Reader"}
        )
        assert refused.status == 403 and "may not make and delete clients" in refused.text


async def test_an_owner_of_an_application_does_not_see_them(pair: Pair) -> None:
    """They see the list of applications without a role, for theirs; clients are no part of one."""
    await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        app = await applications.by_id(work.tx, pair.tenant, pair.application)
        await assignments.add_owner(work, app, await users.find(work.tx, pair.tenant, "ada@contoso.com"))
        await clients.create(work, "terraform", "Global Reader")
    client = await somebody(pair, "ada@contoso.com")
    assert (await client.get(f"/t/{pair.tenant.name}/applications")).status == 200
    refused = await client.get(path(pair))
    assert refused.status == 403 and "terraform" not in refused.text
    assert "/clients" not in (await client.get(f"/t/{pair.tenant.name}/account")).text
