"""What a resource can be filtered and sorted by: a table from property names to fields, and which values suit them.

    USERS = Fields("user", {"userPrincipalName": Field("key", "u.upn_key"), "mail": Field("text", "u.doc ->> 'mail'")})

The table is all that SQL is made of: a name from a request is looked up in it, in any letter case, and what stands in
the request beside it is bound as an argument. ``conditions`` and ``matching`` read the same table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from provisor.api.graph import filters
from provisor.api.graph.filter_tree import Literally
from provisor.refusal import Invalid

#: ``text`` and ``exact`` are texts in any letter case, or as they are. ``key`` is a text that was brought into small
#: letters (``str.casefold``) when it was written: a column of its own, never null, empty for none; it has the index.
#: ``texts`` is a jsonb list of them.
Kind = Literal["text", "key", "exact", "boolean", "moment", "uuid", "number", "texts"]
TEXTS: Final = frozenset({"text", "key", "exact"})
_ORDERED: Final = TEXTS | {"moment", "number"}
_EXTENSION: Final = re.compile(r"extension_\w{1,200}", re.IGNORECASE | re.ASCII)
_NEEDS: Final = {
    "text": "a text in quotation marks",
    "key": "a text in quotation marks",
    "exact": "a text in quotation marks",
    "boolean": "true or false",
    "moment": "a date and time like 2020-01-31T12:00:00Z",
    "uuid": "a GUID",
    "number": "a whole number",
}


@dataclass(frozen=True, slots=True)
class Field:
    """``sql`` is null where there is no value; ``required`` says that there always is one."""

    kind: Kind
    sql: str = ""
    required: bool = False

    @property
    def nullable(self) -> bool:
        return not self.required and self.kind != "key"


@dataclass(frozen=True, slots=True)
class Found:
    """A field under its own name. ``document``: ``name`` is the sender's, a key in this jsonb expression."""

    name: str
    field: Field
    document: str = ""


#: The element of a list, inside ``any``.
ITEM: Final = Found("the element", Field("text", "e.item"))


@dataclass(frozen=True)
class Fields:
    """``of`` is what the resource is called in a sentence; ``identity`` the property that no two have in common.

    ``searched`` are the properties that a search without a name looks into. ``extensions`` is the jsonb expression in
    which ``extension_…`` properties stand, texts all of them; empty where the resource has none.
    """

    of: str
    table: Mapping[str, Field]
    identity: str = "id"
    searched: tuple[str, ...] = ("displayName",)
    extensions: str = ""
    _names: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", {name.lower(): name for name in self.table})

    def find(self, path: str, clause: str = "filter") -> Found:
        """The field that ``path`` names. Raises Invalid, naming the ``clause``."""
        name = self._names.get(path.lower())
        if name is not None:
            return Found(name, self.table[name])
        if self.extensions and _EXTENSION.fullmatch(path):
            return Found(path, Field("text"), self.extensions)
        raise Invalid(f"Invalid {clause} clause: a {self.of} has no property {path[:80]!r} to {_ASKED[clause]} by.")


_ASKED: Final = {"filter": "filter", "search": "search", "orderby": "sort"}


def reader(resource: Mapping[str, Any]) -> Callable[[str], Any]:
    """The values of ``resource`` by the names in a table: ``a/b`` is b in a."""

    def get(name: str) -> Any:
        value: Any = resource
        for step in name.split("/"):
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    return get


def suited(found: Found, operator: str, literal: Literally) -> Any:
    """``literal`` as the type of the field it is compared with; texts stay as they are. Raises Invalid."""
    kind, name = found.field.kind, found.name
    if kind == "texts":
        raise Invalid(f"Invalid filter clause: {name} has several values: ask {name}/any(c:c eq 'a').")
    if literal is None:
        if operator in ("eq", "ne"):
            return None
        raise Invalid(f"Invalid filter clause: {name} can be eq null or ne null, and nothing else of null.")
    if operator not in ("eq", "ne", "in") and kind not in _ORDERED:
        raise Invalid(f"Invalid filter clause: {name} has no order, so {operator} cannot be asked of it.")
    value = _SUITED[kind](literal)
    if value is None:
        shown = str(literal)[:40]
        raise Invalid(f"Invalid filter clause: {name} is compared with {_NEEDS[kind]}, not with {shown!r}.")
    return value


def textual(found: Found, clause: str = "filter") -> None:
    """Refuse, with Invalid, to look inside of what is no text."""
    if found.field.kind not in TEXTS:
        raise Invalid(f"Invalid {clause} clause: {found.name} is no text: nothing can be looked for inside of it.")


def listed(found: Found) -> None:
    """Refuse, with Invalid, to ask for elements of what has one value."""
    if found.field.kind != "texts":
        raise Invalid(f"Invalid filter clause: {found.name} has one value at most: ask without any().")


def _text(value: Any) -> str | None:
    # A guid needs no quotation marks, whatever holds it.
    return str(value) if isinstance(value, str | UUID) else None


def _uuid(value: Any) -> UUID | None:
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            return None
    return value if isinstance(value, UUID) else None


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        return filters.moment(value)
    return value if isinstance(value, datetime) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_SUITED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": _text,
    "key": _text,
    "exact": _text,
    "uuid": _uuid,
    "moment": _moment,
    "boolean": _boolean,
    "number": _number,
}


def comparable(kind: Kind, value: Any) -> Any:
    """A resource's value in the form in which values of its kind are compared and sorted; None when it has none."""
    found = _SUITED[kind](value)
    if kind == "key":
        return found.casefold() if found else None
    if kind == "text" and found is not None:
        return lowered(found)
    if isinstance(found, datetime) and found.tzinfo is None:
        raise ValueError("a moment without a zone")
    return found


def lowered(text: str) -> str:
    """Small letters one by one, as the database's ``lower`` has them: no letter becomes two, none looks around."""
    if text.isascii():
        return text.lower()
    return "".join("i" if char == "İ" else char.lower() if len(char.lower()) == 1 else char for char in text)
