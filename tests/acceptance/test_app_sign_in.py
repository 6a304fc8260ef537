"""``provisor app sign-in``: how applications are let ask who somebody is, by whom, and what stands in the audit log."""

from __future__ import annotations

import json
from asyncio import to_thread
from typing import Any

import pytest

from installation import Installation
from pair import Pair
from provisor import audit
from provisor.access.roles import DIRECTORY_ROLES
from provisor.directory import applications, assignments, relying_parties, tenants, users
from provisor.directory.edit import edit
from provisor.refusal import Forbidden

REDIRECT = "https://app.example.com/signed-in"


async def run(shop: Installation, pair: Pair, *words: str) -> Any:
    return await to_thread(shop.json, "app", "sign-in", *words, "--tenant", pair.tenant.name)


async def text(shop: Installation, pair: Pair, *words: str) -> str:
    return await to_thread(shop.run, "app", "sign-in", *words, "--tenant", pair.tenant.name)


async def refused(shop: Installation, pair: Pair, *words: str) -> str:
    return await to_thread(shop.refused, "app", "sign-in", *words, "--tenant", pair.tenant.name)


async def test_an_application_is_let_ask_changed_renewed_and_deleted(shop: Installation, pair: Pair) -> None:
    assert "asks nobody" in await refused(shop, pair, "show", "app")
    made = await run(shop, pair, "set", "app", "--redirect-uri", REDIRECT)
    assert made["issuer"] == f"{shop.url}/{pair.tenant.id}/v2.0"
    assert made["clientId"] == str(applications.app_id(pair.application))
    assert len(made["secret"]) == 43 and made["public"] is False
    more = (
        "--redirect-uri",
        REDIRECT,
        "--redirect-uri",
        "http://localhost/x",
        "--logout-uri",
        "https://app.example.com/",
    )
    changed = await run(shop, pair, "set", "app", *more)
    assert "secret" not in changed, "it stays, and is shown once"
    assert changed["redirectUris"] == [REDIRECT, "http://localhost/x"]
    shown = await run(shop, pair, "show", "app")
    assert shown == changed and "secret" not in await text(shop, pair, "show", "app")
    renewed = await run(shop, pair, "renew", "app")
    assert renewed["secret"] != made["secret"]
    assert "\nsecret        " in await text(shop, pair, "renew", "app")
    public = await run(shop, pair, "set", "app", "--redirect-uri", REDIRECT, "--public")
    assert public["public"] is True and "secret" not in public
    assert "has no secret" in await refused(shop, pair, "renew", "app")
    assert (await run(shop, pair, "set", "app", "--redirect-uri", REDIRECT))["secret"]
    await text(shop, pair, "delete", "app")
    assert "asks nobody" in await refused(shop, pair, "delete", "app")
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, f"tenant/{pair.tenant.name}")
        parties = await relying_parties.everyone(tx, pair.tenant)
    assert parties == []
    said = json.dumps([{**row} for row in rows], default=str)
    for action in ("set sign-in", "renew sign-in secret", "delete sign-in"):
        assert f'"{action}"' in said
    for secret in (made["secret"], renewed["secret"]):
        assert secret not in said


@pytest.mark.parametrize(
    "uri", ["http://app.example.com/x", "/x", "https://*.example.com/x", "https://app.example.com/#x"]
)
async def test_an_address_that_is_not_good_is_refused_and_nothing_is_kept(
    shop: Installation, pair: Pair, uri: str
) -> None:
    assert "redirect URI" in await refused(shop, pair, "set", "app", "--redirect-uri", uri)
    assert "asks nobody" in await refused(shop, pair, "show", "app")
    assert "There is no application" in await refused(shop, pair, "set", "unheard-of", "--redirect-uri", REDIRECT)


async def test_administrators_of_applications_and_an_applications_owner_may_and_nobody_else(pair: Pair) -> None:
    able = {"Global Administrator", "Application Administrator", "owner"}
    for number, role in enumerate([*DIRECTORY_ROLES, "owner", "owner of another"]):
        name = f"person{number}@contoso.com"
        identity = await pair.user(name, assigned=False)
        async with pair.edit() as work:
            if role in DIRECTORY_ROLES:
                await tenants.give_role(work, identity, role)
            else:
                other = await applications.create(work, f"other {number}", "scim")
                owned = (
                    await pair.app(work.tx)
                    if role == "owner"
                    else await applications.by_id(work.tx, pair.tenant, other)
                )
                await assignments.add_owner(work, owned, await users.find(work.tx, pair.tenant, name))
        actor = await tenants.actor(pair.house.database, pair.tenant, name)
        for step in (_set, relying_parties.renew, relying_parties.delete):
            async with pair.edit() as work:
                await _set(work, await pair.app(work.tx))
            try:
                async with edit(pair.house.database, pair.tenant, actor) as work:
                    await step(work, await pair.app(work.tx))
            except Forbidden:
                assert role not in able, role
            else:
                assert role in able, role


async def _set(work: Any, app: Any) -> None:
    await relying_parties.register(work, app, [REDIRECT])


async def test_two_who_need_a_workspaces_relying_party_at_once_get_the_same(pair: Pair) -> None:
    from asyncio import gather

    async def one() -> relying_parties.RelyingParty:
        async with pair.house.database.transaction() as tx:
            return await relying_parties.ensure_workspace(tx, pair.tenant, "sales")

    found = await gather(*(one() for _ in range(6)))
    assert len(set(found)) == 1 and found[0].public and found[0].workspace == "sales"
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, f"tenant/{pair.tenant.name}", chosen=audit.Filter(what="relying party sales"))
    assert len(rows) == 1
