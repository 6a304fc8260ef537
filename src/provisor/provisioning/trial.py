"""Mappings tried on one object: what each reads, what it gives, what the account has, and what would be sent.

For an administrator at the bench and for cases in CI, where nothing is read from anywhere. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from provisor.expressions import ExpressionError, Flow, Inputs
from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.change import Known
from provisor.provisioning.diff import differences
from provisor.provisioning.map import desire, given, typed
from provisor.provisioning.schema import AttributeRule, ObjectRules, Rules
from provisor.provisioning.scope import SourceObject
from provisor.refusal import Invalid
from provisor.scim.targets import value_at

#: What is said of a mapping that points at other accounts, and of all when the target could not be asked.
REFERENCE: Final = "a reference: sent once the account it points at is known"
UNKNOWN: Final = "not known: the target could not be asked"


@dataclass(frozen=True, slots=True)
class Tried:
    """``result`` is what the expression gives, ``has`` what the account has; ``sent`` is a clause about both."""

    attribute: str
    expression: str
    reads: Mapping[str, Any]
    result: Any
    has: Any
    sent: str


def try_out(
    rules: ObjectRules,
    source: SourceObject,
    account: Mapping[str, Any] | None,
    known: Known | None,
    capabilities: Capabilities,
    *,
    soft_deleted: bool,
    inputs: Inputs,
) -> list[Tried]:
    """Every mapping with the object ``source``; ``account`` is what the target has of it, None for nothing."""
    taken = _nothing_is_taken if account is None else None
    desired = desire(rules, source, soft_deleted=soft_deleted, inputs=inputs, taken=taken)
    current = {name: value_at(account, name) for name in desired.attributes} if account else {}
    owned = known.last_applied if known else {}
    difference = differences(rules, desired, current, capabilities, owned=owned, kept={})
    offered = given(source, inputs, soft_deleted=soft_deleted)
    found = []
    for rule in rules.attributes:
        name = rule.target.name
        names = sorted(rule.compiled.attributes) if rule.compiled and not rule.reference else []
        reads = {item: offered.attributes.get(item) for item in names}
        result: Any = None
        if rule.reference:
            sent = REFERENCE
        elif rule.unique and account is not None:
            sent = "nothing: it was chosen when the account was made"
        else:
            try:
                result = desired.attributes.get(name, desired.defaults.get(name))
                if result is None:
                    result = _result(rule, offered)
                sent = _sent(rule, name, account, desired.attributes, difference.changes, difference.kept)
            except (ExpressionError, ValueError) as error:
                sent = f"nothing is sent for the object: {error}"
        found.append(Tried(name, rule.expression, reads, result, value_at(account, name) if account else None, sent))
    return found


def _nothing_is_taken(path: str, value: str) -> bool:
    return False


def _result(rule: AttributeRule, offered: Inputs) -> Any:
    if rule.unique:
        offered = replace(offered, taken=lambda value: False)
    value = rule.compiled.evaluate(offered) if rule.compiled else None
    return None if isinstance(value, Flow) else typed(rule, value)


def _sent(
    rule: AttributeRule,
    name: str,
    account: Mapping[str, Any] | None,
    wanted: Mapping[str, Any],
    changes: Mapping[str, tuple[Any, Any]],
    kept: Mapping[str, tuple[Any, Any]],
) -> str:
    if name not in wanted:
        return "left as it is"
    if account is None:
        return "with the new account" if wanted[name] is not None or rule.default else "nothing: no value"
    if name in changes:
        return "cleared" if changes[name][1] is None else "changed"
    if name in kept:
        return "kept: the target does not let it change"
    if rule.flow == "ObjectAddOnly":
        return "nothing: only during object creation"
    return "nothing: it is right" if wanted[name] is not None else "nothing: no value, and not Provisor's to clear"


@dataclass(frozen=True, slots=True)
class Judged:
    """One expected value of one case."""

    case: int
    attribute: str
    expected: Any
    found: Any

    @property
    def passed(self) -> bool:
        return bool(self.expected == self.found)


def judge(rules: Rules, cases: Any, inputs: Inputs) -> tuple[list[Judged], list[str]]:
    """What becomes of ``cases``, and which mappings none of them exercises (``User userName``).

    A case is an object with ``attributes`` and ``expected`` (target path to value, null for none), and may have
    ``objectType`` (User unless said) and ``softDeleted``. Raises Invalid naming the first case that is none.
    """
    if not isinstance(cases, Sequence) or isinstance(cases, str) or not cases:
        raise Invalid("Cases are a list of objects with attributes and expected.")
    found = [item for number, case in enumerate(cases, 1) for item in _case(rules, number, case, inputs)]
    exercised = {(case.get("objectType", "User"), name.casefold()) for case in cases for name in case["expected"]}
    missing = [
        f"{kind.object_type} {rule.target.name}"
        for kind in (rules.users, rules.groups)
        if kind.enabled
        for rule in kind.values
        if (kind.object_type, rule.target.name.casefold()) not in exercised
    ]
    return found, missing


def _case(rules: Rules, number: int, case: Any, inputs: Inputs) -> Iterator[Judged]:
    if not isinstance(case, Mapping) or not isinstance(case.get("attributes"), Mapping):
        raise Invalid(f"Case {number} is an object with attributes and expected.")
    expected, object_type = case.get("expected"), case.get("objectType", "User")
    if not isinstance(expected, Mapping) or object_type not in ("User", "Group"):
        raise Invalid(f"Case {number} needs expected (target attribute to value); objectType is User or Group.")
    source = SourceObject(str(case["attributes"].get("objectId") or number), object_type, "", case["attributes"], 0)
    kind = rules.of(object_type)
    offered = given(source, inputs, soft_deleted=case.get("softDeleted") is True)
    by_name = {rule.target.name.casefold(): rule for rule in kind.values}
    for name, wanted in expected.items():
        rule = by_name.get(str(name).casefold())
        if rule is None:
            raise Invalid(f"Case {number}: {name} is mapped by no mapping of a {object_type.lower()}.")
        yield Judged(number, name, wanted, _value(rule, offered))


def _value(rule: AttributeRule, offered: Inputs) -> Any:
    try:
        found = _result(rule, offered)
        return typed(rule, rule.default) if found is None and rule.default else found
    except (ExpressionError, ValueError) as error:
        return f"an error: {error}"
