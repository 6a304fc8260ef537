"""What every handler of a SCIM request needs: the parameters, who comes in, and how much is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from provisor.access.secrets import SecretBox
from provisor.api import arrivals
from provisor.api.arrivals import Address
from provisor.scim.messages import Paging, paging
from provisor.scim.resource import project
from provisor.storage.pool import Database
from provisor.workspace.edit import Workspace
from provisor.workspace.search import wanted
from provisor.workspace.tokens import Arrival, Caller

_NOTHING_ASKED: Final = paging({})


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
        self._token = arrivals.token(call.request)
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
        return arrivals.admitted(arrival, self._address.workspace, sent=self._token is not None)

    async def _used(self, workspace: Workspace, caller: Caller) -> None:
        await arrivals.used(self._database, workspace, caller)

    def _projected(self, kind: Any, content: dict[str, Any]) -> dict[str, Any]:
        if self._paging.attributes is None and self._paging.excluded is None:
            return content
        return project(kind, content, self._paging.attributes, self._paging.excluded)
