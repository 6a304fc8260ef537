"""Clients of a tenant: made on the command line, signed in over HTTP, recognised by the APIs that take their tokens."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from in_process import Answer, InProcess
from installation import Installation
from provisor import audit
from provisor.access.actors import PROVISOR
from provisor.access.limits import Limits
from provisor.access.secrets import SecretBox
from provisor.access.signing import SigningKeys, published
from provisor.api.oauth.caller import caller
from provisor.compose import House
from provisor.directory import clients, tenants, users
from provisor.directory.edit import Tenant, edit
from provisor.refusal import Unauthenticated

_NUMBERS = itertools.count(1)
WRONG = "x" * 43


@dataclass(slots=True)
class Place:
    """A tenant of its own on the shared server."""

    shop: Installation
    house: House
    tenant: Tenant
    session: aiohttp.ClientSession

    async def run(self, *words: str) -> str:
        return await asyncio.to_thread(self.shop.run, "client", *words, "--tenant", self.tenant.name)

    async def json(self, *words: str) -> Any:
        return await asyncio.to_thread(self.shop.json, "client", *words, "--tenant", self.tenant.name)

    async def refused(self, *words: str) -> str:
        return await asyncio.to_thread(self.shop.refused, "client", *words, "--tenant", self.tenant.name)

    async def client(self, name: str = "terraform", role: str = "Application Administrator") -> dict[str, str]:
        made: dict[str, str] = await self.json("create", name, "--role", role)
        return made

    async def post(
        self, form: Any, *, tenant: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        url = f"{self.shop.url}/{tenant or self.tenant.id}/oauth2/v2.0/token"
        async with self.session.post(url, data=form, headers=headers) as answer:
            return answer.status, await answer.json(), answer.headers

    async def token(self, made: dict[str, str], **more: str) -> str:
        status, body, _ = await self.post(form(made, **more))
        assert status == 200, body
        return str(body["access_token"])

    async def who(self, token: str | None) -> tuple[Tenant, Any]:
        return await caller(self.house.database, self.shop.url, None if token is None else f"Bearer {token}")

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(f"{self.shop.url}/{path}") as answer:
            return answer.status, await answer.json()

    async def log(self) -> list[Any]:
        async with self.house.database.reading() as tx:
            return await audit.entries(tx, f"tenant/{self.tenant.name}")


def form(made: dict[str, str], **more: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": made["client_id"],
        "client_secret": made["client_secret"],
        "scope": "https://graph.microsoft.com/.default",
        **more,
    }


@pytest_asyncio.fixture
async def place(shop: Installation, house: House) -> AsyncIterator[Place]:
    name = f"oauth{next(_NUMBERS)}"
    async with house.database.transaction() as tx:
        tenant = await tenants.create(tx, PROVISOR, name, f"{name}.example", f"admin@{name}.example")
    async with aiohttp.ClientSession() as session:
        yield Place(shop, house, tenant, session)


# ── the command line ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_client_is_made_listed_renewed_and_deleted(place: Place) -> None:
    made = await place.client()
    assert made["tenant_id"] == str(place.tenant.id)
    assert len(made["client_secret"]) == 43
    assert made["token_endpoint"] == f"{place.shop.url}/{place.tenant.id}/oauth2/v2.0/token"
    text = await place.run("create", "scripts", "--role", "global reader")
    assert f"token_endpoint {place.shop.url}/{place.tenant.id}/oauth2/v2.0/token" in text
    assert "exists already" in await place.refused("create", "TERRAFORM", "--role", "Global Reader")
    listed = {row["name"]: row for row in await place.json("list")}
    assert listed.keys() == {"scripts", "terraform"}
    assert listed["scripts"]["role"] == "Global Reader"
    assert listed["terraform"]["client_id"] == made["client_id"]
    assert listed["terraform"]["last_used"] is None
    await place.token(made)
    renewed = await place.json("renew", "Terraform")
    assert renewed["client_id"] == made["client_id"]
    assert renewed["client_secret"] != made["client_secret"]
    listed = {row["name"]: row for row in await place.json("list")}
    assert listed["terraform"]["old_secret_until"] == renewed["old_secret_until"]
    assert listed["terraform"]["last_used"]
    assert "count at most until" in await place.run("renew", made["client_id"])
    assert "count no more" in await place.run("renew", "terraform", "--keep-hours", "0")
    await place.run("delete", "terraform")
    assert "There is no client" in await place.refused("delete", "terraform")
    assert [row["name"] for row in await place.json("list")] == ["scripts"]
    said = json.dumps([[str(value) for value in row.values()] for row in await place.log()])
    for action in ("create", "renew secret", "delete"):
        assert f'"{action}", "client terraform"' in said
    log = (place.shop.folder.parent / "server.log").read_text()
    for secret in (made["client_secret"], renewed["client_secret"]):
        assert secret not in said
        assert secret not in log


async def test_what_cannot_be_a_client_is_refused(place: Place) -> None:
    assert "is not a role" in await place.refused("create", "a", "--role", "workspace admin")
    assert "is not a role" in await place.refused("create", "a", "--role", "Provisor")
    for name in (" ", "a" * 121, "a\nb"):
        assert "1 to 120 characters" in await place.refused("create", name, "--role", "Global Reader")
    await place.client()
    for hours in ("-1", "721", "nan", "1e300"):
        assert "0 to 720 hours" in await place.refused("renew", "terraform", "--keep-hours", hours)


async def test_nobody_makes_a_client_that_may_more_than_they(place: Place) -> None:
    admin = await tenants.actor(place.house.database, place.tenant, None)
    async with edit(place.house.database, place.tenant, admin) as work:
        for name, role in (
            ("app", "Application Administrator"),
            ("people", "User Administrator"),
            ("reader", "Global Reader"),
        ):
            user = await users.create(work, {"userPrincipalName": f"{name}@x.example"})
            await tenants.give_role(work, user, role)
    await place.client("root", "Global Administrator")
    for role in ("Global Administrator", "User Administrator", "Global Reader"):
        said = await place.refused("create", "mine", "--role", role, "--as", "app@x.example")
        assert "may not do all that" in said
    await place.run("create", "mine", "--role", "Application Administrator", "--as", "app@x.example")
    for command in ("renew", "delete"):
        assert "may not do all that" in await place.refused(command, "root", "--as", "app@x.example")
        for who in ("people", "reader"):
            said = await place.refused(command, "mine", "--as", f"{who}@x.example")
            assert "Global Administrator or Application Administrator" in said
    assert len(await place.json("list", "--as", "reader@x.example")) == 2
    assert "may not" in await place.refused("list", "--as", "people@x.example")
    await place.run("delete", "mine", "--as", "app@x.example")


# ── signing in ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_client_signs_in_and_is_known(place: Place) -> None:
    made = await place.client()
    for more in ({}, {"client_info": "1", "claims": '{"access_token":{}}'}, {"scope": f"{place.shop.url}/.default"}):
        status, body, headers = await place.post(form(made, **more))
        assert status == 200, body
        assert (body["token_type"], body["expires_in"], body["ext_expires_in"]) == ("Bearer", 3599, 3599)
        assert headers["Cache-Control"] == "no-store"
        tenant, actor = await place.who(body["access_token"])
        assert tenant == place.tenant
        assert (actor.id, actor.name) == (made["client_id"], "terraform")
        assert actor.roles == {"Application Administrator"}
    basic = basic_header(made["client_id"], made["client_secret"])
    rest = {"grant_type": "client_credentials", "scope": "x/.default"}
    for given in (rest, {**rest, "client_id": made["client_id"]}):
        status, body, _ = await place.post(given, headers={"Authorization": basic})
        assert status == 200, body
    for word in (place.tenant.name, place.tenant.domain, place.tenant.domain.upper(), str(place.tenant.id).upper()):
        status, body, _ = await place.post(form(made), tenant=word)
        assert status == 200, body


async def test_another_library_finds_the_key_and_the_signature_right(place: Place) -> None:
    token = await place.token(await place.client())
    _, found = await place.get(f"{place.tenant.name}/v2.0/.well-known/openid-configuration")
    base = f"{place.shop.url}/{place.tenant.id}"
    assert found["issuer"] == f"{base}/v2.0"
    assert found["token_endpoint"] == f"{base}/oauth2/v2.0/token"
    assert found["authorization_endpoint"]
    assert found["id_token_signing_alg_values_supported"] == ["RS256"]
    async with place.session.get(found["jwks_uri"]) as answer:
        keys = {key["kid"]: key for key in (await answer.json())["keys"]}
    start, _, signature = token.rpartition(".")
    header, said = (json.loads(decoded(part)) for part in start.split("."))
    key = keys[header["kid"]]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
    assert said["iss"] == found["issuer"]
    assert set(found["claims_supported"]) >= said.keys()
    numbers = rsa.RSAPublicNumbers(*(int.from_bytes(decoded(key[name])) for name in ("e", "n")))
    assert numbers.n.bit_length() == 2048
    numbers.public_key().verify(decoded(signature), start.encode(), padding.PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        numbers.public_key().verify(decoded(signature), start.encode() + b"x", padding.PKCS1v15(), SHA256())


async def test_terraform_finds_where_to_sign_in(place: Place) -> None:
    status, found = await place.get("metadata/endpoints?api-version=2022-09-01")
    assert status == 200
    assert found["name"]
    assert found["resourceManager"]
    assert found["microsoftGraphResourceId"] == place.shop.url
    assert found["authentication"]["loginEndpoint"] == place.shop.url
    assert found["suffixes"] == {}


def basic_header(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_refusals_are_in_the_form_that_clients_read(place: Place) -> None:
    made, other = await place.client(), str(uuid4())
    good = form(made)
    basic = {"Authorization": basic_header(made["client_id"], WRONG)}
    cases: list[tuple[Any, dict[str, str], int, str, int]] = [
        ({**good, "client_secret": WRONG}, {}, 401, "invalid_client", 7000215),
        ({**good, "client_secret": ""}, {}, 401, "invalid_client", 7000216),
        ({**good, "client_id": other}, {}, 400, "unauthorized_client", 700016),
        ({**good, "client_id": "terraform\n\0"}, {}, 400, "unauthorized_client", 700016),
        ({**good, "client_id": ""}, {}, 400, "invalid_request", 900144),
        ({**good, "grant_type": "password"}, {}, 400, "unsupported_grant_type", 70003),
        ({**good, "grant_type": ""}, {}, 400, "invalid_request", 900144),
        ({**good, "scope": "User.Read"}, {}, 400, "invalid_scope", 1002012),
        ({**good, "scope": "a/.default b/.default"}, {}, 400, "invalid_scope", 1002012),
        ({**good, "scope": ""}, {}, 400, "invalid_request", 900144),
        (urlencode([*good.items(), ("scope", "x/.default")]), FORM, 400, "invalid_request", 9000411),
        (json.dumps(good), {"Content-Type": "application/json"}, 400, "invalid_request", 900144),
        (b"\xff=1", FORM, 400, "invalid_request", 90013),
        (b"a=%ff", FORM, 400, "invalid_request", 90013),
        (b"a=1&" * 200, FORM, 400, "invalid_request", 90013),
        (b"a=" + b"x" * 70_000, FORM, 413, "invalid_request", 90013),
        (good, basic, 400, "invalid_request", 90013),
        ({"grant_type": "client_credentials", "scope": "x/.default"}, basic, 401, "invalid_client", 7000215),
        (good, {"Authorization": "Bearer x"}, 401, "invalid_client", 7000216),
        (good, {"Authorization": "Basic ä"}, 401, "invalid_client", 7000216),
    ]
    for given, headers, status, error, code in cases:
        correlation = str(uuid4())
        found, body, answered = await place.post(given, headers={**headers, "client-request-id": correlation})
        assert (found, body["error"], body["error_codes"]) == (status, error, [code]), (given, body)
        assert body["error_description"].startswith(f"AADSTS{code}: ")
        assert body["correlation_id"] == correlation
        assert body["trace_id"].replace("-", "") == answered["X-Request-Id"]
        assert body["timestamp"].endswith("Z")
        assert answered["Cache-Control"] == "no-store"
        assert WRONG not in body["error_description"]
        assert ("WWW-Authenticate" in answered) == (status == 401 and "Authorization" in headers)
    for url in (
        f"{other}/v2.0/.well-known/openid-configuration",
        "nobody.example/discovery/v2.0/keys",
        f"{'a' * 3000}/discovery/v2.0/keys",
    ):
        found, body = await place.get(url)
        assert (found, body["error"], body["error_codes"]) == (400, "invalid_request", [90002]), url
    found, body, _ = await place.post(good, tenant="nobody.example")
    assert (found, body["error_codes"]) == (400, [90002])
    found, body = await place.get(f"{place.tenant.id}/oauth2/v2.0/token")
    assert (found, body["error_codes"]) == (405, [900561])


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_a_client_of_another_tenant_is_nobody_here(place: Place, house: House) -> None:
    made = await place.client()
    async with house.database.transaction() as tx:
        other = await tenants.create(tx, PROVISOR, f"{place.tenant.name}-b", place.tenant.domain, "admin@x.example")
    status, body, _ = await place.post(form(made), tenant=other.name)
    assert (status, body["error_codes"]) == (400, [700016])
    # Now the domain is of two.
    status, body, _ = await place.post(form(made), tenant=place.tenant.domain)
    assert (status, body["error_codes"]) == (400, [90002])
    await place.token(made)


async def test_a_secret_counts_beside_the_one_before_for_a_while(place: Place) -> None:
    first = await place.client()
    second = await place.json("renew", "terraform", "--keep-hours", "1")
    for made in (first, second):
        await place.token(made)
    async with place.house.database.transaction() as tx:
        await tx.execute(
            "update password_credential set ends = now() where tenant = $1 and ends is not null", place.tenant.id
        )
    _, body, _ = await place.post(form(first))
    assert body["error_codes"] == [7000222]
    await place.token(second)
    third = await place.json("renew", "terraform")
    assert (await place.post(form(first)))[1]["error_codes"] == [7000215]
    fourth = await place.json("renew", "terraform", "--keep-hours", "0")
    for made in (second, third):
        assert (await place.post(form(made)))[1]["error_codes"] == [7000215]
    await place.token(fourth)


async def test_who_is_wrong_too_often_waits_and_nobody_is_locked_out(place: Place) -> None:
    made, other = await place.client(), await place.client("other", "Global Reader")
    answers = [await place.post(form(made, client_secret=WRONG)) for _ in range(14)]
    assert [status for status, _, _ in answers[:10]] == [401] * 10
    status, body, headers = answers[-1]
    assert (status, body["error_codes"]) == (429, [50196])
    assert 1 <= int(headers["Retry-After"]) <= 6
    await place.token(made)
    assert (await place.post(form(other, client_secret=WRONG)))[0] == 401


async def test_more_requests_than_are_taken_are_told_to_wait(house: House, place: Place) -> None:
    door_ = InProcess(house, Limits(2, 10))
    asked = [await door_.ask("GET", f"/{place.tenant.id}/discovery/v2.0/keys", None) for _ in range(4)]
    assert [answer.status for answer in asked] == [200, 200, 429, 429]
    assert asked[-1].json()["error"] == "temporarily_unavailable"
    assert asked[-1].headers["retry-after"] == "1"


async def test_a_database_that_is_busy_is_said_in_the_same_form(
    house: House, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise asyncpg.CannotConnectNowError

    monkeypatch.setattr(tenants, "called", away)
    answer: Answer = await InProcess(house).ask("GET", f"/{place.tenant.id}/discovery/v2.0/keys", None)
    assert (answer.status, answer.json()["error_codes"]) == (503, [90033])


# ── being known ──────────────────────────────────────────────────────────────────────────────────────────────────


async def unknown(place: Place, token: str | None) -> str:
    with pytest.raises(Unauthenticated) as found:
        await place.who(token)
    return str(found.value)


async def test_a_client_that_is_deleted_is_nobody_from_the_next_request_on(place: Place) -> None:
    made = await place.client()
    token = await place.token(made)
    await place.who(token)
    await place.run("delete", "terraform")
    assert "was deleted" in await unknown(place, token)
    assert (await place.post(form(made)))[1]["error_codes"] == [700016]
    await place.client()
    assert "was deleted" in await unknown(place, token)


async def test_the_role_in_the_database_counts_and_not_the_claim(place: Place) -> None:
    token = await place.token(await place.client(role="Global Administrator"))
    async with place.house.database.transaction() as tx:
        await tx.execute("update client set role = 'Global Reader' where tenant = $1", place.tenant.id)
    assert json.loads(decoded(token.split(".")[1]))["roles"] == ["Global Administrator"]
    _, actor = await place.who(token)
    assert actor.roles == {"Global Reader"}


async def test_use_is_noted_once_a_minute(place: Place) -> None:
    token = await place.token(await place.client())
    async with place.house.database.transaction() as tx:
        await tx.execute(
            "update client set last_used = now() - interval '2 minutes' where tenant = $1", place.tenant.id
        )
    await place.who(token)
    first = (await place.json("list"))[0]["last_used"]
    await place.who(token)
    assert (await place.json("list"))[0]["last_used"] == first
    async with place.house.database.reading() as tx:
        assert await tx.fetchval(
            "select last_used > now() - interval '1 minute' from client where tenant = $1", place.tenant.id
        )


async def test_what_is_no_token_of_here_is_refused(place: Place) -> None:
    token = await place.token(await place.client())
    for authorization in (None, "", "Bearer", "Bearer ", f"Basic {token}", token):
        with pytest.raises(Unauthenticated, match="send Authorization"):
            await caller(place.house.database, place.shop.url, authorization)
    await caller(place.house.database, place.shop.url, f"bearer  {token} ")
    for wrong in (token[:-4], token + "A", token.replace(".", ""), "dapi" + "1" * 49, f"{token} {token}", "\0.\0.\0"):
        assert await unknown(place, wrong) == "The access token is not one of this installation's."
    with pytest.raises(Unauthenticated, match="public_url"):
        await caller(place.house.database, "http://elsewhere", f"Bearer {token}")


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def kids(house: House) -> list[str]:
    async with house.database.reading() as tx:
        return [key["kid"] for key in await published(tx)]


async def age(house: House, days: int) -> None:
    async with house.database.transaction() as tx:
        await tx.execute("update signing_key set created = created - make_interval(days => $1)", days)


async def test_many_at_once_make_one_key(house: House) -> None:
    """Each of them as a process of its own would, after the key that was there has had its month."""
    await age(house, 31)
    before = set(await kids(house))
    found = await asyncio.gather(*(SigningKeys(house.database, house.box).newest() for _ in range(8)))
    assert len({kid for kid, _ in found}) == 1
    assert set(await kids(house)) - before == {found[0][0]}


async def test_a_key_is_followed_by_another_and_stays_until_its_tokens_have_expired(place: Place) -> None:
    house, made = place.house, await place.client()
    token = await place.token(made)
    old = (await kids(house))[0]
    await age(house, 29)
    assert json.loads(decoded((await place.token(made)).split(".")[0]))["kid"] == old
    await age(house, 2)
    new = json.loads(decoded((await place.token(made)).split(".")[0]))["kid"]
    assert new != old
    assert (await kids(house))[:2] == [new, old]
    await place.who(token)
    async with house.database.transaction() as tx:
        assert await tx.fetchval("select private is null from signing_key where kid = $1", old)
        await tx.execute("update signing_key set retired = now() - interval '2 hours' where kid = $1", old)
    assert old not in await kids(house)
    assert await unknown(place, token) == "The access token is not one of this installation's."


async def test_a_private_key_is_sealed_and_who_cannot_open_it_makes_another(house: House) -> None:
    mine, _ = await SigningKeys(house.database, house.box).newest()
    async with house.database.reading() as tx:
        sealed = await tx.fetchval("select private from signing_key where kid = $1", mine)
    assert b'"d"' not in sealed
    assert '"d"' in house.box.open(sealed, f"signing_key/{mine}/private")
    stranger = SigningKeys(house.database, SecretBox(bytes(32)))
    theirs, _ = await stranger.newest()
    assert theirs != mine
    assert (await stranger.newest())[0] == theirs
    assert (await SigningKeys(house.database, house.box).newest())[0] == mine
    assert {mine, theirs} <= set(await kids(house))


def test_starting_waits_for_no_cryptography_of_tokens() -> None:
    code = "import sys, provisor.api.door, provisor.cli.client; sys.exit('joserfc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_secret_is_in_no_representation() -> None:
    assert "secret" not in repr(clients.NewSecret(uuid4(), "a", "secret"))
