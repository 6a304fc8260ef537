"""A mapping document that came back from a client, with what clients lose on the way put back.

Graph's SDKs send a document without what was null and without flags (``flowTypes``, ``discoverabilities``), which they
read and cannot write; some add ``@odata.…``. So what is missing and was null is null again, a flag that is missing
stays as it was, and annotations go. All else that is missing was taken out on purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

_FLAGS: Final = frozenset({"flowTypes", "discoverabilities"})
#: Of the document itself what is not sent is not meant.
_WHOLE: Final = ("id", "version", "synchronizationRules", "directories")
#: By what the elements of lists are the same element.
_NAMES: Final = ("id", "name", "targetAttributeName", "key", "sourceOperandName", "referencedObjectName")
_EVERYTHING: Final = "Add,Update,Delete"


def restored(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` as it was meant by whoever had ``before``."""
    kept = {name: before[name] for name in _WHOLE if name in before and given.get(name) is None}
    found = _restored({**given, **kept}, before)
    assert isinstance(found, dict)
    for rule in _objects(found.get("synchronizationRules")):
        for mapping in _objects(rule.get("objectMappings")):
            if mapping.get("flowTypes") is None:
                mapping["flowTypes"] = _EVERYTHING
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _restored(given: Any, before: Any) -> Any:
    if isinstance(given, Mapping):
        known = before if isinstance(before, Mapping) else {}
        found = {
            name: _restored(value, known.get(name)) for name, value in given.items() if not name.startswith("@odata.")
        }
        for name, value in known.items():
            if (name not in found and value is None) or (name in _FLAGS and found.get(name) is None):
                found[name] = value
        if found.get("enabled", True) is None:
            found["enabled"] = known.get("enabled", True)
        return found
    if isinstance(given, list):
        known_items = _named(before) if isinstance(before, list) else {}
        return [_restored(item, known_items.get(name)) for name, item in _named(given).items()]
    return given


def _named(items: list[Any]) -> dict[Any, Any]:
    """Elements by their names, those of one name by their order."""
    seen: Counter[Any] = Counter()
    found = {}
    for item in items:
        name = tuple(str(item.get(part)) for part in _NAMES) if isinstance(item, Mapping) else ()
        seen[name] += 1
        found[(name, seen[name])] = item
    return found
