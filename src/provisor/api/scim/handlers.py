"""What every handler of a SCIM request needs: the parameters, who comes in, and how much is shown."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from provisor.access.secrets import SecretBox
from provisor.api.scim import requests
from provisor.api.scim.requests import Address
from provisor.scim.errors import NotFound
from provisor.scim.messages import Paging, paging
from provisor.scim.resource import project
from provisor.storage.pool import AWAY, Database
from provisor.workspace import tokens
from provisor.workspace.edit import Workspace
from provisor.workspace.search import wanted
from provisor.workspace.tokens import Arrival, Caller

_NOTHING_ASKED: Final = paging({})


class NotAdmitted(Exception):
    """The request's credential is missing or refused in ``workspace``."""

    def __init__(self, workspace: Workspace, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.workspace, self.reason, self.sent = workspace, reason, sent


@dataclass(frozen=True, slots=True)
class Call:
    """One request at one address; ``identity`` is the resource's id where the address has one.

    ``known`` remembers workspaces by the names they are asked for under: a belief that each answer is checked against.
    """

    database: Database
    box: SecretBox
    known: dict[str | None, Workspace]
    request: Request
    address: Address
    identity: str = ""


class Handlers:
    """What the handlers of one call share."""

    def __init__(self, call: Call) -> None:
        self._database = call.database
        self._box = call.box
        self._known = call.known
        self._request = call.request
        self._address = call.address
        self._identity = call.identity
        self._token = requests.token(call.request)
        asked = call.request.scope["query_string"]
        self._paging: Paging = paging(dict(call.request.query_params)) if asked else _NOTHING_ASKED

    @property
    def wants_members(self) -> bool:
        """Whether the answer shows a group's members."""
        return self._wants("members")

    @property
    def wants_member_names(self) -> bool:
        """Whether the names of members are asked for, which are returned on request only."""
        return any(name.lower().endswith("members.display") for name in self._paging.attributes or ())

    def _wants(self, attribute: str) -> bool:
        return wanted(attribute, self._paging.attributes, self._paging.excluded)

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

    def _projected(self, kind: Any, content: dict[str, Any]) -> dict[str, Any]:
        if self._paging.attributes is None and self._paging.excluded is None:
            return content
        return project(kind, content, self._paging.attributes, self._paging.excluded)
