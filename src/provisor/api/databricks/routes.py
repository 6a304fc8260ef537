"""Which handler a method and a path mean, and what an error looks like there: ``error_code`` and ``message``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from provisor.access.limits import Limits
from provisor.api import arrivals, errors
from provisor.api.arrivals import Address, NotAdmitted
from provisor.api.databricks import groups, settings, tokens
from provisor.api.databricks.calls import Call
from provisor.api.errors import Problem
from provisor.api.refusals import Refusals
from provisor.storage.pool import Database

Handler = Callable[[Call], Awaitable[dict[str, Any]]]
#: Stands for any id in a path.
ANY: Final = "{id}"

_PERMISSIONS: Final[Mapping[tuple[str, ...], Mapping[str, Handler]]] = {
    (): {"GET": settings.show_permissions, "PUT": settings.replace, "PATCH": settings.grant},
    ("permissionLevels",): {"GET": settings.show_levels},
}
#: Handlers by path (below ``api/2.0``) and method.
ROUTES: Final[Mapping[tuple[str, ...], Mapping[str, Handler]]] = {
    ("groups", "create"): {"POST": groups.create},
    ("groups", "list"): {"GET": groups.show_all},
    ("groups", "list-members"): {"GET": groups.list_members},
    ("groups", "list-parents"): {"GET": groups.list_parents},
    ("groups", "add-member"): {"POST": groups.add_member},
    ("groups", "remove-member"): {"POST": groups.remove_member},
    ("groups", "delete"): {"POST": groups.delete},
    ("token", "create"): {"POST": tokens.create},
    ("token", "list"): {"GET": tokens.show_own},
    ("token", "delete"): {"POST": tokens.delete_own},
    ("token", ANY): {"PATCH": tokens.change_own},
    ("token-management", "tokens"): {"GET": tokens.show_all},
    ("token-management", "tokens", ANY): {"GET": tokens.show, "DELETE": tokens.delete},
    ("token-management", "on-behalf-of", "tokens"): {"POST": tokens.create_on_behalf_of},
    **{
        (*start, "authorization", "tokens", *rest): handlers
        for start in (("permissions",), ("preview", "permissions"))
        for rest, handlers in _PERMISSIONS.items()
    },
    ("workspace-conf",): {"GET": settings.show_settings, "PATCH": settings.change_settings},
}
#: What SCIM calls by its keywords has names of its own here.
_CODES: Final = {
    "invalidValue": "INVALID_PARAMETER_VALUE",
    "invalidSyntax": "MALFORMED_REQUEST",
    "mutability": "INVALID_STATE",
}


class DatabricksApi:
    """Databricks' own APIs over every workspace of ``database``, as much of it as ``limits`` allow each token."""

    def __init__(self, database: Database, limits: Limits, refusals: Refusals) -> None:
        self._database = database
        self._limits = limits
        self._refusals = refusals

    async def answer(self, request: Request, address: Address) -> Response:
        """The answer to ``request``, errors included; raises only what nobody expected."""
        try:
            with self._limits.admitted(arrivals.credential(request)):
                return await self._answer(request, address)
        except NotAdmitted as error:
            self._refusals.note(arrivals.token(request), Problem(401, None, error.reason))
            return _refused(error)
        except Exception as error:
            found = errors.problem(error)
            if found is None:
                raise
            self._refusals.note(arrivals.token(request), found)
            return _problem(found)

    async def _answer(self, request: Request, address: Address) -> Response:
        path, identity = tuple(address.path), ""
        if path not in ROUTES:
            path, identity = (*path[:-1], ANY), path[-1]
        handlers = ROUTES.get(path, {})
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            asked = f"{request.method} /2.0/{'/'.join(address.path)}"
            return _problem(Problem(404, None, f"No API found for '{asked}'", "ENDPOINT_NOT_FOUND"))
        return JSONResponse(await handler(await Call.read(self._database, request, address, identity)))


def _problem(found: Problem) -> Response:
    if found.error_code == "RESOURCE_ALREADY_EXISTS":
        # As these APIs, which are older than SCIM, have it.
        found = replace(found, status=400)
    code = found.error_code or _CODES.get(found.scim_type or "")
    headers = {"Retry-After": str(found.retry_after)} if found.retry_after is not None else {}
    return JSONResponse(replace(found, error_code=code).plain(), status_code=found.status, headers=headers)


def _refused(error: NotAdmitted) -> Response:
    if not error.sent:
        answer = _problem(Problem(401, None, error.reason, "UNAUTHENTICATED"))
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    body, headers = error.as_databricks()
    return JSONResponse(body, status_code=403, headers=headers)
