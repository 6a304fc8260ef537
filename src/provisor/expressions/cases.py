"""Expressions with what they must give: cases for a table of examples, or for somebody's own mappings in CI.

A case has ``expression``, ``attributes`` and ``expected`` (a text, a list of texts, or null for nothing), and may have
``now`` (an ISO 8601 moment), ``taken`` (values that the target has), ``expected_pattern`` (a regular expression, for
what chance makes) and ``expected_by_rules``, which wins over ``expected``. What is ``<unsupported…>``, or was found
to be unclear by whoever wrote the case, is counted and not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import regex

from provisor.expressions.errors import ExpressionError
from provisor.expressions.evaluate import compile_expression
from provisor.expressions.values import Chance, Flow, Inputs, text

_DROPPED = "<attribute dropped from flow>"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``passed``: None for a case that is not judged. ``found`` and ``wanted`` are as they are shown."""

    passed: bool | None
    found: Any
    wanted: Any


def judge(case: Any, chance: Chance) -> Outcome:
    """What becomes of one case. Raises ExpressionError for one that is none."""
    if not isinstance(case, Mapping) or not isinstance(case.get("expression"), str):
        raise ExpressionError("A case is an object with an expression, attributes and expected.")
    attributes, taken = case.get("attributes") or {}, case.get("taken") or []
    if not isinstance(attributes, Mapping) or not isinstance(taken, list):
        raise ExpressionError("The attributes of a case are an object, what is taken is a list.")
    wanted = case.get("expected_by_rules", case.get("expected"))
    if (isinstance(wanted, str) and wanted.startswith("<unsupported")) or case.get("trust") == "doc-unclear":
        return Outcome(None, None, wanted)
    inputs = Inputs(attributes, _moment(case.get("now")), chance, set(map(str, taken)).__contains__)
    try:
        found = shown(compile_expression(case["expression"]).evaluate(inputs))
    except ExpressionError as error:
        return Outcome(False, f"an error: {error}", wanted)
    pattern = case.get("expected_pattern")
    if pattern is not None:
        return Outcome(bool(regex.search(str(pattern), str(found), timeout=1.0)), found, pattern)
    wanted = None if wanted == _DROPPED else wanted
    return Outcome(found == wanted, found, wanted)


def shown(value: Any) -> str | list[str] | None:
    """A value as cases have it: a list, a text, or null for nothing."""
    if value is None or isinstance(value, Flow):
        return None
    return [text(item) for item in value] if isinstance(value, list) else text(value)


def _moment(given: Any) -> datetime | None:
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(str(given))
    except ValueError:
        raise ExpressionError(f'now is a moment like 2026-11-25T08:00:00Z, not "{str(given)[:40]}".') from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
