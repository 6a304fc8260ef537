"""The messages around resources: lists, the parameters of a query, what a server says about itself (RFC 7644 §3.4, §4).

The door reads a query with ``paging`` and renders with the others. Paging is lenient where clients are careless: a
count above the maximum is cut (Databricks' SDK asks for 10,000), a start below one is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from provisor.scim.errors import InvalidValue

LIST_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PROVIDER_CONFIG: Final = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
MOST_RESULTS: Final = 1000
_WHOLE: Final = re.compile(r"\s*([+-]?\d{1,18})\s*", re.ASCII)
_ORDERS: Final = frozenset({"ascending", "descending"})

SortOrder = Literal["ascending", "descending"]


@dataclass(frozen=True, slots=True)
class Paging:
    """What a query asks for (RFC 7644 §3.4.2): ``start`` counts from 1, what was not asked for is None."""

    start: int
    count: int
    filter: str | None
    attributes: list[str] | None
    excluded: list[str] | None
    sort_by: str | None
    sort_order: SortOrder


def paging(query: Mapping[str, str], *, default: int = 100, maximum: int = MOST_RESULTS) -> Paging:
    """The parameters of ``query``, whose names may be in any case.

    Raises InvalidValue for a startIndex or count that is no whole number and for an unknown sortOrder.
    """
    given = {name.lower(): value for name, value in query.items() if value.strip()}
    order = given.get("sortorder", "ascending").strip().lower()
    if order not in _ORDERS:
        raise InvalidValue(f"sortOrder is ascending or descending, not {order[:40]}.")
    return Paging(
        start=max(1, _number(given, "startIndex", 1)),
        count=max(0, min(maximum, _number(given, "count", default))),
        filter=given.get("filter"),
        attributes=_names(given.get("attributes")),
        excluded=_names(given.get("excludedattributes")),
        sort_by=given.get("sortby"),
        sort_order=cast(SortOrder, order),
    )


def list_response(
    resources: Sequence[Mapping[str, Any]], total: int, start_index: int, items_per_page: int
) -> dict[str, Any]:
    """A ListResponse (RFC 7644 §3.4.2). An empty page has an empty list: Databricks' SDK fails on null."""
    return {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "startIndex": start_index,
        "itemsPerPage": items_per_page,
        "Resources": list(resources),
    }


def service_provider_config(profile: str, base_url: str) -> dict[str, Any]:
    """What the server can do (RFC 7643 §5); ``base_url`` is the address that the endpoints stand under."""
    token = "a personal access token of an admin" if profile == "databricks" else "an access token of an admin"
    return {
        "schemas": [PROVIDER_CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": f"The header Authorization: Bearer with {token}.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base_url}/ServiceProviderConfig"},
    }


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name.lower())
    if text is None:
        return default
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise InvalidValue(f"{name} is a whole number, not {text[:40]}.")
    return int(match[1])


def _names(text: str | None) -> list[str] | None:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return names or None
