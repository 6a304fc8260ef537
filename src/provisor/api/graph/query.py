"""The options of a query: the part of OData 4.01 that clients of Microsoft Graph send, from text to one value.

Names are read in any letter case, with and without ``$``, which may be written ``%24``. What begins with ``$`` and is
not known is refused, because the answer would not be what was asked for; everything else is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from provisor.api.graph import filters, searches
from provisor.api.graph.conditions import both
from provisor.api.graph.filter_tree import Filter
from provisor.refusal import Invalid, Refusal

LARGEST_PAGE: Final = 999
_MOST_NAMES: Final = 200
_MOST_SORTS: Final = 10
_MOST_EXPANDED: Final = 20
_MOST_OPTIONS: Final = 100
#: ``format`` can only be what it is anyway.
_KNOWN: Final = frozenset(
    {"filter", "select", "expand", "orderby", "top", "count", "search", "skiptoken", "deltatoken", "format"}
)
_WITHIN: Final = frozenset({"select", "levels", "top"})
_NAME: Final = re.compile(r"\*|[A-Za-z_][\w.]*(?:/[\w.$]+)*", re.ASCII)
_EXPANDED: Final = re.compile(r"([A-Za-z_*][\w./]*)\s*(?:\((.*)\))?", re.ASCII | re.DOTALL)


class Unsupported(Refusal):
    """Graph, or OData, knows it; it is not done here."""


@dataclass(frozen=True, slots=True)
class Sort:
    """One part of ``$orderby``."""

    path: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Expand:
    """One part of ``$expand``: a relationship, and what is shown of those it leads to. ``levels`` 0 is *max*."""

    name: str
    select: tuple[str, ...] = ()
    levels: int = 1
    top: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked. An empty ``select`` is the resource's own choice; ``top`` None likewise."""

    filter: Filter | None = None
    search: Filter | None = None
    select: tuple[str, ...] = ()
    expand: tuple[Expand, ...] = ()
    order: tuple[Sort, ...] = ()
    top: int | None = None
    count: bool = False
    skip_token: str | None = None
    delta_token: str | None = None

    @property
    def chosen(self) -> Filter | None:
        """The filter and the search together."""
        return both(self.filter, self.search)

    @property
    def counted(self) -> bool:
        """Whether the answer says how many there are: the first page does, if asked."""
        return self.count and self.skip_token is None

    def expanded(self, name: str) -> Expand | None:
        """How a relationship is to be expanded; None when it is not."""
        return next((item for item in self.expand if item.name.lower() == name.lower()), None)


def parse(text: str) -> Query:
    """The options in a query string. Raises Invalid, and Unsupported for an option that is not known here."""
    given: dict[str, str] = {}
    for name, value in _pairs(text):
        known = _option(name)
        if known is None:
            continue
        if known in given:
            raise Invalid(f"The query option ${known} is there twice.")
        given[known] = value.strip()
    return Query(
        filter=filters.parse(given["filter"]) if given.get("filter") else None,
        search=searches.parse(given["search"]) if given.get("search") else None,
        select=_names("$select", given.get("select", "")),
        expand=_expand(given.get("expand", "")),
        order=_order(given.get("orderby", "")),
        top=_top(given["top"]) if "top" in given else None,
        count=_count(given.get("count", "false")),
        skip_token=given.get("skiptoken") or None,
        # An empty one is that of a client that begins again.
        delta_token=given.get("deltatoken"),
    )


def following(text: str, token: str, option: str = "$skiptoken") -> str:
    """The query string of the next page: as it was, with another token (``$skiptoken`` or ``$deltatoken``)."""
    tokens = ("skiptoken", "deltatoken")
    kept = [(name, value) for name, value in _pairs(text) if name.lower().removeprefix("$") not in tokens]
    return urlencode([*kept, (option, token)], safe="$")


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_OPTIONS)
    except UnicodeDecodeError:
        raise Invalid("The query is not UTF-8 text.") from None
    except ValueError:
        raise Invalid(f"The query has more than {_MOST_OPTIONS} options.") from None


