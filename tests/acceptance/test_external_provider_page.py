"""The portal's page of the provider elsewhere: what Global Administrators set, test, link and take away there, and that
nobody else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from browser_like import Client, signed_in
from foreign_provider import SECRET, ForeignProvider
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import external, tenants, users
from provisor.directory.external import ExternalProvider, LinksPage

PATH = "/external-provider"


@pytest_asyncio.fixture
async def foreign() -> AsyncIterator[ForeignProvider]:
    async with ForeignProvider.open() as provider:
        yield provider


def base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


async def administrator(pair: Pair, name: str = "admin@contoso.com") -> Client:
    return await signed_in(base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name))


async def send(client: Client, pair: Pair, path: str, **fields: str) -> Any:
    return await client.post(f"/t/{pair.tenant.name}{PATH}{path}", fields)


async def shown(client: Client, pair: Pair, query: str = "") -> str:
    answered = await client.get(f"/t/{pair.tenant.name}{PATH}{query}")
    assert answered.status == 200, answered.text
    return answered.text


async def kept(pair: Pair) -> ExternalProvider | None:
    async with pair.house.database.reading() as tx:
        return await external.get(tx, pair.tenant)


def fields(foreign: ForeignProvider, **more: str) -> dict[str, str]:
    return {"issuer": foreign.issuer, "client_id": "provisor", "name": "Entra ID", **more}


async def audited(pair: Pair) -> list[str]:
    async with pair.house.database.reading() as tx:
        return [
            row["action"]
            for row in await tx.fetch(
                "select action from audit where realm = $1 and object like any ($2::text[]) order by id",
                f"tenant/{pair.tenant.name}",
                ["tenant %", "user ada%"],
            )
        ]


async def test_what_is_set_is_kept_and_the_secret_is_never_shown(pair: Pair, foreign: ForeignProvider) -> None:
    client = await administrator(pair)
    page = await shown(client, pair)
    assert f"{base(pair)}/t/{pair.tenant.name}/signed-in" in page and "sign in here only" in page
    assert (await send(client, pair, "", **fields(foreign, secret=SECRET, trust_mfa="1"))).status == 303
    found = await kept(pair)
    assert found is not None
    assert (found.issuer, found.client_id, found.name) == (foreign.issuer, "provisor", "Entra ID")
    assert (found.only, found.trust_mfa) == (False, True)
    assert external.registration(pair.tenant, found, pair.house.box).secret == SECRET
    page = await shown(client, pair)
    assert foreign.issuer in page and "A secret is saved" in page and SECRET not in page
    # Saved again without one it stays; of another client there is none.
    assert (await send(client, pair, "", **fields(foreign, only="1"))).status == 303
    again = await kept(pair)
    assert again is not None and (again.sealed, again.only, again.trust_mfa) == (found.sealed, True, False)
    assert (await send(client, pair, "", **fields(foreign, client_id="other"))).status == 303
    other = await kept(pair)
    assert other is not None and other.sealed is None
    assert (await send(client, pair, "/delete")).status == 303
    assert await kept(pair) is None
    assert "no provider yet" in await shown(client, pair)
    assert (await audited(pair))[-4:] == [*["set sign-in provider"] * 3, "delete sign-in provider"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"issuer": ""}, "Enter the issuer"),
        ({"issuer": "http://login.example.com"}, "must be asked over https"),
        ({"issuer": "https://login.example.com/?a=b"}, "is no issuer"),
        ({"client_id": ""}, "client id has 1 to 255"),
        ({"name": ""}, "name has 1 to 60"),
        ({"secret": "two\nlines"}, "secret is one line"),
    ],
)
async def test_what_cannot_be_is_a_sentence(
    pair: Pair, foreign: ForeignProvider, wrong: dict[str, str], sentence: str
) -> None:
    refused = await send(await administrator(pair), pair, "", **fields(foreign, **wrong))
    assert refused.status == 400 and sentence in refused.text
    assert await kept(pair) is None


async def test_only_there_needs_an_administrator_with_a_password(pair: Pair, foreign: ForeignProvider) -> None:
    client = await administrator(pair)
    async with pair.house.database.transaction() as tx:
        await tx.execute("delete from directory_password where tenant = $1", pair.tenant.id)
    refused = await send(client, pair, "", **fields(foreign, only="1"))
    assert refused.status == 409 and "No Global Administrator has a password" in refused.text


async def test_what_stands_in_the_form_is_tested(pair: Pair, foreign: ForeignProvider) -> None:
    client = await administrator(pair)
    said = await send(client, pair, "/test", issuer=foreign.issuer)
    assert said.status == 200 and "answers as an OpenID provider should" in said.text and "RSA" in said.text
    assert await kept(pair) is None
    foreign.configuration = {"issuer": "http://else"}
    said = await send(client, pair, "/test", issuer=foreign.issuer)
    assert said.status == 503 and "calls itself &#39;http://else&#39;" in said.text
    foreign.configuration, foreign.keys = {}, []
    said = await send(client, pair, "/test", issuer=foreign.issuer)
    assert said.status == 200 and "Its keys: none yet" in said.text


async def test_a_tenant_of_this_installation_is_tested_within_it(pair: Pair) -> None:
    """It is asked without the network, as when somebody signs in."""
    client = await administrator(pair)
    said = await send(client, pair, "/test", issuer=f"{base(pair)}/{pair.tenant.id}/v2.0")
    assert said.status == 200 and "answers as an OpenID provider should" in said.text


async def test_people_are_linked_found_and_unlinked(pair: Pair, foreign: ForeignProvider) -> None:
    client = await administrator(pair)
    identity = await pair.user("ada", assigned=False)
    await send(client, pair, "", **fields(foreign))
    assert (await send(client, pair, "/link", user="ada@contoso.com", subject="s-17")).status == 303
    refused = await send(client, pair, "/link", user="ada@contoso.com", subject="s-18")
    assert refused.status == 409 and "linked already" in refused.text
    for query, there in (("", True), ("?q=ADA", True), ("?q=s-17", True), ("?q=s-1", False), ("?q=bob", False)):
        assert ("ada@contoso.com" in (await shown(client, pair, query)).partition("Who is who")[2]) is there, query
    async with pair.edit() as work:
        await users.change(work, identity, {"accountEnabled": False})
    assert "Cannot sign in" in await shown(client, pair)
    assert (await send(client, pair, "/unlink", user=str(identity))).status == 303
    assert "Nobody is linked yet" in await shown(client, pair)
    assert {"link sign-in", "unlink sign-in"} <= set(await audited(pair))


async def test_many_links_come_in_pages(pair: Pair, foreign: ForeignProvider) -> None:
    client = await administrator(pair)
    await send(client, pair, "", **fields(foreign))
    async with pair.edit() as work:
        for number in range(51):
            name = f"u{number:02}@contoso.com"
            await users.create(work, {"userPrincipalName": name, "displayName": name})
            await external.link(work, await users.find(work.tx, pair.tenant, name), f"s{number}")
    first = await shown(client, pair)
    assert "u49@contoso.com" in first and "u50@contoso.com" not in first
    following = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    second = (await client.get(following)).text
    assert "u50@contoso.com" in second and "u49@contoso.com" not in second
    async with pair.house.database.reading() as tx:
        provider = await external.found(tx, pair.tenant)
        assert len(await external.links(tx, pair.tenant, provider)) == 51
        assert len(await external.links(tx, pair.tenant, provider, LinksPage("u1"))) == 10


@pytest.mark.parametrize("role", ["Global Reader", "Application Administrator", "User Administrator"])
async def test_it_is_for_global_administrators(pair: Pair, foreign: ForeignProvider, role: str) -> None:
    identity = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, identity, role)
    client = await administrator(pair, "ada@contoso.com")
    start = f"/t/{pair.tenant.name}"
    assert (await client.get(start + PATH)).status == 403
    assert PATH not in (await client.get(f"{start}/")).text
    given = {"/link": {"user": "ada@contoso.com", "subject": "s"}, "/unlink": {"user": str(identity)}}
    for path in ("", "/test", "/delete", "/link", "/unlink"):
        answered = await send(client, pair, path, **given.get(path, fields(foreign)))
        assert answered.status == 403 and "that takes Global Administrator" in answered.text, path
    assert await kept(pair) is None
