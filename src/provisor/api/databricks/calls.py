"""One call: its arguments, by query or as JSON, and the transaction in which it is done."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from starlette.requests import Request

from provisor.api import arrivals
from provisor.api.arrivals import Address
from provisor.api.scim import requests
from provisor.refusal import Forbidden, NotFound
from provisor.storage.pool import Database
from provisor.workspace.edit import Edit
from provisor.workspace.refusals import Unfit
from provisor.workspace.tokens import Caller

T = TypeVar("T")
_WHOLE: Final = re.compile(r"-?[0-9]{1,12}")
_MOST_SECONDS: Final = 36_500 * 86_400


@dataclass(slots=True)
class Call:
    """``identity`` is what stands in the path for an id; ``given`` are the arguments, once they were read."""

    database: Database
    request: Request
    address: Address
    identity: str
    given: Mapping[str, Any]

    @classmethod
    async def read(cls, database: Database, request: Request, address: Address, identity: str) -> Call:
        """The documentation gives the arguments of GET as a query or as a body; others have a body, or none."""
        given: dict[str, Any] = dict(request.query_params)
        length = request.headers.get("content-length")
        if request.headers.get("transfer-encoding") is not None or (length is not None and length != "0"):
            given |= await requests.body(request)
        return cls(database, request, address, identity, given)

    async def done(self, action: Callable[[Edit, Caller], Awaitable[T]]) -> T:
        """Do ``action`` for whoever has a token of this workspace. Raises NotFound in one that is no Databricks
        workspace."""

        async def here(work: Edit, caller: Caller) -> T:
            if not work.workspace.databricks:
                raise NotFound("Endpoint not supported.")
            return await action(work, caller)

        name = self.address.workspace
        workspace, caller, result = await arrivals.done(self.database, self.request, name, here)
        await arrivals.used(self.database, workspace, caller)
        return result

    async def done_as_admin(self, action: Callable[[Edit], Awaitable[T]]) -> T:
        """As ``done``, for admins. Raises Forbidden."""

        async def as_admin(work: Edit, caller: Caller) -> T:
            if not caller.admin:
                raise Forbidden(f"{self.request.url.path.partition('/api')[2]} is only accessible by admins.")
            return await action(work)

        return await self.done(as_admin)

    def text(self, name: str, *, required: bool = False) -> str | None:
        """An argument that is a text. Raises Unfit."""
        value = self.given.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None or value == "":
            if required:
                raise Unfit(f"{name} is required.")
            return None
        if not isinstance(value, str):
            raise Unfit(f"{name} is a text.")
        return value

    def needed(self, name: str) -> str:
        """A text that must be there. Raises Unfit."""
        return str(self.text(name, required=True))

    def seconds(self, name: str) -> float | None:
        """A duration in seconds; None when there is none, or (as the command line says *never*) -1. Raises Unfit."""
        value = self.given.get(name)
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if value is None or value == -1:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST_SECONDS:
            raise Unfit(
                f"{name} is a number of seconds above 0, {_MOST_SECONDS} at most; without it a token has no end."
            )
        return float(value)
