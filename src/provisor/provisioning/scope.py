"""Is this object in the application's scope, and if not, which rule says so.

Four things must hold, in this order: the object is active in the directory, it is assigned (unless the scope is
*all*), and it passes one of the scoping filters. Out of scope is a state with a reason, never an absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisor.provisioning.filters import passes
from provisor.provisioning.schema import ObjectRules


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One user or group as the directory has it now.

    ``attributes``: provisioning names to str, bool, list or None. ``assigned`` says how it is assigned to the
    application (``directly``, ``through the group Engineering``) or is None. ``members`` are source ids of a group's
    direct members, ``manager`` the source id of a user's manager.
    """

    id: str
    object_type: str
    name: str
    attributes: Mapping[str, Any]
    seq: int
    enabled: bool = True
    recycled: bool = False
    assigned: str | None = None
    manager: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    inside: bool
    reason: str


def evaluate(source: SourceObject, rules: ObjectRules, *, all_objects: bool) -> Scope:
    """The scope of ``source``; the reason is a clause that continues a sentence (``is assigned directly``). Raises
    Invalid when a scoping filter's pattern takes too long on it."""
    if source.recycled:
        return Scope(False, "is in the directory's recycle bin")
    if not source.enabled:
        return Scope(False, "is disabled in the directory (accountEnabled is False)")
    if source.assigned is None and not all_objects:
        return Scope(False, "is not assigned to the application")
    passed, why = passes(rules.filters, source.attributes)
    if not passed:
        return Scope(False, why)
    reason = f"is assigned {source.assigned}" if source.assigned else "is in scope: all users and groups"
    return Scope(True, f"{reason} and {why}" if why else reason)
