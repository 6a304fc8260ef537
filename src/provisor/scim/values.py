"""One value, made what its attribute's schema says (RFC 7643 §2.3–2.5), or refused in a sentence that names it.

``resource`` and ``patch`` bring every value from outside through ``coerce``; what comes out has canonical names, real
booleans, no nulls, no unknown or read-only sub-attributes, no value twice. New containers are made, none is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from provisor.scim import dialects
from provisor.scim.elements import distinct
from provisor.scim.errors import InvalidValue
from provisor.scim.schema import Attribute

#: Values of one attribute; members of a group, which stand in a table of their own, are not counted.
MOST_ELEMENTS: Final = 1000
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-\s]*={0,2}\s*")


def coerce(attribute: Attribute, value: Any, where: str) -> Any:
    """``value`` as ``attribute`` holds it; None when it is unassigned (null, an empty list, an empty object).

    ``where`` is what the attribute is called in the sentence. Raises InvalidValue.
    """
    if value is None:
        return None
    if not attribute.multi_valued:
        return element(attribute, dialects.single(value), where)
    given = dialects.listed(value)
    if len(given) > MOST_ELEMENTS and attribute.name != "members":
        raise InvalidValue(f"{where} can have {MOST_ELEMENTS} values, not {len(given)}.")
    items = [element(attribute, item, where) for item in given]
    found = distinct(attribute, [item for item in items if item is not None])
    if sum(1 for item in found if isinstance(item, dict) and item.get("primary") is True) > 1:
        raise InvalidValue(f"{where} can have one primary value, not several.")
    return found or None


def element(attribute: Attribute, value: Any, where: str) -> Any:
    """One value of ``attribute``, be it multi-valued or not."""
    if value is None:
        return None
    if attribute.type == "complex":
        return _complex(attribute, value, where)
    found = _SIMPLE[attribute.type](dialects.plain(value), where)
    if attribute.required and found == "":
        raise InvalidValue(f"{where} is required and cannot be empty.")
    return found


def moment(text: str) -> datetime:
    """A dateTime (RFC 7643 §2.3.5), in UTC where it names no zone. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _complex(attribute: Attribute, value: Any, where: str) -> dict[str, Any] | None:
    given = dialects.wrapped(value) if attribute.sub("value") else value
    if not isinstance(given, dict):
        raise InvalidValue(f"{where} needs an object, not {_kind(value)}.")
    found: dict[str, Any] = {}
    for name, item in given.items():
        sub = attribute.sub(name)
        if sub is None or sub.mutability == "readOnly":
            continue
        part = coerce(sub, item, f"{where}.{sub.name}")
        if part is not None:
            found[sub.name] = part
    return found or None


def _string(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    # Ids are numbers to some scripts.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidValue(f"{where} needs a text, not {_kind(value)}.")


def _boolean(value: Any, where: str) -> bool:
    found = dialects.boolean(value)
    if found is None:
        raise InvalidValue(f"{where} needs true or false, not {_kind(value)}.")
    return found


def _integer(value: Any, where: str) -> int:
    found = dialects.number(value)
    if isinstance(found, int):
        return found
    raise InvalidValue(f"{where} needs a whole number, not {_kind(value)}.")


def _decimal(value: Any, where: str) -> int | float:
    found = dialects.number(value)
    if found is not None:
        return found
    raise InvalidValue(f"{where} needs a number, not {_kind(value)}.")


def _date_time(value: Any, where: str) -> str:
    text = _string(value, where)
    try:
        moment(text)
    except ValueError:
        raise InvalidValue(f"{where} needs a date and time like 2020-01-31T12:00:00Z.") from None
    return text


def _binary(value: Any, where: str) -> str:
    text = _string(value, where)
    if not _BASE64.fullmatch(text):
        raise InvalidValue(f"{where} needs bytes in base64.")
    return text


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:40]}"'
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else str(value)


_SIMPLE: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "string": _string,
    "reference": _string,
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "dateTime": _date_time,
    "binary": _binary,
}
