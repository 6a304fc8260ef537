"""What nobody expected, as clients of Microsoft Graph are told of it: in Graph's form, and without what it was."""

from __future__ import annotations

from typing import Any

import pytest

from graphs import Graph
from in_process import Answer, InProcess
from pair import Pair
from provisor.api.graph import lists


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any) -> None:
        raise RuntimeError("the value of somebody")

    monkeypatch.setattr(lists, "of_table", fails)


async def ask(pair: Pair, graph: Graph, method: str, path: str, body: Any = None) -> Answer:
    """In this process, where something can be broken; the token counts at the address of the server."""
    door = InProcess(pair.house, public_url=graph.base.removesuffix("/v1.0"))
    return await door.ask(method, f"/v1.0{path}", graph.token, body, {"client-request-id": "mine"})


@pytest.mark.usefixtures("broken")
async def test_a_fault_of_ours_has_graphs_form(pair: Pair, graph: Graph) -> None:
    answer = await ask(pair, graph, "GET", "/users")
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (500, "InternalServerError")
    assert error["innerError"]["client-request-id"] == "mine"
    assert error["innerError"]["request-id"] == answer.headers["x-request-id"]
    assert error["innerError"]["request-id"] in error["message"]
    assert b"somebody" not in answer.body and b"Traceback" not in answer.body


@pytest.mark.usefixtures("broken")
async def test_a_fault_in_a_batch_concerns_the_others_nothing(pair: Pair, graph: Graph) -> None:
    requests = [{"id": "1", "method": "GET", "url": "/users"}, {"id": "2", "method": "GET", "url": "/domains"}]
    answer = await ask(pair, graph, "POST", "/$batch", {"requests": requests})
    assert answer.status == 200
    first, second = answer.json()["responses"]
    assert (first["status"], first["body"]["error"]["code"]) == (500, "InternalServerError")
    assert second["status"] == 200 and second["body"]["value"]
