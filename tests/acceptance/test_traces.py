"""What a receiver of OpenTelemetry gets: read from what is really sent to it."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from installation import Installation, installation
from pair import Pair
from provisor import compose, tracing
from provisor.api.spans import route
from provisor.config import Settings
from provisor.sync import control
from provisor.sync.cycle import Asked
from serving import serving


class Receiver:
    """Spans as they came, each with its attributes; ``raw`` is all of it as text."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        self.raw = b""

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        self.paths.add(request.path)
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        {
                            "name": span.name,
                            "kind": span.kind,
                            "id": span.span_id,
                            "parent": span.parent_span_id,
                            "trace": span.trace_id,
                            "failed": span.status.code == 2,
                            "service": _values(resource.resource.attributes)["service.name"],
                            **_values(span.attributes),
                        }
                    )
        return web.Response(body=b"", content_type="application/x-protobuf")

    def called(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"] == name]


def _values(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}


@pytest.fixture
def own() -> Iterator[Installation]:
    with installation() as made:
        made.run("init", "--domain", "contoso.com")
        yield made


async def test_a_cycle_its_requests_and_the_workspace_that_answers_are_one_trace(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    async with serving(receiver.take) as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        await asyncio.to_thread(own.serve)
        async with compose.opened(Settings(data=own.folder)) as rooms:
            inner = await Pair.make(own, rooms)
            await inner.user("zeno")
            async with inner.edit() as work:
                await control.switch(work, inner.application, "On")
            deadline = time.monotonic() + 30
            while not receiver.called("cycle"):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            account = await inner.account("zeno")
            await inner.call("PATCH", f"/Users/{account['id']}", {"Operations": "none"})
            async with inner.session.get(f"{own.url}/t/{inner.tenant.name}/users/zeno@contoso.com") as answer:
                await answer.read()
            await inner.close()
        # What is not sent yet is sent at the end.
        assert await asyncio.to_thread(own.stop) == 0
    assert receiver.paths == {"/v1/traces"}
    assert {span["service"] for span in receiver.spans} == {"provisor"}
    cycle = receiver.called("cycle")[0]
    said = {name.removeprefix("provisor."): value for name, value in cycle.items() if name.startswith("provisor.")}
    assert said.pop("requests") > 0
    assert said == {
        "tenant": str(inner.tenant.id),
        "application": str(inner.application),
        "cycle": 1,
        "kind": "initial",
        "status": "done",
        "failures": 0,
        "changes.create": 1,
    }
    (post,) = receiver.called("POST /Users")
    assert (post["parent"], post["trace"], post["kind"]) == (cycle["id"], cycle["trace"], 3)
    assert (post["http.response.status_code"], post["server.address"], post["failed"]) == (201, "127.0.0.1", False)
    (answered,) = receiver.called("POST /w/{id}/api/2.0/preview/scim/v2/Users")
    assert (answered["parent"], answered["trace"], answered["kind"]) == (post["id"], cycle["trace"], 2)
    assert answered["http.response.status_code"] == 201
    (patched,) = receiver.called("PATCH /w/{id}/api/2.0/preview/scim/v2/Users/{id}")
    assert (patched["parent"], patched["http.response.status_code"], patched["failed"]) == (b"", 400, False)
    # Zeno is a name that no hexadecimal number (an id, an instance's) can hold by chance.
    for secret in ("zeno", "contoso", inner.token, account["id"], "Bearer", inner.workspace.name):
        assert secret.encode() not in receiver.raw, secret


async def test_a_target_that_refuses_is_an_error(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()

    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response({"detail": "zeno is nobody"}, status=403)

    await pair.user("zeno")
    async with serving(receiver.take) as address, serving(refuse) as target:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{address}/spans")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "people")
        await pair.connect(f"{target}/scim/v2", "secret", force=True)
        with tracing.on():
            await pair.house.cycle(pair.tenant, pair.application, lambda *_: None, Asked())
            # The last ones are sent in a thread, which this loop has to answer.
            await asyncio.to_thread(tracing._tracer.span_processor.force_flush)
    assert receiver.paths == {"/spans"}
    (cycle,) = receiver.called("cycle")
    assert (cycle["service"], cycle["provisor.status"], cycle["failed"]) == ("people", "quarantined", True)
    asked = [span for span in receiver.spans if span["trace"] == cycle["trace"] and span is not cycle]
    assert asked
    for span in asked:
        assert (span["failed"], span["error.type"], span["http.response.status_code"]) == (True, "403", 403)
    assert b"zeno" not in receiver.raw and b"secret" not in receiver.raw


def test_without_a_receiver_nothing_is_recorded_or_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    with tracing.on():
        assert not tracing.recording()
        assert tracing.outgoing() == {}
        assert tracing.span("cycle") is tracing.span("another")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with tracing.on():
        assert not tracing.recording()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged here. Elsewhere nobody has said where a log goes."""
    with capture_logs() as said:
        yield said
    structlog.reset_defaults()


@pytest.mark.parametrize("wrong", ["not installed", "no such way"])
def test_without_the_extra_or_with_a_wrong_variable_the_log_says_so_and_all_else_goes_on(
    wrong: str, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    if wrong == "not installed":
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    else:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none such")
    with tracing.on():
        # OpenTelemetry goes on without what it does not understand.
        assert tracing.recording() is (wrong != "not installed")
    assert [row["event"] for row in logged] == ["traces_not_sent"]


def test_a_receiver_that_is_away_holds_nobody_up(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    own.serve()
    log = own.folder.parent / "server.log"
    # A request, and with it a span that cannot be sent.
    own_request(own)
    deadline = time.monotonic() + 30
    while "traces_not_sent" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    own_request(own)
    began = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - began < 10
    rows = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [row["level"] for row in rows if row["event"] == "traces_not_sent"] == ["warning"]
    assert all(line.startswith(("{", "provisor: ")) for line in log.read_text().splitlines())


def own_request(own: Installation) -> None:
    with urllib.request.urlopen(f"{own.url}/healthz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "params", "said"),
    [
        (
            "/t/contoso/users/ada@contoso.com",
            {"realm": "contoso", "name": "ada@contoso.com"},
            "/t/{realm}/users/{name}",
        ),
        ("/nobody/ada", {"path": "nobody/ada"}, "/{path}"),
        ("/healthz", {}, "/healthz"),
    ],
)
def test_a_route_holds_nothing_of_what_was_asked_for(path: str, params: dict[str, str], said: str) -> None:
    assert route({"path": path, "path_params": params, "endpoint": None}) == said
