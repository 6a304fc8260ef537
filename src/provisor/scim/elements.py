"""Editing the list of a multi-valued attribute: which elements are the same, adding, removing, the one primary.

Two elements are the same when their ``value`` is and their ``type`` does not say otherwise (RFC 7643 §2.4); without a
``value`` (addresses) only equal ones are. Lists are looked up by value, so long ones stay cheap. New lists are made,
elements that stay are shared.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from provisor.scim.schema import Attribute


def distinct(attribute: Attribute, items: Sequence[Any]) -> list[Any]:
    """``items`` without those that are the same as an earlier one."""
    return added(attribute, (), items, merge=False)


def added(attribute: Attribute, present: Iterable[Any], items: Iterable[Any], *, merge: bool = True) -> list[Any]:
    """``present`` and ``items``; an item that is there already completes the one that is (with ``merge``)."""
    result: list[Any] = []
    places = _Places(attribute)
    for item in present:
        places.put(item, len(result))
        result.append(item)
    first_new = len(result)
    for item in items:
        place = places.find(item)
        if place is None:
            places.put(item, len(result))
            result.append(item)
        elif merge and isinstance(item, dict):
            result[place] = {**result[place], **item}
    if merge and first_new:
        return one_primary(result, [item for item in items if isinstance(item, dict) and item.get("primary") is True])
    return result


def without(attribute: Attribute, present: Sequence[Any], items: Iterable[Any]) -> list[Any]:
    """``present`` without the elements that are the same as one of ``items``."""
    unwanted = _Places(attribute)
    for item in items:
        unwanted.put(item, 0)
    return [item for item in present if unwanted.find(item) is None]


class _Places:
    """Where elements stand in a list, found without looking at the others: by value, then by type."""

    def __init__(self, attribute: Attribute) -> None:
        self._attribute = attribute
        self._places: dict[Hashable, dict[str | None, int]] = {}

    def put(self, item: Any, place: int) -> None:
        self._places.setdefault(_key(self._attribute, item), {}).setdefault(_type(item), place)

    def find(self, item: Any) -> int | None:
        """The place of an element that is the same as ``item``."""
        by_type = self._places.get(_key(self._attribute, item))
        if by_type is None:
            return None
        kind = _type(item)
        if kind is None:
            return next(iter(by_type.values()))
        return by_type.get(kind, by_type.get(None))


def one_primary(items: list[Any], chosen: Sequence[Any]) -> list[Any]:
    """``items`` where no element is primary beside those of ``chosen`` (RFC 7644 §3.5.2)."""
    if not chosen:
        return items
    kept = next((item for item in reversed(items) if item.get("primary") and _covers(item, chosen[-1])), None)
    return [
        {**item, "primary": False} if item is not kept and isinstance(item, dict) and item.get("primary") else item
        for item in items
    ]


def equal(attribute: Attribute, left: Any, right: Any) -> bool:
    """Whether two values of ``attribute`` mean the same: letter case where it counts, the order of elements never."""
    return bool(normal(attribute, left) == normal(attribute, right))


def normal(attribute: Attribute, value: Any) -> Any:
    """A value in the one form that equal ones share."""
    if isinstance(value, list):
        return frozenset(normal(attribute, item) for item in value)
    if isinstance(value, dict):
        # An element that says it is not primary says nothing.
        parts = {name: part for name, part in value.items() if not (name == "primary" and part is False)}
        return frozenset((name, normal(attribute.sub(name) or attribute, part)) for name, part in parts.items())
    if isinstance(value, str) and not attribute.case_exact:
        return value.casefold()
    return value


def _key(attribute: Attribute, item: Any) -> Hashable:
    if isinstance(item, dict) and "value" in item:
        value: Hashable = normal(attribute.sub("value") or attribute, item["value"])
        return value
    whole: Hashable = normal(attribute, item)
    return whole


def _type(item: Any) -> str | None:
    """What tells elements of one value apart; None fits every type."""
    if not isinstance(item, dict) or "value" not in item:
        return None
    kind = item.get("type")
    return kind.casefold() if isinstance(kind, str) else None


def _covers(item: dict[str, Any], chosen: dict[str, Any]) -> bool:
    return all(item.get(name) == part for name, part in chosen.items())
