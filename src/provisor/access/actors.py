"""An actor: the person, token or part of Provisor in whose name something is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is what the audit log shows; ``owns`` are the applications this actor is an owner of."""

    id: str
    name: str
    roles: frozenset[str] = frozenset()
    owns: frozenset[UUID] = field(default=frozenset())


#: The engine's own bookkeeping (learned capabilities, quarantine), and the first start of an installation.
PROVISOR = Actor("provisor", "Provisor", frozenset({"Provisor"}))
