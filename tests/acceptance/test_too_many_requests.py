"""Too many requests with one token are answered 429, and nothing of them is done."""

from __future__ import annotations

import asyncio

from browser_like import Client, signed_in
from in_process import InProcess
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.access.limits import Limits


def _still() -> float:
    return 0.0


async def test_a_token_has_its_rate_and_others_do_not_feel_it(pair: Pair, standard: Pair) -> None:
    door = InProcess(pair.house, Limits(3, 100, _still))
    base = f"/w/{pair.workspace.name}/scim/v2"
    answers = [
        await door.ask("POST", f"{base}/Groups", pair.token, {"displayName": f"Team {number}"}) for number in range(5)
    ]
    assert [answer.status for answer in answers] == [201, 201, 201, 429, 429]
    refused = answers[-1]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/scim+json"
    assert refused.json() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "429",
        "detail": "More than 3 requests a second with this access token: wait for the seconds in Retry-After.",
        "error_code": "REQUEST_LIMIT_EXCEEDED",
        "message": "More than 3 requests a second with this access token: wait for the seconds in Retry-After.",
    }
    other = await door.ask("GET", f"/w/{standard.workspace.name}/scim/v2/Users", standard.token)
    assert other.status == 200
    _, teams = await pair.call("GET", "/Groups", params={"filter": 'displayName sw "Team"'})
    assert teams["totalResults"] == 3


async def test_a_token_has_so_many_requests_at_once(pair: Pair) -> None:
    door = InProcess(pair.house, Limits(1000, 4))
    url = f"/w/{pair.workspace.name}/scim/v2/Users"
    answers = await asyncio.gather(*(door.ask("GET", url, pair.token) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 4 + [429] * 16
    assert (await door.ask("GET", url, pair.token)).status == 200


async def test_requests_without_a_token_are_counted_by_address(pair: Pair) -> None:
    door = InProcess(pair.house, Limits(2, 100, _still))
    url = f"/w/{pair.workspace.name}/scim/v2/ServiceProviderConfig"
    assert [(await door.ask("GET", url, None)).status for _ in range(3)] == [200, 200, 429]
    assert (await door.ask("GET", url, pair.token)).status == 200


async def test_pages_for_nobody_in_particular_are_counted_by_address_and_the_others_are_not(pair: Pair) -> None:
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    base, start = pair.base.partition("/w/")[0], f"/t/{pair.tenant.name}"
    admin, anybody = await signed_in(base, link), Client(base)
    asked = 0
    while (answered := await anybody.get(f"{start}/sign-in")).status == 200 and asked < 3000:
        asked += 1
    assert (answered.status, answered.headers["Retry-After"]) == (429, "1") and asked >= 300 - 10
    assert "Too many pages are asked for from your address" in answered.text
    assert (await anybody.post(f"{start}/sign-in", {"name": "x", "password": "y"}, csrf="")).status == 429
    assert (await admin.get(f"{start}/users")).status == 200
