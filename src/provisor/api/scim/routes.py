"""Which handler a method and a path mean, and what an error looks like (RFC 7644 §3.2).

One table says it all, and tests walk it. Whatever is raised below becomes an answer here, by the one table of
``api.errors``. What RFC 7644 knows and this server does not do is 501, a path that means nothing 404, another method
405 with those that are allowed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from provisor.access.limits import Limits
from provisor.access.secrets import SecretBox
from provisor.api import arrivals, errors
from provisor.api.arrivals import Address, NotAdmitted
from provisor.api.refusals import Refusals
from provisor.api.scim import responses
from provisor.api.scim.discovery import discover
from provisor.api.scim.handlers import Call
from provisor.api.scim.lists import Lists
from provisor.api.scim.resources import Resources
from provisor.scim.errors import MethodNotAllowed, NotFound, NotImplementedByServer
from provisor.storage.pool import Database
from provisor.workspace.edit import Workspace
from provisor.workspace.endpoints import ENDPOINTS, Endpoint

__all__ = ["ROUTES", "ScimApi"]

Handler = Callable[[Call], Awaitable[Response]]
#: Stands for any id in a path.
ANY: Final = "{id}"


async def _not_me(_: Call) -> Response:
    raise NotImplementedByServer("Me can be read; write to the user itself.")


def _resources(name: str, endpoint: Endpoint) -> Iterator[tuple[tuple[str, ...], Mapping[str, Handler]]]:
    yield (
        (name,),
        {
            "GET": lambda call: Lists(call).page(endpoint.kind),
            "POST": lambda call: Resources(call).create(endpoint),
        },
    )
    yield (name, ".search"), {"POST": lambda call: Lists(call).search(endpoint.kind)}
    yield (
        (name, ANY),
        {
            "GET": lambda call: Resources(call).get(endpoint),
            "PUT": lambda call: Resources(call).replace(endpoint),
            "PATCH": lambda call: Resources(call).change(endpoint),
            "DELETE": lambda call: Resources(call).delete(endpoint),
        },
    )


#: Handlers by path and method; HEAD is GET.
ROUTES: Final[Mapping[tuple[str, ...], Mapping[str, Handler]]] = {
    (): {"GET": lambda call: Lists(call).page()},
    (".search",): {"POST": lambda call: Lists(call).search()},
    ("Bulk",): {"POST": lambda call: Resources(call).bulk()},
    ("Me",): {
        "GET": lambda call: Resources(call).get_me(),
        **dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), _not_me),
    },
    **{path: handlers for name, endpoint in ENDPOINTS.items() for path, handlers in _resources(name, endpoint)},
    ("ServiceProviderConfig",): {"GET": discover},
    ("ResourceTypes",): {"GET": discover},
    ("ResourceTypes", ANY): {"GET": discover},
    ("Schemas",): {"GET": discover},
    ("Schemas", ANY): {"GET": discover},
}


class ScimApi:
    """SCIM 2.0 over every workspace of ``database``, as much of it as ``limits`` allow each token."""

    def __init__(self, database: Database, box: SecretBox, limits: Limits, refusals: Refusals) -> None:
        self._database = database
        self._box = box
        self._limits = limits
        self._refusals = refusals
        self._known: dict[str | None, Workspace] = {}

    async def answer(self, request: Request, address: Address) -> Response:
        """The answer to ``request``, errors included; raises only what nobody expected."""
        try:
            with self._limits.admitted(arrivals.credential(request)):
                return await self._answer(request, address)
        except NotAdmitted as error:
            self._refusals.note(arrivals.token(request), errors.Problem(401, None, error.reason))
            return responses.refused(request, error)
        except _WrongMethod as error:
            answer = responses.problem(request, errors.Problem(error.status, None, error.detail))
            answer.headers["Allow"] = ", ".join(error.allowed)
            return answer
        except Exception as error:
            found = errors.problem(error)
            if found is None:
                raise
            self._refusals.note(arrivals.token(request), found)
            return responses.problem(request, found)

    async def _answer(self, request: Request, address: Address) -> Response:
        path, identity = tuple(address.path), ""
        if path not in ROUTES and path:
            path, identity = (*path[:-1], ANY), path[-1]
        handlers = ROUTES.get(path)
        if handlers is None:
            raise NotFound("Endpoint not supported.")
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise _WrongMethod(request.method, list(handlers))
        return await handler(Call(self._database, self._box, self._known, request, address, identity))


class _WrongMethod(MethodNotAllowed):
    def __init__(self, method: str, allowed: list[str]) -> None:
        super().__init__(f"{method} is not for this endpoint: {', '.join(allowed)}.")
        self.allowed = allowed