def _option(name: str) -> str | None:
    """The option's own name; None for what is none."""
    plain = name.strip().lower()
    if plain.removeprefix("$") in _KNOWN:
        return plain.removeprefix("$")
    if plain.startswith("$"):
        raise Unsupported(f"The query option {name.strip()[:40]} is not supported here.")
    return None


def _top(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) or not 1 <= int(value) <= LARGEST_PAGE:
        raise Invalid(
            f"Invalid page size specified: '{value[:40]}'. It must be between 1 and {LARGEST_PAGE}, both included."
        )
    return int(value)


def _count(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise Invalid(f"$count is true or false, not '{value[:40]}'.")
    return value.lower() == "true"


def _names(option: str, value: str) -> tuple[str, ...]:
    names = [name.strip() for name in value.split(",")] if value else []
    if len(names) > _MOST_NAMES:
        raise Invalid(f"{option} names more than {_MOST_NAMES} properties.")
    for name in names:
        if not _NAME.fullmatch(name):
            raise Invalid(f"{option} lists properties, parted by commas; '{name[:40]}' is none.")
    return tuple(dict.fromkeys(names))


def _order(value: str) -> tuple[Sort, ...]:
    parts = [part.split() for part in value.split(",")] if value else []
    if len(parts) > _MOST_SORTS:
        raise Invalid(f"Invalid orderby clause: it names more than {_MOST_SORTS} properties.")
    sorts = []
    for words in parts:
        direction = words[1].lower() if len(words) == 2 else "asc"
        if len(words) not in (1, 2) or not _NAME.fullmatch(words[0]) or direction not in ("asc", "desc"):
            raise Invalid(
                "Invalid orderby clause: a property, then asc or desc or nothing, was expected, not "
                f"'{' '.join(words)[:60]}'."
            )
        sorts.append(Sort(words[0], direction == "desc"))
    return tuple(sorts)


def _expand(value: str) -> tuple[Expand, ...]:
    found: dict[str, Expand] = {}
    for part in _split(value, ",") if value else ():
        matched = _EXPANDED.fullmatch(part.strip())
        if matched is None:
            raise Invalid(f"$expand lists relationships, as in members($select=id); '{part.strip()[:60]}' is none.")
        name = matched[1]
        if name.lower() in found:
            raise Invalid(f"$expand names {name[:40]} twice.")
        found[name.lower()] = _expanded(name, matched[2] or "")
    if len(found) > _MOST_EXPANDED:
        raise Invalid(f"$expand names more than {_MOST_EXPANDED} relationships.")
    return tuple(found.values())


def _expanded(name: str, inner: str) -> Expand:
    given: dict[str, str] = {}
    for option in _split(inner, ";") if inner.strip() else ():
        key, _, value = option.partition("=")
        plain = key.strip().lower().removeprefix("$")
        if plain not in _WITHIN:
            raise Unsupported(f"$expand={name[:40]} can have $select, $levels and $top, not {key.strip()[:40]}.")
        given[plain] = value.strip()
    levels = given.get("levels", "1").lower()
    if levels != "max" and not re.fullmatch(r"[1-9][0-9]{0,2}", levels, re.ASCII):
        raise Invalid(f"$levels is a number or max, not '{levels[:40]}'.")
    return Expand(
        name,
        _names("$select", given.get("select", "")),
        0 if levels == "max" else int(levels),
        _top(given["top"]) if "top" in given else None,
    )


def _split(text: str, mark: str) -> Iterator[str]:
    """The parts of ``text`` between marks that stand in no brackets. Raises Invalid for brackets that do not match."""
    depth, start = 0, 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth < 0:
            break
        if char == mark and depth == 0:
            yield text[start:place]
            start = place + 1
    if depth:
        raise Invalid("$expand has a bracket that has no other one.")
    yield text[start:]
