"""What of an account differs from what it should be.

The comparison is with what was last applied, or with the account as it was just read. Letter case counts only where
the attribute list says so. A value that the target does not allow to change is *kept*: named once, not sent for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.map import Desired
from provisor.provisioning.policies import Policies
from provisor.provisioning.schema import AttributeRule, ObjectRules


@dataclass(frozen=True, slots=True)
class Difference:
    """``changes``: path → (before, after), after None clears. ``kept``: path → (what stays, what was wanted)."""

    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def differences(
    rules: ObjectRules,
    desired: Desired,
    current: Mapping[str, Any],
    capabilities: Capabilities,
    *,
    owned: Mapping[str, Any],
    kept: Mapping[str, Any],
    clears: bool = True,
) -> Difference:
    """Compare ``desired`` with ``current`` (path → value).

    ``owned`` is what Provisor applied before: only such a value is cleared when the source has none any more, so an
    account that is merged keeps what others gave it; without ``clears`` nothing is. ``kept`` are wishes that the target
    refused before.
    """
    result = Difference()
    for rule in rules.values:
        name = rule.target.name
        if rule.flow == "ObjectAddOnly" or rule.unique or name not in desired.attributes:
            continue
        wanted, has = desired.attributes[name], current.get(name)
        if same(rule, wanted, has) or (name in kept and same(rule, wanted, kept[name])):
            continue
        if wanted is None and (not clears or owned.get(name) is None):
            continue
        if wanted is None and rule.precedence > 0:
            # Without its matching value the account could not be found again; it keeps the last one.
            continue
        if not capabilities.allows(rules.object_type, name):
            if wanted is not None:
                result.kept[name] = (has, wanted)
            continue
        result.changes[name] = (has, wanted)
    return result


def drifted(
    rules: ObjectRules, found: Difference, applied: Mapping[str, Any], policies: Policies
) -> tuple[Difference, dict[str, tuple[Any, Any]]]:
    """``found`` without what the target's own people changed, as the policies have it, and what of that is reported.

    Theirs is what the source still wants as it was applied. What is to be adopted is kept, like a value that the target
    does not let change: it is not sent until the source says something else.
    """
    rest, report = Difference({}, dict(found.kept)), {}
    by_name = {rule.target.name: rule for rule in rules.values}
    for name, (has, wanted) in found.changes.items():
        policy = policies.about(name)
        if policy == "overwrite" or not same(by_name[name], wanted, applied.get(name)):
            rest.changes[name] = (has, wanted)
        elif policy == "adopt":
            rest.kept[name] = (has, wanted)
        elif policy == "report":
            report[name] = (has, wanted)
    return rest, report


def same(rule: AttributeRule, left: Any, right: Any) -> bool:
    """Whether two values mean the same to the target."""
    if type(left) is type(right) and left == right:
        return True
    return bool(_comparable(rule, left) == _comparable(rule, right))


def _comparable(rule: AttributeRule, value: Any) -> Any:
    if value is None or value in ("", []):
        return None
    if isinstance(value, list):
        return sorted(str(_comparable(rule, item)) for item in value)
    if rule.target.type == "Boolean":
        return str(value).casefold()
    if rule.target.case_exact:
        return str(value)
    return str(value).casefold()
