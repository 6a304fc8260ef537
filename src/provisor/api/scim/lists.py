"""Lists and searches: one page of users or groups, by query or (RFC 7644 §3.4.3) by a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from provisor.api.scim import cursors, requests, responses
from provisor.api.scim.handlers import Handlers
from provisor.scim.errors import NotFound, ScimError
from provisor.scim.messages import list_response, paging, search_request
from provisor.storage.pool import Row
from provisor.workspace import members, resources, search, tokens
from provisor.workspace.kinds import GROUPS, Kind
from provisor.workspace.kinds import kinds as every_kind
from provisor.workspace.search import Found, Question
from provisor.workspace.tokens import Arrival, Caller


class Lists(Handlers):
    """GET of a collection or of the root, and POST /.search."""

    async def page(self, *kinds: Kind) -> Response:
        """The page that the query asks for, of one kind or (at the root, where none is named) of every kind."""
        question, arrival, caller, found, inside = await self._asked(kinds)
        await self._used(arrival.workspace, caller)
        page = [self._shown(question, row, inside) for row in found.rows]
        start = self._paging.start if self._paging.cursor is None else None
        following = cursors.seal(self._box, question.place, self._paging, found.next) if found.next else None
        return responses.render(self._request, list_response(page, found.total, start, len(page), following))

    async def search(self, *kinds: Kind) -> Response:
        """POST /.search: what a query says, in a body that no log and no proxy keeps."""
        self._paging = paging(search_request(await requests.body(self._request)))
        return await self.page(*kinds)

    async def _asked(self, kinds: tuple[Kind, ...]) -> tuple[Question, Arrival, Caller, Found, Mapping[str, list[Row]]]:
        """Ask as an admin of the workspace that was there last; again when it is another, or who asks is no admin.

        Members of groups are a second statement, which sees the same moment.
        """
        name = self._address.workspace
        several = (GROUPS in kinds or not kinds) and self.wants_members
        async with self._database.snapshot() if several else self._database.reading() as tx:
            workspace, names_only = self._known.get(name), False
            if workspace is None:
                workspace = self._admitted(await tokens.arrive(tx, name, self._token))[0].workspace
            while True:
                try:
                    if any(kind not in every_kind(workspace) for kind in kinds):
                        raise NotFound("Endpoint not supported.")
                    question = Question(
                        workspace, kinds or every_kind(workspace), self._paging, self._address.base, names_only
                    )
                    position = cursors.open_(self._box, question.place, self._paging)
                    answer = await search.ask(tx, name, self._token, question, position)
                except ScimError:
                    # Who may not come in does not learn what there is; and there may be other attributes by now.
                    now = self._admitted(await tokens.arrive(tx, name, self._token))[0].workspace
                    if now == workspace:
                        raise
                    workspace = now
                    continue
                arrival, caller = self._admitted(answer[0] if answer else None)
                assert answer is not None
                if arrival.workspace == workspace and caller.admin is not names_only:
                    break
                workspace, names_only = arrival.workspace, not caller.admin
            self._known[name] = workspace
            inside: Mapping[str, list[Row]] = {}
            if several and caller.admin:
                groups = [row["id"] for row in answer[1].rows if row["kind"] == GROUPS.name]
                inside = await members.of_groups(tx, workspace, groups)
            return question, arrival, caller, answer[1], inside

    def _shown(self, question: Question, row: Row, inside: Mapping[str, list[Row]]) -> dict[str, Any]:
        kind = next(kind for kind in question.kinds if kind.name == row["kind"])
        item = resources.group(row, inside.get(row["id"])) if kind is GROUPS else resources.user(row)
        content = resources.represent(
            question.workspace, item, self._address.base, member_names=self.wants_member_names
        )
        if question.names_only:
            content = resources.only_names(content)
        return self._projected(kind.type_of(question.workspace), content)
