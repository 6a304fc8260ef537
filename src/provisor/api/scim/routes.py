"""Which handler a method and a path mean, and what an error looks like (RFC 7644 §3.2).

Whatever is raised below becomes an answer here, by the one table of ``api.errors``. What RFC 7644 knows and this
server does not do is 501, a path that means nothing 404, another method 405 with those that are allowed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from provisor.access.secrets import SecretBox
from provisor.api import errors
from provisor.api.scim import discovery, requests, responses
from provisor.api.scim.requests import Address
from provisor.api.scim.resources import NotAdmitted, Resources
from provisor.scim.errors import Forbidden, MethodNotAllowed, NotFound, NotImplementedByServer
from provisor.storage.pool import Database
from provisor.workspace import groups, users, workspaces
from provisor.workspace.edit import Edit
from provisor.workspace.resources import Group, User

__all__ = ["Address", "ScimApi"]

_DISCOVERY: Final = frozenset({"ServiceProviderConfig", "ResourceTypes", "Schemas"})
Handler = Callable[[], Awaitable[Response]]


class ScimApi:
    """SCIM 2.0 over every workspace of ``database``."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def answer(self, request: Request, address: Address) -> Response:
        """The answer to ``request``, errors included; raises only what nobody expected."""
        try:
            return await self._answer(request, address)
        except NotAdmitted as error:
            return responses.refused(request, error.workspace, error.reason, sent=error.sent)
        except _WrongMethod as error:
            answer = responses.problem(request, errors.Problem(error.status, None, error.detail))
            answer.headers["Allow"] = ", ".join(error.allowed)
            return answer
        except Exception as error:
            found = errors.problem(error)
            if found is None:
                raise
            return responses.problem(request, found)

    async def _answer(self, request: Request, address: Address) -> Response:
        match address.path:
            case [endpoint, *rest] if endpoint in _DISCOVERY and len(rest) <= 1:
                return await self._discover(request, address)
            case [".search"]:
                raise NotImplementedByServer(
                    "A search over all types is not implemented: search below Users or Groups."
                )
            case ["Bulk"]:
                handlers = Resources(self._database, self._box, request, address)
                return await _called(request.method, {"POST": handlers.bulk})
            case [("Users" | "Groups") as endpoint, ".search"]:
                handlers = Resources(self._database, self._box, request, address)
                searched = handlers.search_users if endpoint == "Users" else handlers.search_groups
                return await _called(request.method, {"POST": searched})
            case ["Me"]:
                if request.method not in ("GET", "HEAD"):
                    raise NotImplementedByServer("Me can be read; write to the user itself.")
                return await Resources(self._database, self._box, request, address).get_me()
            case [("Users" | "Groups") as endpoint]:
                return await self._collection(endpoint, request, address)
            case [("Users" | "Groups") as endpoint, identity]:
                return await self._single(endpoint, identity, request, address)
            case _:
                raise NotFound("Endpoint not supported.")

    async def _discover(self, request: Request, address: Address) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise _WrongMethod(request.method, ["GET"])
        if request.query_params.get("filter"):
            # RFC 7644 §4 asks for this status.
            raise Forbidden(f"{address.path[0]} cannot be filtered.")
        async with self._database.reading() as tx:
            if address.workspace is not None:
                workspace = await workspaces.get(tx, address.workspace)
            elif (first := await workspaces.first(tx)) is not None:
                workspace = first
            else:
                raise NotFound("There is no workspace yet.")
        return responses.render(request, discovery.answer(workspace, address.base, address.path))

    async def _collection(self, endpoint: str, request: Request, address: Address) -> Response:
        handlers = Resources(self._database, self._box, request, address)

        async def create() -> Response:
            body = await requests.body(request)
            create = users.create if endpoint == "Users" else groups.create
            return await handlers.write(lambda work: create(work, body), 201)

        listed = handlers.list_users if endpoint == "Users" else handlers.list_groups
        return await _called(request.method, {"GET": listed, "POST": create})

    async def _single(self, endpoint: str, identity: str, request: Request, address: Address) -> Response:
        handlers = Resources(self._database, self._box, request, address)
        expected = requests.expected(request)
        is_user = endpoint == "Users"

        async def read() -> Response:
            return await (handlers.get_user(identity) if is_user else handlers.get_group(identity))

        async def replace() -> Response:
            body = await requests.body(request)
            step = users.replace if is_user else groups.replace
            return await handlers.write(lambda work: step(work, identity, body, expected))

        async def change() -> Response:
            body = await requests.body(request)

            async def patched(work: Edit) -> User | Group:
                if is_user:
                    return await users.change(work, identity, body, expected)
                return await groups.change(work, identity, body, expected, with_members=handlers.wants_members)

            return await handlers.write(patched)

        async def delete() -> Response:
            step = users.delete if is_user else groups.delete
            return await handlers.write(lambda work: step(work, identity, expected))

        return await _called(request.method, {"GET": read, "PUT": replace, "PATCH": change, "DELETE": delete})


class _WrongMethod(MethodNotAllowed):
    def __init__(self, method: str, allowed: list[str]) -> None:
        super().__init__(f"{method} is not for this endpoint: {', '.join(allowed)}.")
        self.allowed = allowed


async def _called(method: str, handlers: dict[str, Handler]) -> Response:
    handler = handlers.get("GET" if method == "HEAD" else method)
    if handler is None:
        raise _WrongMethod(method, list(handlers))
    return await handler()
