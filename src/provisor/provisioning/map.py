"""What each target attribute should be, from the object's source attributes.

Direct, constant and expression mappings become values of the target's type; references (a manager, members) stay
source ids until the account they point at is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from provisor.expressions import ExpressionError, Flow, Inputs
from provisor.provisioning.schema import AttributeRule, ObjectRules
from provisor.provisioning.scope import SourceObject

_NOTHING: Final = Inputs(MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Desired:
    """``attributes``: target path to value (None where the source has none). ``problem``: why it must not be sent."""

    attributes: dict[str, Any]
    defaults: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None


#: Whether the target, or this plan, has a value at a path already.
Taken = Callable[[str, str], bool]


def desire(
    rules: ObjectRules,
    source: SourceObject,
    *,
    soft_deleted: bool,
    inputs: Inputs = _NOTHING,
    taken: Taken | None = None,
) -> Desired:
    """The desired target attributes of ``source``; ``soft_deleted`` is whether it is out of scope for this app.
    ``inputs`` has what mappings are evaluated with besides the object: the time, chance, the tenant's domain.
    ``taken`` is for somebody who is to get an account; without it, values that must be unique are left as they are.

    A mapping that fails is named and the rest is evaluated all the same: somebody who leaves is disabled, whatever is
    wrong with their job title.
    """
    offered = given(source, inputs, soft_deleted=soft_deleted)
    attributes: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    problem: str | None = None
    for rule in rules.values:
        name = rule.target.name
        asked = offered
        if rule.unique:
            if taken is None:
                continue
            asked = replace(offered, taken=partial(taken, name))
        try:
            value = rule.compiled.evaluate(asked) if rule.compiled else None
            if value is Flow.NO_ATTRIBUTE:
                continue
            if value is Flow.NO_OBJECT:
                raise ExpressionError("IgnoreObjectFlow leaves the whole object out.")
            attributes[name] = typed(rule, value)
            if attributes[name] is None and rule.default:
                defaults[name] = typed(rule, rule.default)
        except (ExpressionError, ValueError) as error:
            problem = problem or f"the mapping of {name} gives no usable value: {error}"
            continue
        if rule.target.required and not rule.target.anchor and attributes[name] is None and name not in defaults:
            problem = problem or f"{name} is required and has no value"
    matching = [rule.target.name for rule in rules.matching]
    if matching and all(attributes.get(name) is None for name in matching):
        problem = problem or f"no matching attribute has a value ({', '.join(matching)})"
    return Desired(attributes, defaults, problem)


def given(source: SourceObject, inputs: Inputs, *, soft_deleted: bool) -> Inputs:
    """What the mappings of one object are evaluated with."""
    attributes = {**source.attributes, "IsSoftDeleted": soft_deleted, "objectId": source.id}
    return Inputs(attributes, inputs.now, inputs.chance, inputs.taken, inputs.domain)


def typed(rule: AttributeRule, value: Any) -> Any:
    """``value`` as the target's type; empty is None. Raises ValueError with a sentence."""
    if isinstance(value, list):
        values = [item for item in (str(part) for part in value) if item]
        if rule.target.multi_valued:
            return values or None
        if len(values) > 1:
            raise ValueError("it has several values and the target takes one.")
        value = values[0] if values else None
    if value is None or value == "":
        return None
    if rule.target.type == "Boolean":
        return _boolean(value)
    if rule.target.type == "Integer":
        return int(str(value))
    return str(value)


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False}.get(str(value).lower())
    if known is None:
        raise ValueError(f"{value!r} is neither True nor False.")
    return known
