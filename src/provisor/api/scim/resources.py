"""Users, Groups and Me: each request is one transaction in which the token, the precondition and the rules are checked.

Reading one user is a single statement. Lists are read in a snapshot, so that the total and the page agree. A write
that the database stops because it and another one wait for each other is done again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from provisor.access.secrets import SecretBox
from provisor.api.scim import bulk, cursors, requests, responses
from provisor.api.scim.requests import Address
from provisor.refusal import Forbidden
from provisor.scim.errors import NotFound
from provisor.scim.messages import Paging, list_response, paging, search_request
from provisor.scim.resource import project
from provisor.storage.pool import AWAY, Database
from provisor.workspace import groups, resources, search, tokens, users
from provisor.workspace.edit import Edit, Workspace
from provisor.workspace.resources import Group, User
from provisor.workspace.rules import group_type, user_type
from provisor.workspace.search import Question, wanted
from provisor.workspace.tokens import Arrival, Caller

_ATTEMPTS: Final = 3
Write = Callable[[Edit], Awaitable[User | Group | None]]


class NotAdmitted(Exception):
    """The request's credential is missing or refused in ``workspace``."""

    def __init__(self, workspace: Workspace, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.workspace, self.reason, self.sent = workspace, reason, sent


class Resources:
    """The handlers of one request; ``kind`` is the endpoint's."""

    def __init__(self, database: Database, box: SecretBox, request: Request, address: Address) -> None:
        self._database = database
        self._box = box
        self._request = request
        self._address = address
        self._token = requests.token(request)
        self._paging: Paging = paging(dict(request.query_params))

    async def get_user(self, identity: str) -> Response:
        async with self._database.reading() as tx:
            found = await tokens.arrive_at_user(tx, self._address.workspace, self._token, identity)
        arrival, caller = self._admitted(found[0] if found else None)
        assert found is not None
        row = found[1]
        if row["id"] is None:
            users.refuse_absent(identity, removed=row["removed"])
        await self._used(arrival.workspace, caller)
        return self._one(arrival.workspace, caller, resources.user(row))

    async def get_group(self, identity: str) -> Response:
        async with self._database.snapshot() as tx:
            arrival, caller = self._admitted(await tokens.arrive(tx, self._address.workspace, self._token))
            item = await groups.get(tx, arrival.workspace, identity, with_members=caller.admin and self.wants_members)
        await self._used(arrival.workspace, caller)
        return self._one(arrival.workspace, caller, item)

    async def get_me(self) -> Response:
        async with self._database.snapshot() as tx:
            arrival, caller = self._admitted(await tokens.arrive(tx, self._address.workspace, self._token))
            item = await users.get(tx, arrival.workspace, caller.user)
        await self._used(arrival.workspace, caller)
        answer = self._whole(arrival.workspace, item)
        if arrival.workspace.databricks:
            answer.headers["X-Databricks-Org-Id"] = str(arrival.workspace.id)
        return answer

    async def list_users(self) -> Response:
        return await self._list(search.USERS)

    async def list_groups(self) -> Response:
        return await self._list(search.GROUPS)

    async def search_users(self) -> Response:
        return await self._searched(search.USERS)

    async def search_groups(self) -> Response:
        return await self._searched(search.GROUPS)

    async def _searched(self, kind: search.Kind) -> Response:
        """POST /.search (RFC 7644 §3.4.3): what a query says, in a body that no log and no proxy keeps."""
        self._paging = paging(search_request(await requests.body(self._request)))
        return await self._list(kind)

    async def write(self, action: Write, status: int = 200) -> Response:
        """Do ``action`` in one transaction with the check of the token; render what it returns."""
        arrival, caller, item = await self._done(action)
        await self._used(arrival.workspace, caller)
        if item is None:
            return Response(status_code=204)
        return self._whole(arrival.workspace, item, status)

    async def bulk(self) -> Response:
        """POST /Bulk: whoever may not write at all is refused as a whole, before the first operation."""

        async def nothing(_: Edit) -> None:
            return None

        async def write(action: Write) -> User | Group | None:
            return (await self._done(action))[2]

        arrival, caller, _ = await self._attempt(nothing)
        operations, most_errors = bulk.read(await requests.body(self._request))
        answer = await bulk.Bulk(write, self._address.base, operations, most_errors).run()
        await self._used(arrival.workspace, caller)
        return responses.render(self._request, answer)

    async def _done(self, action: Write) -> tuple[Arrival, Caller, User | Group | None]:
        """Do ``action``; again when the database stopped it because it and another one waited for each other."""
        attempt = 1
        while True:
            try:
                return await self._attempt(action)
            except asyncpg.DeadlockDetectedError:
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0, 0.1 * 2**attempt))
                attempt += 1

    @property
    def wants_members(self) -> bool:
        """Whether the answer shows a group's members."""
        return self._wants("members")

    def _wants(self, attribute: str) -> bool:
        return wanted(attribute, self._paging.attributes, self._paging.excluded)

    async def _attempt(self, action: Write) -> tuple[Arrival, Caller, User | Group | None]:
        async with self._database.transaction() as tx:
            arrival, caller = self._admitted(await tokens.arrive(tx, self._address.workspace, self._token))
            if not caller.admin:
                raise Forbidden(
                    f"The owner of this access token, {caller.user_name}, is not an admin of this workspace: "
                    f"{self._request.method} is only accessible by admins."
                )
            work = Edit(tx, arrival.workspace, caller.actor)
            item = await action(work)
            await work.finish()
        return arrival, caller, item

    async def _list(self, kind: search.Kind) -> Response:
        async with self._database.snapshot() as tx:
            arrival, caller = self._admitted(await tokens.arrive(tx, self._address.workspace, self._token))
            shown = (lambda resource: resource) if caller.admin else resources.only_names
            question = Question(arrival.workspace, kind, self._address.base, self._paging, shown)
            place = f"{arrival.workspace.id}/{question.resource_type.name}"
            if self._paging.cursor is None:
                found = await search.search(tx, question)
            else:
                found = await search.after(tx, question, cursors.open_(self._box, place, self._paging))
        await self._used(arrival.workspace, caller)
        page = [self._projected(question.resource_type, item) for item in found.resources]
        start = self._paging.start if self._paging.cursor is None else None
        following = cursors.seal(self._box, place, self._paging, found.next) if found.next else None
        return responses.render(self._request, list_response(page, found.total, start, len(page), following))

    def _admitted(self, arrival: Arrival | None) -> tuple[Arrival, Caller]:
        if arrival is None:
            name = self._address.workspace
            raise NotFound(f"There is no workspace {name}." if name else "There is no workspace yet.")
        if arrival.caller is None:
            raise NotAdmitted(arrival.workspace, str(arrival.refused), sent=self._token is not None)
        return arrival, arrival.caller

    async def _used(self, workspace: Workspace, caller: Caller) -> None:
        # What was asked is done: that the token's last use cannot be noted is no reason to say otherwise.
        if caller.stale:
            with contextlib.suppress(*AWAY):
                await tokens.used(self._database, workspace, caller)

    def _one(self, workspace: Workspace, caller: Caller, item: User | Group) -> Response:
        # Memberships change without the version of a user, or of a reserved group that everybody is in, counting on.
        shows_more = item.reserved if isinstance(item, Group) else self._wants("groups")
        if not shows_more and requests.unchanged(self._request, item.version):
            return responses.not_modified(item.version)
        return self._whole(workspace, item, names_only=not caller.admin)

    def _whole(
        self, workspace: Workspace, item: User | Group, status: int = 200, *, names_only: bool = False
    ) -> Response:
        content = resources.represent(workspace, item, self._address.base)
        kind = user_type(workspace) if isinstance(item, User) else group_type(workspace)
        location = content["meta"]["location"]
        content = resources.only_names(content) if names_only else content
        return responses.resource(self._request, self._projected(kind, content), item.version, location, status)

    def _projected(self, kind: Any, content: dict[str, Any]) -> dict[str, Any]:
        if self._paging.attributes is None and self._paging.excluded is None:
            return content
        return project(kind, content, self._paging.attributes, self._paging.excluded)
