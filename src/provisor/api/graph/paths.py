"""Addresses as Graph's clients write them, brought into one form.

    users('ada@contoso.com')/microsoft.graph.delta()/   →   users, ada@contoso.com, delta
    servicePrincipals(appId='…')                         →   servicePrincipals, appId=…
    groups/ID/members/graph.user                         →   groups, ID, members, graph.user

Names are compared in any case; keys are kept as they come.
"""

from __future__ import annotations

import re
from typing import Final

_KEYED: Final = re.compile(r"(?P<name>[A-Za-z]+)\((?P<key>[^()]*)\)")
_NAMED: Final = re.compile(r"(?P<name>[A-Za-z]+)='(?P<value>(?:[^']|'')*)'")
_CAST: Final = frozenset({"user", "group", "serviceprincipal", "directoryobject"})
_SPACE: Final = "microsoft.graph."


def segments(path: str) -> list[str]:
    """The parts of a path that follows the version."""
    found: list[str] = []
    for part in path.split("/"):
        if part:
            found += _parts(part)
    return found


def _parts(part: str) -> list[str]:
    keyed = _KEYED.fullmatch(part.removeprefix(_SPACE))
    if keyed is None:
        return [_cast(part)]
    name, key = keyed["name"], keyed["key"].strip()
    if not key:
        return [name]
    if named := _NAMED.fullmatch(key):
        return [name, f"{named['name']}={_text(named['value'])}"]
    return [name, _text(key[1:-1]) if key[0] == key[-1] == "'" and len(key) > 1 else key]


def _cast(part: str) -> str:
    """``microsoft.graph.user`` and ``graph.user`` are one word; a function's long name is its short one."""
    lower = part.lower()
    for start in (_SPACE, "graph."):
        if lower.startswith(start):
            rest = part[len(start) :]
            return f"graph.{rest.lower()}" if rest.lower() in _CAST else rest
    return part


def _text(quoted: str) -> str:
    return quoted.replace("''", "'")
