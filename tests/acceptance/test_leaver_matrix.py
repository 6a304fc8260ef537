"""Every kind of credential × every way to leave: none is accepted any more, at once and after a second.

A workspace's people have tokens, sessions and links that sign in; a tenant's have passwords, sessions, links that set
one, and a provider to sign in with. Whoever leaves loses all of them in the same transaction, whatever door it came
through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from authenticator import add_app, add_passkey, base_of, by_passkey, password, send
from browser_like import PASSWORD, Client, signed_in, signed_in_to_workspace
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR, Actor
from provisor.connectors.openid import Identity
from provisor.directory import external, sign_in, tenants, users
from provisor.directory.external import ExternalProvider
from provisor.refusal import Forbidden
from provisor.workspace import edit as workspace_edit
from provisor.workspace import openid_sign_in, tokens
from provisor.workspace import users as accounts
from provisor.workspace.openid_sign_in import Person

NAME = "ada@contoso.com"
Check = Callable[[], Awaitable[bool]]
Leaving = Callable[[Pair, str], Awaitable[None]]


def _base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


async def never_accepted(checks: dict[str, Check]) -> None:
    """At once, and a second later: what was cached or under way counts no more either."""
    for _ in range(2):
        accepted = [name for name, accepts in checks.items() if await accepts()]
        assert accepted == []
        await asyncio.sleep(1)


# ── a workspace ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _patch(pair: Pair, identity: str, operation: dict[str, Any]) -> None:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
    status, said = await pair.call("PATCH", f"/Users/{identity}", {"schemas": schemas, "Operations": [operation]})
    assert status in (200, 204), said


def _patched(operation: dict[str, Any]) -> Leaving:
    return lambda pair, identity: _patch(pair, identity, operation)


async def _put(pair: Pair, identity: str) -> None:
    schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"]
    body = {"schemas": schemas, "userName": NAME, "active": False}
    status, said = await pair.call("PUT", f"/Users/{identity}", body)
    assert status == 200, said


async def _deleted(pair: Pair, identity: str) -> None:
    status, said = await pair.call("DELETE", f"/Users/{identity}")
    assert status == 204, said


async def _bulk(pair: Pair, identity: str) -> None:
    operation = {"op": "replace", "path": "active", "value": False}
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "PATCH", "path": f"/Users/{identity}", "data": {"Operations": [operation]}}],
    }
    status, said = await pair.call("POST", "/Bulk", body)
    assert status == 200 and said["Operations"][0]["status"].startswith("20"), said


async def _provisioned(pair: Pair, _: str) -> None:
    async with pair.house.database.reading() as tx:
        person = await users.find(tx, pair.tenant, NAME)
    await pair.unassign(person.id)
    assert (await pair.sync()).counts["disable"] == 1


WAYS: dict[str, Leaving] = {
    "PATCH active": _patched({"op": "replace", "path": "active", "value": False}),
    "PATCH as a text": _patched({"op": "Replace", "path": "active", "value": "False"}),
    "PATCH without a path": _patched({"op": "replace", "value": {"active": False}}),
    "PATCH by urn": _patched(
        {"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": False}
    ),
    "PATCH add": _patched({"op": "add", "path": "active", "value": False}),
    "PUT": _put,
    "DELETE": _deleted,
    "Bulk": _bulk,
    "provisioning": _provisioned,
}


@dataclass(slots=True)
class Account:
    identity: str
    checks: dict[str, Check]


async def account(pair: Pair) -> Account:
    """Ada, an admin of the workspace, with one credential of every kind."""
    await pair.user("ada")
    await pair.sync()
    identity = (await pair.account("ada"))["id"]
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.set_admin(work, await accounts.find(work.tx, pair.workspace, NAME), True)
        token = (await tokens.create(work, await accounts.find(work.tx, pair.workspace, NAME))).value
    link = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, NAME)
    session = await signed_in_to_workspace(_base(pair), link)
    unused = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, NAME)
    path, _, secret = unused.removeprefix(_base(pair)).partition("?token=")

    async def by_token() -> bool:
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as asking,
            asking.get(f"{pair.base}/Users?count=1") as answer,
        ):
            return bool(answer.status == 200)

    async def by_api() -> bool:
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as asking,
            asking.get(f"{_base(pair)}/w/{pair.workspace.name}/api/2.0/token/list") as answer,
        ):
            return bool(answer.status == 200)

    async def by_session() -> bool:
        answered = await session.get(f"/w/{pair.workspace.name}/")
        return bool(answered.status == 200)

    async def by_link() -> bool:
        answered = await Client(_base(pair)).get(f"{path}?token={secret}")
        return bool(answered.status == 200)

    async def by_using_the_link() -> bool:
        answered = await Client(_base(pair)).post(path, {"token": secret}, csrf="")
        return bool(answered.status == 303)

    checks: dict[str, Check] = {
        "token": by_token,
        "API": by_api,
        "session": by_session,
        "session by OpenID sign-in": await _by_openid(pair),
        "link": by_link,
    }
    assert [name for name, accepts in checks.items() if not await accepts()] == []
    return Account(identity, {**checks, "using the link": by_using_the_link})


async def _by_openid(pair: Pair) -> Check:
    """A session of somebody who came from the tenant."""
    person = Person("contoso.com", pair.tenant.realm, "subject", NAME, "https://provisor.example/x/v2.0")
    secret = await openid_sign_in.with_identity(pair.house.database, pair.workspace, person, Actor("nobody", "nobody"))
    session = Client(_base(pair), {f"provisor-w-{pair.workspace.name}": secret})

    async def by_openid() -> bool:
        pages = [(await session.get(f"/w/{pair.workspace.name}{path}")).status for path in ("/", "/account")]
        return 200 in pages

    return by_openid


@pytest.mark.parametrize("way", WAYS)
async def test_who_left_a_workspace_gets_in_by_nothing(pair: Pair, way: str) -> None:
    ada = await account(pair)
    await WAYS[way](pair, ada.identity)
    await never_accepted(ada.checks)


# ── a tenant ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _directory(pair: Pair, way: str) -> None:
    async with pair.edit() as work:
        person = await users.find(work.tx, pair.tenant, NAME)
        if way == "disabled":
            await users.change(work, person.id, {"accountEnabled": False})
        else:
            await users.recycle(work, person.id)
        if way == "purged":
            await users.purge(work, person.id)


async def _with_provider(pair: Pair) -> Check:
    """Signing in with the provider that the tenant sends its people to, at which Ada is linked."""
    provider = ExternalProvider("https://login.example.com", "provisor", "Entra ID", False, False)
    async with pair.edit() as work:
        await external.put(work, pair.house.box, provider, None)
        await external.link(work, await users.find(work.tx, pair.tenant, NAME), "subject")
    identity = Identity(provider.issuer, "subject", {})
    nobody = Actor("nobody", "nobody")

    async def with_provider() -> bool:
        try:
            await sign_in.with_external(pair.house.database, pair.tenant, provider, identity, visitor=nobody)
        except Forbidden:
            return False
        return True

    return with_provider


@pytest.mark.parametrize("way", ["disabled", "recycled", "purged"])
async def test_who_left_a_tenant_gets_in_by_nothing(pair: Pair, way: str) -> None:
    identity = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, identity, "Global Administrator")
    session = await signed_in(_base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, NAME))
    session.base = base_of(pair)
    start = f"/t/{pair.tenant.name}"

    async def by_session() -> bool:
        answered = await session.get(f"{start}/")
        return bool(answered.status == 200)

    async def by_password() -> bool:
        fields = {"name": NAME, "password": PASSWORD}
        answered = await Client(_base(pair)).post(f"{start}/sign-in", fields, csrf="")
        return bool(answered.status == 303)

    async def by_link() -> bool:
        answered = await Client(_base(pair)).get(f"{path}?token={secret}")
        return bool(answered.status == 200)

    async def by_using_the_link() -> bool:
        fields = {"token": secret, "password": PASSWORD, "again": PASSWORD}
        answered = await Client(_base(pair)).post(path, fields, csrf="")
        return bool(answered.status == 303)

    passkey = await add_passkey(session, pair)
    app = await add_app(session, pair)
    # Both end other sessions and links.
    unused = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, NAME)
    path, _, secret = unused.removeprefix(_base(pair)).partition("?token=")
    pending = await password(pair)

    async def by_passkey_alone() -> bool:
        return (await by_passkey(pair, passkey))[1].status == 303

    async def by_pending_session() -> bool:
        return bool((await pending.get(f"{start}/second-factor")).status == 200)

    async def by_code() -> bool:
        answered = await send(pending, pair, "/second-factor/code", code=await app.code())
        return answered.status == 303 and "/sign-in" not in answered.where

    checks: dict[str, Check] = {
        "session": by_session,
        "password": by_password,
        "link": by_link,
        "passkey": by_passkey_alone,
        "pending session": by_pending_session,
        "sign-in with a provider": await _with_provider(pair),
    }
    assert [name for name, accepts in checks.items() if not await accepts()] == []
    await _directory(pair, way)
    await never_accepted({**checks, "using the link": by_using_the_link, "code": by_code})
