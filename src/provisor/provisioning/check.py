"""What is wrong with mappings before anything runs: each with its place and what to do.

``schema.compile_schema`` refuses what cannot run at all. What can run and does not do what its author wants is found
here: accounts that would never be disabled, values that cannot fit, two mappings for one place. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from provisor.expressions import parse
from provisor.expressions.functions import FUNCTIONS
from provisor.expressions.tree import Attribute, Call, Constant
from provisor.provisioning.schema import OBJECT_TYPES, AttributeRule, ObjectRules, compile_schema, target_definitions
from provisor.provisioning.source_names import source_attributes

_CHANCE: Final = frozenset({"Guid", "RandomString"})
_CREATION: Final = "ObjectAddOnly"


@dataclass(frozen=True, slots=True)
class Finding:
    """``error``: a cycle would do harm or fail; else it is worth a look. ``attribute`` is the target's, or empty."""

    error: bool
    object_type: str
    attribute: str
    sentence: str


def check(document: Mapping[str, Any]) -> list[Finding]:
    """What is found in a synchronizationSchema document, errors first. Raises Invalid for one that cannot run."""
    rules = compile_schema(document)
    found = []
    for object_type in OBJECT_TYPES:
        kind = rules.of(object_type)
        if kind.enabled:
            found += [*_whole(kind, document), *(item for rule in kind.attributes for item in _one(kind, rule))]
    return sorted(found, key=lambda item: not item.error)


def _whole(kind: ObjectRules, document: Mapping[str, Any]) -> Iterator[Finding]:
    mapped = {rule.target.name.casefold(): rule for rule in kind.attributes}
    listed = {str(row["name"]).casefold(): row for row in target_definitions(document, kind.object_type)}
    if kind.object_type == "User" and not kind.closing:
        yield Finding(
            True,
            "User",
            "active",
            "nothing reads IsSoftDeleted, so nobody who leaves would ever be disabled: map "
            'Switch([IsSoftDeleted], , "False", "True", "True", "False") to active.',
        )
    for name, row in listed.items():
        if row.get("required") and not row.get("anchor") and name not in mapped:
            yield Finding(
                True,
                kind.object_type,
                row["name"],
                "is required and not mapped: no account could be created. Map it, or take Required from it.",
            )
    for rule in kind.attributes:
        if rule.target.name.casefold() not in listed:
            yield Finding(False, kind.object_type, rule.target.name, "is not on the attribute list: add it there.")
    yield from _clashes(kind)


def _clashes(kind: ObjectRules) -> Iterator[Finding]:
    seen: set[str] = set()
    for rule in kind.attributes:
        name = rule.target.name
        if name.casefold() in seen:
            yield Finding(True, kind.object_type, name, "is mapped twice: delete one of the two mappings.")
        seen.add(name.casefold())
        whole = name.partition("[")[0].rpartition(".")[0] if "[" not in name else name.partition("[")[0]
        if whole and any(other.target.name.casefold() == whole.casefold() for other in kind.attributes):
            yield Finding(
                True, kind.object_type, name, f"is a part of {whole}, which is mapped as a whole: map one or the other."
            )
    precedences = [rule.precedence for rule in kind.matching]
    for rule in kind.matching:
        if precedences.count(rule.precedence) > 1:
            yield Finding(
                False,
                kind.object_type,
                rule.target.name,
                f"has the matching precedence {rule.precedence} of another mapping: give each one of its own.",
            )


def _one(kind: ObjectRules, rule: AttributeRule) -> Iterator[Finding]:
    def finding(sentence: str, *, error: bool = False) -> Finding:
        return Finding(error, kind.object_type, rule.target.name, sentence)

    if rule.compiled is None or not rule.expression:
        return
    tree = parse(rule.expression)
    used = rule.compiled.functions
    if rule.precedence > 0 and not rule.compiled.attributes:
        yield finding("matches objects and is the same for everybody: match on what tells people apart.", error=True)
    if used & _CHANCE and rule.flow != _CREATION:
        yield finding("gets another value in every cycle: apply it only during object creation.", error=True)
    if rule.unique and rule.precedence > 0:
        yield finding(
            "is chosen for new accounts, so nobody could be found by it: match on something else.", error=True
        )
    if rule.redacted and rule.precedence > 0:
        yield finding("is kept out of logs, but sentences about matching name it: match on something else.")
    gives = "text"
    if isinstance(tree, Attribute):
        gives = source_attributes(kind.object_type).get(tree.name, "String")
    elif isinstance(tree, Call) and tree.name in FUNCTIONS:
        gives = FUNCTIONS[tree.name].returns
    if gives in ("String[]", "list") and not rule.target.multi_valued and not rule.reference:
        yield finding(
            "takes one value and can get several, which fails: take one with Item( ), join them with Join( ), or set "
            "Multi-value."
        )
    problem = _misfit(rule, tree, gives)
    if problem:
        yield finding(problem, error=True)


def _misfit(rule: AttributeRule, tree: Any, gives: str) -> str | None:
    """Why what comes out, which ``gives`` names, cannot be what the target takes; None when it can."""
    target = rule.target
    if target.type == "Boolean":
        if isinstance(tree, Constant) and tree.value.lower() not in ("true", "false"):
            return f'is a Boolean, and "{tree.value[:40]}" is neither True nor False.'
        if gives in ("String", "DateTime", "date", "number"):
            return f"is a Boolean, and gets a {gives}: say when it is True with Switch( ) or IIF( )."
    if target.type == "Integer" and isinstance(tree, Constant) and not tree.value.lstrip("-").isdecimal():
        return f'is an Integer, and "{tree.value[:40]}" is no whole number.'
    return None
