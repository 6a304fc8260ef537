"""Is this object in the application's scope, and if not, which rule says so.

Four things must hold, in this order: the object is active in the directory, it is assigned (unless the scope is
*all*), and it passes one of the scoping filters. Out of scope is a state with a reason, never an absence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import regex

from provisor.provisioning.schema import ObjectRules
from provisor.refusal import Invalid

#: A pattern is an administrator's text: it runs with a limit (seconds), the one exception to a core without a clock.
PATTERN_SECONDS = 0.05


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
    """The scope of ``source``; the reason is a clause that continues a sentence (``is assigned directly``)."""
    if source.recycled:
        return Scope(False, "is in the directory's recycle bin")
    if not source.enabled:
        return Scope(False, "is disabled in the directory (accountEnabled is False)")
    if source.assigned is None and not all_objects:
        return Scope(False, "is not assigned to the application")
    passed, failed = _filters(source, rules)
    if not passed:
        return Scope(False, failed)
    return Scope(True, f"is assigned {source.assigned}" if source.assigned else "is in scope: all users and groups")


def _filters(source: SourceObject, rules: ObjectRules) -> tuple[bool, str]:
    groups = (rules.scope or {}).get("groups") or ()
    failed = ""
    for group in groups:
        clause = next((row for row in group.get("clauses") or () if not _holds(row, source)), None)
        if clause is None:
            return True, ""
        name, operator = clause["sourceOperandName"], clause["operatorName"]
        values = " ".join((clause.get("targetOperand") or {}).get("values") or ())
        has = source.attributes.get(name)
        failed = f"fails {group.get('name') or 'the scoping filter'}: {name} {operator} {values} (it is {has!r})"
    return not groups, failed


def _holds(clause: Mapping[str, Any], source: SourceObject) -> bool:
    operator = _OPERATORS.get(str(clause["operatorName"]).upper().replace(" ", "").replace("_", ""))
    if operator is None:
        raise Invalid(f"The scoping filter's operator {clause['operatorName']} is not known.")
    value = source.attributes.get(clause["sourceOperandName"])
    wanted = [str(item) for item in (clause.get("targetOperand") or {}).get("values") or ()]
    return operator("" if value is None else str(value), wanted[0] if wanted else "")


def _matches(value: str, pattern: str) -> bool:
    try:
        return regex.search(pattern, value, timeout=PATTERN_SECONDS) is not None
    except (regex.error, TimeoutError) as error:
        raise Invalid(f"The scoping filter's pattern {pattern!r} cannot be used: {error}.") from None


def _whole(compare: Callable[[int, int], bool]) -> Callable[[str, str], bool]:
    def holds(value: str, wanted: str) -> bool:
        return value.isdigit() and wanted.isdigit() and compare(int(value), int(wanted))

    return holds


#: A null or empty value makes every clause false but IS NULL. Case-sensitive throughout, as documented.
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda value, wanted: value != "" and value == wanted,
    "NOTEQUALS": lambda value, wanted: value != "" and value != wanted,
    "ISNULL": lambda value, wanted: value == "",
    "ISNOTNULL": lambda value, wanted: value != "",
    "ISTRUE": lambda value, wanted: value == "True",
    "ISFALSE": lambda value, wanted: value == "False",
    "INCLUDES": lambda value, wanted: value != "" and wanted in value,
    "STARTSWITH": lambda value, wanted: value != "" and value.startswith(wanted),
    "ENDSWITH": lambda value, wanted: value != "" and value.endswith(wanted),
    "GREATERTHAN": _whole(lambda value, wanted: value > wanted),
    "GREATERTHANOREQUALS": _whole(lambda value, wanted: value >= wanted),
    "EQUALORGREATERTHAN": _whole(lambda value, wanted: value >= wanted),
    "REGEXMATCH": lambda value, wanted: value != "" and _matches(value, wanted),
    "MATCHESEXPRESSION": lambda value, wanted: value != "" and _matches(value, wanted),
    "NOTREGEXMATCH": lambda value, wanted: value != "" and not _matches(value, wanted),
    "NOTMATCHESEXPRESSION": lambda value, wanted: value != "" and not _matches(value, wanted),
}
