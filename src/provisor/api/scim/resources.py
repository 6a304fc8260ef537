"""One resource at a time: each request is one transaction in which token, precondition and rules are checked.

Reading one user is a single statement.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from starlette.responses import Response

from provisor.api import arrivals
from provisor.api.scim import bulk, requests, responses
from provisor.api.scim.handlers import Handlers
from provisor.refusal import Forbidden
from provisor.storage.pool import Tx
from provisor.workspace import groups, members, resources, tokens, tombstones, users
from provisor.workspace.edit import Edit, Workspace
from provisor.workspace.endpoints import Endpoint
from provisor.workspace.principals import Principal
from provisor.workspace.resources import Group, User
from provisor.workspace.tokens import Caller

T = TypeVar("T")
Write = Callable[[Edit], Awaitable[User | Group | None]]


class Resources(Handlers):
    """Reading, creating, replacing, changing and deleting at each endpoint, and Bulk."""

    async def get(self, endpoint: Endpoint) -> Response:
        return await (self._get_principal(endpoint.principal) if endpoint.principal else self._get_group())

    async def _get_principal(self, principal: Principal) -> Response:
        async with self._database.reading() as tx:
            found = await tokens.arrive_at_user(tx, self._address.workspace, self._token, self._identity)
        arrival, caller = self._admitted(found[0] if found else None)
        assert found is not None
        row = found[1]
        principal.type_of(arrival.workspace)
        if row["kind"] != principal.name:
            tombstones.refuse_absent(self._identity, principal, removed=row["removed"])
        await self._used(arrival.workspace, caller)
        return self._one(arrival.workspace, caller, resources.user(row))

    async def _get_group(self) -> Response:
        async with self._database.snapshot() as tx:
            arrival, caller = self._admitted(await tokens.arrive(tx, self._address.workspace, self._token))
            item = await groups.get(tx, arrival.workspace, self._identity, with_members=False)
            wanted = caller.admin and self.wants_members and not self._has_it(item)
            inside = await self._members(tx, arrival.workspace, item) if wanted else b""
        await self._used(arrival.workspace, caller)
        return self._one(arrival.workspace, caller, item, inside)

    async def _members(self, tx: Tx, workspace: Workspace, group: Group) -> bytes:
        """All members as JSON: of a large group no more is held than the bytes of the answer."""
        kind, parts = resources.type_of(workspace, group), []
        async for rows in members.chunks(tx, workspace, group.id):
            shown = resources.member_references(workspace, rows, self._address.base, names=self.wants_member_names)
            cut = self._projected(kind, {"members": shown}).get("members")
            parts += [orjson.dumps(cut)[1:-1]] if cut else []
        return b"[" + b",".join(parts) + b"]" if parts else b""

    async def get_me(self) -> Response:
        async with self._database.snapshot() as tx:
            arrival, caller = self._admitted(await tokens.arrive(tx, self._address.workspace, self._token))
            item = await users.get(tx, arrival.workspace, caller.user)
        await self._used(arrival.workspace, caller)
        answer = self._whole(arrival.workspace, resources.as_user(item))
        if arrival.workspace.databricks:
            answer.headers["X-Databricks-Org-Id"] = str(arrival.workspace.id)
        return answer

    async def create(self, endpoint: Endpoint) -> Response:
        body = await requests.body(self._request)
        return await self._write(lambda work: endpoint.create(work, body), 201)

    async def replace(self, endpoint: Endpoint) -> Response:
        body, expected = await requests.body(self._request), requests.expected(self._request)
        return await self._write(lambda work: endpoint.replace(work, self._identity, body, expected))

    async def change(self, endpoint: Endpoint) -> Response:
        body, expected = await requests.body(self._request), requests.expected(self._request)
        # A large group whose members nobody wants to see is not read for the answer.
        shown = {} if endpoint.principal else {"with_members": self.wants_members}
        return await self._write(lambda work: endpoint.change(work, self._identity, body, expected, **shown))

    async def delete(self, endpoint: Endpoint) -> Response:
        expected = requests.expected(self._request)
        return await self._write(lambda work: endpoint.delete(work, self._identity, expected))

    async def _write(self, action: Write, status: int = 200) -> Response:
        """Do ``action`` in one transaction with the check of the token; render what it returns."""
        workspace, caller, item = await self._done(action)
        await self._used(workspace, caller)
        if item is None:
            return Response(status_code=204)
        return self._whole(workspace, item, status)

    async def bulk(self) -> Response:
        """POST /Bulk: whoever may not write at all is refused as a whole, before the first operation."""

        async def nothing(_: Edit) -> None:
            return None

        async def write(action: Callable[[Edit], Awaitable[T]]) -> T:
            return (await self._done(action))[2]

        workspace, caller, _ = await self._done(nothing)
        operations, most_errors = bulk.read(await requests.body(self._request))

        def show(item: User | Group) -> dict[str, Any]:
            return self._content(workspace, item)

        answer = await bulk.Bulk(write, show, self._address.base, operations, most_errors).run()
        await self._used(workspace, caller)
        return responses.render(self._request, answer)

    async def _done(self, action: Callable[[Edit], Awaitable[T]]) -> tuple[Workspace, Caller, T]:
        async def as_admin(work: Edit, caller: Caller) -> T:
            if not caller.admin:
                raise Forbidden(
                    f"The owner of this access token, {caller.user_name}, is not an admin of this workspace: "
                    f"{self._request.method} is only accessible by admins."
                )
            return await action(work)

        return await arrivals.done(self._database, self._request, self._address.workspace, as_admin)

    def _has_it(self, item: User | Group) -> bool:
        # Memberships change without the version of a user, or of a reserved group that everybody is in, counting on.
        shows_more = item.reserved if isinstance(item, Group) else self._wants("groups")
        return not shows_more and requests.unchanged(self._request, item.version)

    def _one(self, workspace: Workspace, caller: Caller, item: User | Group, inside: bytes = b"") -> Response:
        if self._has_it(item):
            return responses.not_modified(item.version)
        return self._whole(workspace, item, names_only=not caller.admin, inside=inside)

    def _whole(
        self,
        workspace: Workspace,
        item: User | Group,
        status: int = 200,
        *,
        names_only: bool = False,
        inside: bytes = b"",
    ) -> Response:
        """``inside``: the members, when they are JSON already."""
        content = self._content(workspace, item, names_only=names_only)
        if inside:
            content["members"] = orjson.Fragment(inside)
        location = f"{self._address.base}{resources.type_of(workspace, item).endpoint}/{item.id}"
        return responses.resource(self._request, content, item.version, location, status)

    def _content(self, workspace: Workspace, item: User | Group, *, names_only: bool = False) -> dict[str, Any]:
        """What is shown of an item, as far as whoever asks wants it."""
        content = resources.represent(workspace, item, self._address.base, member_names=self.wants_member_names)
        return self._projected(
            resources.type_of(workspace, item), resources.only_names(content) if names_only else content
        )
