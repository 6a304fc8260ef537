"""What a PATCH does to the members of a group, set apart from the rest of it.

A group of 100,000 members is never loaded: ``workspace`` keeps memberships in a table of their own and needs only the
ids that come and go. Operations count in their order, so of two that contradict each other the later one wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from provisor.scim import dialects
from provisor.scim import path as paths
from provisor.scim.dialects import Operation
from provisor.scim.errors import InvalidPath, InvalidValue
from provisor.scim.filter_tree import Comparison, Filter, Or
from provisor.scim.profiles import GROUP, resource_types
from provisor.scim.values import coerce

_GROUPS: Final = resource_types("standard")["Group"]
_PATH: Final = re.compile(rf"(?:{re.escape(GROUP)}:)?members(?=$|\s|\[|\.)", re.IGNORECASE)
_MEMBERS: Final = "members"
_ATTRIBUTE: Final = next(item for item in _GROUPS.schema.attributes if item.name == _MEMBERS)


@dataclass(slots=True)
class MemberChanges:
    """First the whole new list (``replace``) or none at all (``clear``), then ``add`` and ``remove``.

    No id is in both of them. ``rest`` are the operations that concern something else.
    """

    add: list[dict[str, Any]] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    replace: list[dict[str, Any]] | None = None
    clear: bool = False
    rest: list[Operation] = field(default_factory=list)


def member_changes(operations: Iterable[Operation]) -> MemberChanges:
    """The effect of ``operations`` on members, and the operations on everything else.

    Raises InvalidValue for a member without an id, InvalidPath for a path that chooses members otherwise than by it.
    """
    sum_ = _Sum()
    rest: list[Operation] = []
    for operation in operations:
        if operation.path is not None:
            if _PATH.match(operation.path):
                sum_.take(operation)
            else:
                rest.append(operation)
            continue
        if operation.op == "remove" or not isinstance(operation.value, dict):
            rest.append(operation)
            continue
        others = {name: value for name, value in operation.value.items() if name.lower() != _MEMBERS}
        for name, value in operation.value.items():
            if name.lower() == _MEMBERS:
                sum_.take(Operation(operation.op, _MEMBERS, value))
        if others or not operation.value:
            rest.append(Operation(operation.op, None, others, operation.has_value, operation.strict))
    replace = None if sum_.whole is None else list(sum_.whole.values())
    return MemberChanges(list(sum_.add.values()), list(sum_.remove), replace, sum_.clear, rest)


class _Sum:
    """The members by id, as far as the operations so far tell."""

    def __init__(self) -> None:
        self.add: dict[str, dict[str, Any]] = {}
        self.remove: dict[str, None] = {}
        self.whole: dict[str, dict[str, Any]] | None = None
        self.clear = False

    def take(self, operation: Operation) -> None:
        path = paths.parse(operation.path or _MEMBERS, _GROUPS)
        if path.filter is not None or path.sub is not None:
            if operation.op != "remove" or path.sub is not None or path.filter is None:
                raise InvalidPath(f"{path.where} cannot be set: add and remove members by their value.")
            self._drop(_ids(path.filter))
        elif operation.op == "remove" and operation.value is not None:
            self._drop(member["value"] for member in _members(operation.value))
        elif operation.op == "add":
            for member in _members(operation.value):
                self.remove.pop(member["value"], None)
                self.add[member["value"]] = member
        else:
            self._replace(_members(operation.value) if operation.op == "replace" else [])

    def _drop(self, identities: Iterable[str]) -> None:
        for identity in identities:
            self.add.pop(identity, None)
            if self.whole is not None:
                self.whole.pop(identity, None)
            elif not self.clear:
                self.remove[identity] = None

    def _replace(self, members: list[dict[str, Any]]) -> None:
        self.add.clear()
        self.remove.clear()
        self.whole = {member["value"]: member for member in members} if members else None
        self.clear = not members


def _members(value: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = coerce(_ATTRIBUTE, value, _MEMBERS) or []
    named = all("value" in map(str.lower, item) for item in dialects.listed(value) if isinstance(item, dict))
    if not named or not all(member.get("value") for member in found):
        raise InvalidValue("Every member needs a value: the id of a user or group.")
    return found


def _ids(tree: Filter) -> Iterator[str]:
    """The ids that a filter in brackets names, one or several joined by ``or``."""
    for item in tree.filters if isinstance(tree, Or) else (tree,):
        if (
            not isinstance(item, Comparison)
            or item.operator != "eq"
            or item.attribute.attribute.name != "value"
            or not isinstance(item.value, str)
        ):
            raise InvalidPath('Members are chosen by their id only: members[value eq "…"].')
        yield item.value
