"""Attributes in a form: only those that somebody changed are written, so that two who edit different ones both win.

Beside each field stands what it showed (``was:NAME``). Browsers end lines with CR LF; the directory does not.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from provisor.console.forms import Form

#: Attributes whose values may have several lines.
SEVERAL_LINES = frozenset({"streetAddress", "description"})


def changed(form: Form, known: Container[str]) -> dict[str, str]:
    """The attributes of the form (those that are ``known``) that differ from what they were."""
    return {
        name: text
        for name in form.fields
        if name in known and (text := _lines(form.text(name))) != _lines(form.text(f"was:{name}"))
    }


def editable(value: Any) -> bool:
    """Whether a field can hold the value: parts of a list are told apart by semicolons."""
    return not isinstance(value, list) or not any(";" in str(part) for part in value)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
