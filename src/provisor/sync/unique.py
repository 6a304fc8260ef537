"""Values that the target must not have yet: ``SelectUniqueValue`` for somebody who is to get an account.

An expression cannot wait for an answer. It is evaluated as if what is not known were free; the target is asked about
each value that was tried so, and the expression is evaluated again until nothing is unknown. What this plan has given
to somebody else is taken too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from provisor.connectors.base import Target
from provisor.provisioning.map import Desired, Taken
from provisor.provisioning.schema import ObjectRules

#: Evaluations of one object's mappings before it is given up: as many as an expression has values to choose from.
ROUNDS: Final = 20


@dataclass(slots=True)
class Unique:
    """What one plan knows of values that must be unique, by object type and target path."""

    target: Target
    _given: dict[tuple[str, str, str], str] = field(default_factory=dict)

    async def choose(self, rules: ObjectRules, source_id: str, desire: Callable[[Taken], Desired]) -> Desired:
        """``desire`` with every unique value chosen for ``source_id``. Raises TargetError when the target cannot be
        asked."""
        answers: dict[tuple[str, str], bool] = {}

        def taken(path: str, value: str) -> bool:
            holder = self._given.get((rules.object_type, path, value.casefold()))
            return (holder is not None and holder != source_id) or answers.setdefault((path, value), False)

        asked: set[tuple[str, str]] = set()
        for _ in range(ROUNDS):
            desired = desire(taken)
            unknown = answers.keys() - asked
            if not unknown:
                break
            for path, value in sorted(unknown):
                answers[path, value] = bool(await self.target.find(rules.object_type, path, value))
            asked |= unknown
        for rule in rules.values:
            chosen = desired.attributes.get(rule.target.name)
            if rule.unique and chosen is not None:
                self._given[rules.object_type, rule.target.name, str(chosen).casefold()] = source_id
        return desired
