"""``$select``: the properties of a resource that were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def selection(select: Iterable[str]) -> frozenset[str] | None:
    """The names that are selected, in small letters, with ``id`` and what OData says (the empty name); None: all."""
    wanted = {name.lower().partition("/")[0] for name in select}
    return frozenset(wanted | {"id", ""}) if wanted and "*" not in wanted else None


def project(resource: Mapping[str, Any], select: Iterable[str]) -> dict[str, Any]:
    """``resource`` with ``id``, what OData says about it (``@…``), and the selected properties; all without any or with
    ``*``.

    Names are read in any letter case; those that it has not are passed over. ``a/b`` selects all of a, as Graph does.
    """
    wanted = selection(select)
    if wanted is None:
        return dict(resource)
    return {name: value for name, value in resource.items() if name.lower().partition("@")[0] in wanted}
