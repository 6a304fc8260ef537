"""An actor: the person, token, client or part of Provisor in whose name something is done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is what the audit log shows; ``owns`` are the applications this actor is an owner of.

    ``address`` is where the actor is, ``request`` the id of what is asked now.
    """

    id: str
    name: str
    roles: frozenset[str] = frozenset()
    owns: frozenset[UUID] = field(default=frozenset())
    address: str = ""
    request: str = ""

    def via(self, address: str, request: str = "") -> Actor:
        """The same actor, in one request."""
        return replace(self, address=address, request=request)


#: The engine's own bookkeeping (learned capabilities, quarantine), and the first start of an installation.
PROVISOR = Actor("provisor", "Provisor", frozenset({"Provisor"}))
