"""Templates: Jinja2, every value escaped, undefined names an error, no way to mark a text as safe but in a template."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from provisor.console import assets, fields, labels
from provisor.sync.records import pairs


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("provisor.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.globals.update(
        asset=assets.address,
        label=labels.LABELS,
        query=_query,
        editable=fields.editable,
        several_lines=fields.SEVERAL_LINES,
    )
    made.filters.update(moment=moment, between_tags=_between_tags, shown=shown, pairs=pairs, count=_count, ago=_ago)
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """The text of ``template`` (without its suffix)."""
    return _environment().get_template(f"{template}.html").render(values)


def moment(value: datetime | None) -> str:
    """A time as the page's script turns it into the viewer's zone; UTC without it."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if value else "–"


def shown(value: Any) -> str:
    """One value of an attribute as people read it."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "(none)"
    text = str(value)
    return text if text.strip() else f"“{text}”"


def _between_tags(text: str) -> Markup:
    """Escaped as far as a text between tags needs it: a document is half quotes, which take five bytes each in an
    attribute."""
    return Markup(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _count(number: int, one: str, several: str | None = None) -> str:
    """``1 user``, ``1,203 users``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _ago(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"


def _query(**values: Any) -> str:
    """``?q=…&after=…`` of the values that there are."""
    kept = {name: value for name, value in values.items() if value not in (None, "")}
    return "?" + urlencode(kept) if kept else ""
