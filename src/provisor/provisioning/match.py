"""Which account at the target is this object's: questions as data, answers as values.

``questions`` says what to look for, in order of precedence; whoever can reach the target answers each with the
resources found; ``pick`` stops at the first that finds anything. Two candidates are nobody's: the object is refused
and both are named. Nothing is ever inferred from an answer that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisor.provisioning.map import Desired
from provisor.provisioning.schema import ObjectRules


@dataclass(frozen=True, slots=True)
class Question:
    """Who at the target has ``value`` at ``path``?"""

    path: str
    value: str
    precedence: int
    case_exact: bool


@dataclass(frozen=True, slots=True)
class Match:
    """``resource`` of the one account found and the question that found it; ``problem`` when it must not be used."""

    resource: Mapping[str, Any] | None = None
    question: Question | None = None
    problem: str | None = None


def questions(rules: ObjectRules, desired: Desired) -> tuple[Question, ...]:
    """The questions of one object; a matching attribute without a value asks nothing."""
    return tuple(
        Question(rule.target.name, str(value), rule.precedence, rule.target.case_exact)
        for rule in rules.matching
        if (value := desired.attributes.get(rule.target.name)) is not None
    )


def pick(asked: Sequence[Question], answers: Mapping[Question, Sequence[Mapping[str, Any]]]) -> Match:
    """The first answer with candidates decides. Every question up to it must have an answer."""
    for question in asked:
        found = answers[question]
        if len(found) > 1:
            named = " and ".join(str(resource.get("id")) for resource in found[:2])
            return Match(problem=f"several accounts have {question.path} {question.value!r}: {named}")
        if found:
            return Match(found[0], question)
    return Match()
