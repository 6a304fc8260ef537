"""Secrets of applications and clients over Graph: several at once, each for its time, shown once."""

from __future__ import annotations

import json
from asyncio import to_thread
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from graphs import Graph, sides
from installation import Installation
from pair import Pair
from provisor import audit
from provisor.access.roles import ROLES
from provisor.directory.password_credentials import MOST
from relying_party import REDIRECT, RelyingParty, World, discovered, post

_SHOWN = {"customKeyIdentifier", "displayName", "endDateTime", "hint", "keyId", "secretText", "startDateTime"}


async def added(graph: Graph, side: str, body: Any = None, **wanted: Any) -> dict[str, Any]:
    given = {"passwordCredential": wanted} if wanted else body
    status, made = await graph.ask("POST", f"{side}/addPassword", given)
    assert status == 200, made
    assert made.keys() - {"@odata.context"} == _SHOWN
    return dict(made)


async def removed(graph: Graph, side: str, key: str) -> None:
    assert await graph.ask("POST", f"{side}/removePassword", {"keyId": key}) == (204, None)


async def shown(graph: Graph, side: str) -> dict[str, Any]:
    """The secrets that are there, by name, of which none is shown."""
    found = (await graph.get(side))["passwordCredentials"]
    assert all(item.keys() == _SHOWN and item["secretText"] is None for item in found)
    return {item["displayName"]: item for item in found}


async def asked(pair: Pair, client: str, secret: str, **form: str) -> tuple[int, int]:
    """What the token endpoint says: the status, and Entra ID's number, 0 without one."""
    given = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"} | form
    endpoint = (await discovered(pair))["token_endpoint"]
    status, body = await post(endpoint, {"client_id": client, "client_secret": secret, **given})
    return status, body.get("error_codes", [0])[0]


async def recognised(pair: Pair, client: str, secret: str) -> int:
    """0 when an application with this secret may bring a code; else the number of the refusal."""
    code = {"grant_type": "authorization_code", "code": "x", "redirect_uri": REDIRECT, "code_verifier": "v" * 43}
    _, number = await asked(pair, client, secret, **code)
    return 0 if number == 70000 else number


def hence(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_one_secret_of_an_application_takes_over_from_another(graph: Graph, pair: Pair) -> None:
    application, principal = await sides(graph, pair)
    client = (await graph.get(principal))["appId"]
    assert await shown(graph, application) == {}
    old = await added(graph, application, displayName="old", endDateTime="2099-01-31T12:00:00.0000000Z")
    assert (old["endDateTime"], old["hint"]) == ("2099-01-31T12:00:00Z", old["secretText"][:3])
    new = await added(graph, principal, displayName="new")
    two_years = datetime.fromisoformat(new["endDateTime"]) - datetime.fromisoformat(new["startDateTime"])
    assert timedelta(days=729) < two_years <= timedelta(days=731)
    for side in (application, principal):
        found = await shown(graph, side)
        assert list(found) == ["old", "new"] and found["old"]["keyId"] == old["keyId"]
        assert old["secretText"] not in json.dumps(await graph.get(side))
    for made in (old, new):
        assert await recognised(pair, client, made["secretText"]) == 0
    await removed(graph, principal, old["keyId"])
    assert await recognised(pair, client, old["secretText"]) == 7000215
    assert await recognised(pair, client, new["secretText"]) == 0
    assert list(await shown(graph, application)) == ["new"]
    await removed(graph, application, new["keyId"])
    # It is no public client by that: without a secret it is refused.
    assert await recognised(pair, client, "") == 7000218
    assert await recognised(pair, client, new["secretText"]) == 7000215
    unnamed = await added(graph, application)
    assert unnamed["displayName"] is None and await recognised(pair, client, unnamed["secretText"]) == 0


async def test_a_secret_counts_from_its_start_to_its_end(graph: Graph, pair: Pair) -> None:
    application, _ = await sides(graph, pair)
    client = (await graph.get(application))["appId"]
    later = await added(graph, application, displayName="later", startDateTime=hence(days=1))
    assert await recognised(pair, client, later["secretText"]) == 7000215
    over = await added(graph, application, displayName="over", endDateTime=hence(days=1))
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "update password_credential set starts = now() - interval '2 days', ends = now() where name = 'over'"
            " and tenant = $1",
            pair.tenant.id,
        )
    assert await recognised(pair, client, over["secretText"]) == 7000222
    assert list(await shown(graph, application)) == ["later", "over"]


