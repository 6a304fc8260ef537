"""What may be written into a user or group: known names, values of the right type, nothing that poisons a store.

Command line and CSV give text; ``parse`` turns it into the attribute's type. An empty text clears the attribute.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from provisor.provisioning.source_names import GROUP_ATTRIBUTES, USER_ATTRIBUTES
from provisor.refusal import Invalid

LONGEST: Final = 4096
_BOOLEANS: Final = {"true": True, "false": False}


def known(object_type: str) -> Mapping[str, str]:
    return USER_ATTRIBUTES if object_type == "User" else GROUP_ATTRIBUTES


def canonical(object_type: str, name: str) -> str:
    """The attribute's own spelling of ``name``. Raises Invalid with the nearest one."""
    names = {known_name.casefold(): known_name for known_name in known(object_type)}
    found = names.get(name.casefold())
    if found is None and name.startswith("extension_"):
        return name
    if found is None:
        near = difflib.get_close_matches(name.casefold(), names, 1)
        hint = f" Did you mean {names[near[0]]}?" if near else ""
        raise Invalid(f"{name!r} is no attribute of a {object_type.lower()}.{hint}")
    return found


def parse(object_type: str, name: str, value: Any) -> Any:
    """``value`` as the attribute's type; None when it is empty. Raises Invalid naming the attribute."""
    if value is None or value == "" or value == []:
        return None
    kind = known(object_type).get(name, "String")
    if kind.endswith("[]"):
        parts = value if isinstance(value, list) else str(value).split(";")
        return [text for part in parts if (text := _text(name, part))] or None
    if kind == "Boolean":
        if isinstance(value, bool):
            return value
        if str(value).casefold() not in _BOOLEANS:
            raise Invalid(f"{name} must be True or False, not {str(value)!r}.")
        return _BOOLEANS[str(value).casefold()]
    return _text(name, value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise Invalid(f"{name} must be text, not {type(value).__name__}.")
    text = str(value).strip()
    if len(text) > LONGEST:
        raise Invalid(f"{name} is longer than {LONGEST} characters.")
    if any(ord(char) < 32 and char not in "\t\n\r" for char in text) or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise Invalid(f"{name} contains a control character or half of a character.")
    return text
