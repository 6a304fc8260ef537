"""The contracts of a provisioning cycle with the world.

A cycle reads from a :class:`Source` and writes to a :class:`Target`, and knows nothing else of either side; who is to
hear of it is told over a :class:`Channel`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from provisor.provisioning.scope import SourceObject
from provisor.scim.requests import Request

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SourceChange:
    """Object ``id`` changed last at ``seq``; type Application means: this application's configuration did."""

    id: str
    object_type: Literal["User", "Group", "Application"]
    seq: int


class Source(Protocol):
    """Where people and groups come from, seen by one application. Ids are opaque texts, numbers grow with commits."""

    async def head(self) -> int:
        """The highest number that any committed change has; later changes have higher ones."""

    async def changes(self, after: int, limit: int) -> list[SourceChange]:
        """Changes with a number above ``after``, lowest first; each object appears once, at its last change."""

    async def everything(self, after: str | None, limit: int) -> list[tuple[str, str]]:
        """(id, object type) of all objects by id, those after the id ``after``."""

    async def read(self, object_type: str, ids: Sequence[str]) -> dict[str, SourceObject]:
        """The objects as they are now; one that was deleted for good is not among them."""

    async def seqs(self, ids: Sequence[str]) -> dict[str, int]:
        """The number of the last change of each; of users and groups that were deleted for good there is none."""

    async def members(self, group_ids: Sequence[str]) -> dict[str, list[str]]:
        """Direct members of each group: source ids of users and groups that are not in the recycle bin."""

    async def groups_of(self, ids: Sequence[str]) -> list[str]:
        """The groups that any of these objects is a direct member of."""

    async def related(self, group_ids: Sequence[str]) -> list[tuple[str, str]]:
        """(id, object type) of others whom a change of these groups concerns, beside their direct members."""

    async def reports_of(self, ids: Sequence[str]) -> list[str]:
        """The users whose manager is one of these."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent and what came back, as an administrator may see it: without the token.

    ``answer``: the start of the body; ``status`` None when there was no answer.
    """

    method: str
    url: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


class Stopped(Exception):
    """Somebody said that nothing more is to be sent; what this was raised for was not."""


class TargetError(Exception):
    """The target did not do it. ``unclear``: it may have. ``reached``: there was an answer, with this ``status``.
    ``rest``: for so long (seconds) it wants to be left in peace.

    The message is a sentence without secrets; ``exchange`` is the request that it is about, when there was one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        unclear: bool = False,
        reached: bool = True,
        rest: float | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.unclear = unclear
        self.reached = reached
        self.rest = rest
        self.exchange = exchange

    @property
    def credentials(self) -> bool:
        """The target refuses whoever asks: nothing else will succeed either."""
        return self.status in (401, 403)

    @property
    def hopeless(self) -> bool:
        """Nothing else will succeed either: the target is not there, refuses whoever asks, or wants a rest."""
        return self.credentials or not self.reached or self.rest is not None


class NotScim(TargetError):
    """What answered is no SCIM service."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``total`` is what the target says there is in all."""

    resources: Sequence[Resource]
    total: int


class Target(Protocol):
    """Where accounts are written. Every method raises TargetError."""

    def before_each(self, check: Callable[[bool], Awaitable[None]]) -> None:
        """Do ``check`` before each request, and before it is sent again; what it raises keeps it from being sent. It is
        told whether the request may have been done already."""

    @property
    def requests(self) -> int:
        """How many requests were sent, retries included."""

    async def probe(self, object_type: str, path: str, value: str) -> None:
        """Ask for a user or group with a ``value`` at ``path`` that none has: proves address, token and rights."""

    async def page(self, object_type: str, start: int, count: int) -> Page:
        """Accounts or groups (without members) from the ``start``-th on, 1-based."""

    async def find(self, object_type: str, path: str, value: str) -> list[Resource]:
        """Those with ``value`` at ``path``."""

    async def get(self, object_type: str, target_id: str) -> Resource | None:
        """One by id; None when the target says that it is not there."""

    async def members(self, target_id: str) -> list[str] | None:
        """The target ids of a group's members; None when the target says that the group is not there."""

    async def send(self, request: Request) -> Resource | None:
        """Send a request that ``scim.requests`` made; returns the representation that came back, if any."""

    async def schemas(self) -> list[Resource]:
        """The Resources of the target's /Schemas; empty where it has none."""

    async def config(self) -> Resource | None:
        """The target's /ServiceProviderConfig; None where it has none."""

    async def me(self) -> Resource | None:
        """The account whose token is used, from the target's /Me; None where it has none."""

    async def close(self) -> None:
        """Give the connections back."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``id`` is never used again; ``kind``: quarantine or recovered; ``reason`` of the quarantine."""

    id: str
    tenant: str
    application: str
    name: str
    kind: str
    reason: str
    created: datetime

    @property
    def sentence(self) -> str:
        if self.kind == "recovered":
            return f"Provisioning of {self.name} goes through again. It was in quarantine: {self.reason}"
        return f"Provisioning of {self.name} is in quarantine: {self.reason}"


class Undelivered(Exception):
    """The sentence says why, without secrets."""


class Channel(Protocol):
    """A way to somebody, by its ``name``."""

    @property
    def name(self) -> str: ...

    async def tell(self, notice: Notice) -> None:
        """Deliver it. Raises Undelivered."""