async def test_somebody_signs_in_to_an_application_with_a_secret_of_graphs(graph: Graph, pair: Pair) -> None:
    """The secret came first; the addresses come from the command line, which makes no other."""
    application, _ = await sides(graph, pair)
    made = await added(graph, application, displayName="wiki")
    world = await World.make(pair)
    assert world.party.secret is None, "there was one already"
    world.party.secret = made["secretText"]
    assert (await world.party.ask().who(world.browser))["sub"] == str(world.ada)
    told = await graph.get(application)
    assert told["web"]["redirectUris"] == [REDIRECT] and told["publicClient"]["redirectUris"] == []
    assert (await graph.get(f"/servicePrincipals/{pair.application}"))["replyUrls"] == [REDIRECT]


async def test_what_the_command_line_makes_and_ends_is_there_too(shop: Installation, graph: Graph, pair: Pair) -> None:
    application, _ = await sides(graph, pair)
    client = (await graph.get(application))["appId"]
    words = ("--tenant", pair.tenant.name)

    def sign_in(verb: str, *more: str) -> Any:
        return shop.json("app", "sign-in", verb, "app", *more, *words)

    first = await to_thread(sign_in, "set", "--redirect-uri", REDIRECT)
    (only,) = (await graph.get(application))["passwordCredentials"]
    assert (only["displayName"], only["hint"], only["endDateTime"]) == (None, first["secret"][:3], None)
    more = await added(graph, application, displayName="more")
    for secret in (first["secret"], more["secretText"]):
        assert await recognised(pair, client, secret) == 0
    renewed = await to_thread(sign_in, "renew")
    for secret in (first["secret"], more["secretText"]):
        assert await recognised(pair, client, secret) == 7000215
    assert await recognised(pair, client, renewed["secret"]) == 0
    await to_thread(sign_in, "set", "--redirect-uri", REDIRECT, "--public")
    assert await shown(graph, application) == {}
    status, _, why = await graph.refused("POST", f"{application}/addPassword", {})
    assert status == 400 and "is a public client" in why
    assert (await graph.get(application))["publicClient"]["redirectUris"] == [REDIRECT]
    await to_thread(sign_in, "delete")
    again = await added(graph, application)
    await to_thread(sign_in, "delete")
    assert await recognised(pair, client, again["secretText"]) == 700016
    await added(graph, application)
    await to_thread(shop.run, "app", "delete", "app", "--force", *words)
    async with pair.house.database.reading() as tx:
        assert await tx.fetchval("select count(*) from password_credential where client::text = $1", client) == 0


async def test_an_application_gets_no_token_of_its_own(graph: Graph, pair: Pair) -> None:
    application, _ = await sides(graph, pair)
    client = (await graph.get(application))["appId"]
    assert await asked(pair, client, "secret") == (400, 700016)
    made = await added(graph, application)
    assert await asked(pair, client, made["secretText"]) == (400, 501051)
    assert await asked(pair, client, "secret") == (401, 7000215)


async def test_a_client_is_given_another_secret_while_the_first_counts(graph: Graph, pair: Pair) -> None:
    where = f"/servicePrincipals/{graph.client}"
    (first,) = (await graph.get(where))["passwordCredentials"]
    more = await added(graph, where, displayName="next", endDateTime=hence(days=30))
    assert await asked(pair, graph.client, more["secretText"]) == (200, 0)
    await removed(graph, f"/servicePrincipals(appId='{graph.client}')", first["keyId"])
    assert list(await shown(graph, where)) == ["next"]
    assert await asked(pair, graph.client, more["secretText"]) == (200, 0)
    await removed(graph, where, more["keyId"])
    assert await asked(pair, graph.client, more["secretText"]) == (401, 7000215)
    assert (await graph.refused("POST", f"/applications/{graph.client}/addPassword", {}))[0] == 404


