"""One call: who asks for what, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from provisor.access.actors import Actor
from provisor.access.roles import require
from provisor.api.graph.house import House
from provisor.api.graph.query import Query
from provisor.directory.edit import Edit, Tenant, edit
from provisor.refusal import Invalid, NotFound
from provisor.storage.pool import Database

_BIND: Final = "@odata.bind"


async def _alone(*_: object) -> Answer:
    raise Invalid("This call does no other.")


@dataclass(frozen=True, slots=True)
class Call:
    """``base`` is the absolute address of the version that was asked (``https://…/v1.0``) and ``path`` continues it,
    ``keys`` are the parts of the path that stand for something, ``asked`` is the query string and ``query`` what it
    says, ``body`` the JSON object that came, if any. ``headers`` have small letters. ``perform`` does another call of
    whoever asks (method, path, query string, headers, body) and gives its answer, be it an error."""

    house: House
    tenant: Tenant
    actor: Actor
    method: str
    base: str
    path: str
    keys: tuple[str, ...]
    asked: str = ""
    query: Query = field(default_factory=Query)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    perform: Callable[..., Awaitable[Answer]] = _alone

    @property
    def database(self) -> Database:
        return self.house.database

    def require(self, action: str, application: UUID | None = None) -> None:
        require(self.actor, action, application)

    def edit(self) -> AbstractAsyncContextManager[Edit]:
        return edit(self.database, self.tenant, self.actor)

    @property
    def given(self) -> dict[str, Any]:
        """The body without what only annotates it. Raises Invalid."""
        if self.body is None:
            raise Invalid("The request has no body: a JSON object is needed.")
        return {name: value for name, value in self.body.items() if "@odata." not in name or name.endswith(_BIND)}

    @property
    def given_ref(self) -> Any:
        """The address in a body that refers to something."""
        return (self.body or {}).get("@odata.id")

    def context(self, what: str) -> str:
        return f"{self.base}/$metadata#{what}"


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` None: nothing but the status; ``text``: a body that is no JSON."""

    status: int = 200
    body: Mapping[str, Any] | None = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


DONE: Final = Answer(204)


def identity(text: str, what: str) -> UUID:
    """The id in a path or body. Raises NotFound, as for one that nobody has."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {what} {text!r}.") from None


def referred(value: Any, place: str) -> str:
    """The id at the end of an address (``@odata.id``, ``…@odata.bind``), whatever host it names. Raises Invalid."""
    text = value.rstrip("/") if isinstance(value, str) else ""
    last = text.rpartition("/")[2]
    if last.endswith("')"):
        last = last.partition("('")[2].removesuffix("')")
    if not last:
        raise Invalid(f"{place} must be the address of a directory object, which ends with its id.")
    return last
