"""A request as a span: by the route that it takes, never by the ids, names or queries in its address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Scope

from provisor import tracing
from provisor.api.databricks.routes import ROUTES as DATABRICKS
from provisor.api.scim.routes import ANY
from provisor.api.scim.routes import ROUTES as SCIM

#: The parts of an API's paths that are not somebody's.
_WORDS: Final = frozenset({part for path in (*SCIM, *DATABRICKS) for part in path} - {ANY})
_PREFIX: Final = re.compile(r"(?<=^/w/)[^/]+|(?<=/accounts/)[^/]+")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADERS: Final = (b"traceparent", b"tracestate")


@contextmanager
def request(scope: Scope) -> Iterator[Callable[[int], None]]:
    """The block answers a request; it says the status to what this gives."""
    if not tracing.recording():
        yield lambda status: None
        return
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    caller = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS}
    with tracing.span(method, "server", {"http.request.method": method}, caller=caller) as span:

        def answered(status: int) -> None:
            # Which route it takes is known once it has been taken.
            taken = route(scope)
            if taken is not None:
                span.named(f"{method} {taken}")
                span.set("http.route", taken)
            span.set("http.response.status_code", status)
            if status >= 500 or status == 0:
                span.failed(str(status))

        yield answered


def route(scope: Scope) -> str | None:
    """The route that a request has taken; None when it has taken none."""
    if "api" in scope:
        found = scope["api"][1]
        start = _PREFIX.sub(ANY, found["prefix"])
        parts = (found["rest"] or "").split("/")[1:]
        return "/".join([start, *(part if part in _WORDS else ANY for part in parts)])
    if "endpoint" not in scope:
        return None
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = re.sub(rf"(?<=/){re.escape(str(value))}(?=/|$)", f"{{{name}}}", path)
    return path