async def test_nobody_gets_at_the_secret_of_a_client_that_may_more(
    shop: Installation, graph: Graph, pair: Pair
) -> None:
    weaker = await Graph.open(shop, pair.tenant.name, "Application Administrator")
    try:
        where = f"/servicePrincipals/{graph.client}"
        (first,) = (await graph.get(where))["passwordCredentials"]
        for verb, body in (("addPassword", {}), ("removePassword", {"keyId": first["keyId"]})):
            assert (await weaker.refused("POST", f"{where}/{verb}", body))[0] == 403
        assert len(await shown(graph, where)) == 1
        assert "client.write" in ROLES["Application Administrator"]
        await added(weaker, f"/servicePrincipals/{weaker.client}", displayName="own")
    finally:
        await weaker.close()


@pytest.mark.parametrize(
    "wanted,why",
    [
        ({"passwordCredential": "x"}, "must be an object"),
        ({"passwordCredential": {"displayName": 7}}, "displayName must be a text"),
        ({"passwordCredential": {"displayName": "a" * 121}}, "at most 120 characters"),
        ({"passwordCredential": {"displayName": "a\nb"}}, "can be seen"),
        ({"passwordCredential": {"secretText": "mine"}}, "cannot be given"),
        ({"passwordCredential": {"endDateTime": "tomorrow"}}, "endDateTime must be a date and time"),
        ({"passwordCredential": {"startDateTime": 5}}, "startDateTime must be a date and time"),
        ({"passwordCredential": {"startDateTime": "9999-12-31T00:00:00Z"}}, "startDateTime must be a date and time"),
        ({"passwordCredential": {"endDateTime": "2020-01-01T00:00:00Z"}}, "not in the past"),
        (
            {"passwordCredential": {"startDateTime": "2090-01-02T00:00:00Z", "endDateTime": "2090-01-01T00:00:00Z"}},
            "end after it starts",
        ),
    ],
)
async def test_what_cannot_be_a_secret_is_refused(graph: Graph, pair: Pair, wanted: Any, why: str) -> None:
    application, _ = await sides(graph, pair)
    status, code, sentence = await graph.refused("POST", f"{application}/addPassword", wanted)
    assert (status, code) == (400, "Request_BadRequest") and why in sentence
    assert await shown(graph, application) == {}


async def test_what_is_not_there_is_not_removed_and_there_are_not_too_many(graph: Graph, pair: Pair) -> None:
    application, principal = await sides(graph, pair)
    for body in ({}, {"keyId": "x"}, {"keyId": str(uuid4())}):
        assert (await graph.refused("POST", f"{principal}/removePassword", body))[0] == 400
    assert (await graph.refused("POST", f"/applications/{uuid4()}/addPassword", {}))[0] == 404
    made = [await added(graph, application) for _ in range(MOST)]
    assert len({item["secretText"] for item in made}) == MOST
    status, _, why = await graph.refused("POST", f"{application}/addPassword", {})
    assert status == 400 and "remove those that are not needed" in why


async def test_the_audit_log_says_who_made_and_ended_one_and_no_secret(graph: Graph, pair: Pair) -> None:
    application, _ = await sides(graph, pair)
    made = [await added(graph, side, displayName="k") for side in (application, f"/servicePrincipals/{graph.client}")]
    await removed(graph, application, made[0]["keyId"])
    await removed(graph, f"/servicePrincipals/{graph.client}", made[1]["keyId"])
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, f"tenant/{pair.tenant.name}")
    said = json.dumps([{**row} for row in rows], default=str)
    for action in ("add sign-in secret", "remove sign-in secret", "add secret", "remove secret"):
        assert f'"{action}"' in said
    for item in made:
        assert item["keyId"] in said and item["secretText"] not in said


async def test_a_public_client_without_a_secret_stays_one(graph: Graph, pair: Pair) -> None:
    party = await RelyingParty.register(pair, public=True)
    assert await recognised(pair, party.client, "") == 0
    assert await recognised(pair, party.client, "x") == 7000215
