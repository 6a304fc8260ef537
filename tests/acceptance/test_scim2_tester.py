"""``scim2-tester``, as it is published, finds nothing wrong with a workspace: what its schemas say is what it does."""

from __future__ import annotations

import asyncio

import pytest
from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import CheckResult, Status, check_server

from pair import Pair


def _checked(base: str, token: str) -> list[CheckResult]:
    with Client(base_url=base, headers={"Authorization": f"Bearer {token}"}) as client:
        scim = SyncSCIMClient(client)
        scim.discover()
        return check_server(scim)


def errors_at(base: str, token: str) -> list[str]:
    """What the tester finds wrong with the server at ``base``, which it has looked at closely."""
    results = _checked(base, token)
    assert sum(result.status is Status.SUCCESS for result in results) > 100
    wrong = (Status.ERROR, Status.CRITICAL)
    return [f"{result.title}: {result.reason}" for result in results if result.status in wrong]


@pytest.mark.parametrize("profile", ["databricks", "standard"])
async def test_the_published_tester_finds_no_error(pair: Pair, standard: Pair, profile: str) -> None:
    workspace = (pair if profile == "databricks" else standard).workspace
    token = (pair if profile == "databricks" else standard).token
    origin = pair.base.partition("/w/")[0]
    assert await asyncio.to_thread(errors_at, f"{origin}/w/{workspace.name}/scim/v2", token) == []
