"""Spans, for whoever has installed the extra ``otel`` and named a receiver in OpenTelemetry's own variables
(``OTEL_EXPORTER_OTLP_ENDPOINT`` and the like).

Without both, a span is an object that does nothing, and nothing of OpenTelemetry is imported. What is told of an
exception is its type: its text may hold values of people. A receiver that is away costs the spans, and one line in the
log now and then.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Thread
from types import TracebackType
from typing import Any, Final, Literal, Protocol

import structlog

Kind = Literal["internal", "client", "server"]
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
#: Seconds that the last spans have to be sent at the end, and between two complaints that some cannot be.
_LAST: Final = 2.0
_COMPLAIN: Final = 60.0
_LOG = structlog.get_logger("provisor.tracing")
#: OpenTelemetry's tracer, while spans are recorded.
_tracer: Any = None


class Span(Protocol):
    """What a block may say of itself."""

    def set(self, name: str, value: str | int | float) -> None: ...

    def named(self, name: str) -> None:
        """Another name than the one it began with."""

    def failed(self, why: str) -> None:
        """It went wrong; ``why`` is a type, a status, no sentence."""


class _Nothing:
    """A span that nobody records."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def set(self, name: str, value: str | int | float) -> None:
        return None

    def named(self, name: str) -> None:
        return None

    def failed(self, why: str) -> None:
        return None


_NOTHING: Final = _Nothing()


class _Recorded:
    def __init__(self, span: Any) -> None:
        self._span = span

    def set(self, name: str, value: str | int | float) -> None:
        self._span.set_attribute(name, value)

    def named(self, name: str) -> None:
        self._span.update_name(name)

    def failed(self, why: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", why)


def span(
    name: str,
    kind: Kind = "internal",
    attributes: Mapping[str, str | int | float] | None = None,
    *,
    caller: Mapping[str, str] | None = None,
) -> AbstractContextManager[Span]:
    """The block as a span. ``caller``: the headers of whoever asked for it, whose trace goes on; None: it is part of
    the span around it."""
    return _NOTHING if _tracer is None else _recorded(name, kind, attributes, caller)


def recording() -> bool:
    return _tracer is not None


def outgoing() -> dict[str, str]:
    """The headers (W3C ``traceparent``) by which whoever is asked now goes on with the trace."""
    headers: dict[str, str] = {}
    if _tracer is not None:
        _propagator().inject(headers)
    return headers


@contextmanager
def on() -> Iterator[None]:
    """Spans are recorded and sent while the block runs, when there is a receiver."""
    global _tracer
    provider = _provider()
    if provider is None:
        yield
        return
    _tracer = provider.get_tracer("provisor")
    try:
        yield
    finally:
        _tracer = None
        # A receiver that does not answer keeps no process from ending.
        last = Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST)


@contextmanager
def _recorded(
    name: str, kind: Kind, attributes: Mapping[str, str | int | float] | None, caller: Mapping[str, str] | None
) -> Iterator[Span]:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    context = _propagator().extract(dict(caller), Context()) if caller is not None else None
    kinds = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT, "server": SpanKind.SERVER}
    with _tracer.start_as_current_span(
        name,
        context=context,
        kind=kinds[kind],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as found:
        recorded = _Recorded(found)
        try:
            yield recorded
        except BaseException as error:
            recorded.failed(type(error).__name__)
            raise


def _propagator() -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator()


def _provider() -> Any:
    """What records and sends; None when nobody wants it, or it cannot."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or os.environ.get("OTEL_TRACES_EXPORTER") == "none" or not any(map(os.environ.get, _ENDPOINTS)):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _LOG.warning("traces_not_sent", error="an OTEL_ variable names a receiver, and the extra otel is not installed")
        return None
    logger = logging.getLogger("opentelemetry")
    logger.handlers, logger.propagate = [_Complaints()], False
    try:
        resource = Resource.create()
        if str(resource.attributes["service.name"]).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "provisor"}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except Exception as error:
        # Whatever is wrong with the variables, it is no reason not to work.
        _LOG.warning("traces_not_sent", error=type(error).__name__)
        return None
    return provider


class _Complaints(logging.Handler):
    """OpenTelemetry's own lines as one of ours, at most once a minute."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = -_COMPLAIN

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._last >= _COMPLAIN:
            self._last = now
            _LOG.warning("traces_not_sent", error=record.name)
