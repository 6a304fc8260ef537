"""The messages around resources: lists, queries and searches, what a server says about itself (RFC 7644 §3.4, §4).

The door reads a query with ``paging`` and renders with the others. Paging is lenient where clients are careless: a
count above the maximum is cut (Databricks' SDK asks for 10,000), a start below one is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from provisor.scim.errors import InvalidCount, InvalidSyntax, InvalidValue

SEARCH_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
LIST_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PROVIDER_CONFIG: Final = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
MOST_RESULTS: Final = 1000
DEFAULT_RESULTS: Final = 100
#: Of a bulk request, and the bytes of any body.
MOST_OPERATIONS: Final = 1000
MOST_BYTES: Final = 1_048_576
#: How long a cursor can be waited with.
CURSOR_SECONDS: Final = 3600
_WHOLE: Final = re.compile(r"\s*([+-]?\d{1,18})\s*", re.ASCII)
_ORDERS: Final = frozenset({"ascending", "descending"})

SortOrder = Literal["ascending", "descending"]


@dataclass(frozen=True, slots=True)
class Paging:
    """What a query asks for (RFC 7644 §3.4.2, RFC 9865 §2): ``start`` counts from 1, what was not asked for is None.

    ``cursor``: None for pages by index, empty for the first page by cursor.
    """

    start: int
    count: int
    filter: str | None
    attributes: list[str] | None
    excluded: list[str] | None
    sort_by: str | None
    sort_order: SortOrder
    cursor: str | None = None


def paging(query: Mapping[str, str], *, default: int = DEFAULT_RESULTS, maximum: int = MOST_RESULTS) -> Paging:
    """The parameters of ``query``, whose names may be in any case.

    Raises InvalidValue for a startIndex or count that is no whole number, for an unknown sortOrder, and for a cursor
    beside a startIndex; InvalidCount for a count that a page by cursor cannot have.
    """
    all_given = {name.lower(): value for name, value in query.items()}
    given = {name: value for name, value in all_given.items() if value.strip()}
    order = given.get("sortorder", "ascending").strip().lower()
    if order not in _ORDERS:
        raise InvalidValue(f"sortOrder is ascending or descending, not {order[:40]}.")
    cursor = all_given.get("cursor")
    if cursor is not None and "startindex" in given:
        raise InvalidValue("A query is paged by startIndex or by cursor, not by both.")
    count = _number(given, "count", default) if cursor is None else _cursor_count(given, default, maximum)
    return Paging(
        start=max(1, _number(given, "startIndex", 1)),
        count=max(0, min(maximum, count)),
        filter=given.get("filter"),
        attributes=_names(given.get("attributes")),
        excluded=_names(given.get("excludedattributes")),
        sort_by=given.get("sortby"),
        sort_order=cast(SortOrder, order),
        cursor=cursor.strip() if cursor is not None else None,
    )


def search_request(body: Mapping[str, Any]) -> dict[str, str]:
    """The parameters in a SearchRequest (RFC 7644 §3.4.3), as ``paging`` reads them. Raises InvalidSyntax."""
    schemas = body.get("schemas")
    if schemas is not None and schemas != [SEARCH_REQUEST]:
        raise InvalidSyntax(f"A search has schemas [{SEARCH_REQUEST}].")
    found = {}
    for name, value in body.items():
        if name == "schemas" or value is None:
            continue
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            found[name] = ",".join(value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            found[name] = str(value)
        else:
            raise InvalidSyntax(f"{name[:40]} of a search is a text, a number or a list of texts.")
    return found


def list_response(
    resources: Sequence[Mapping[str, Any]],
    total: int,
    start_index: int | None,
    items_per_page: int,
    next_cursor: str | None = None,
) -> dict[str, Any]:
    """A ListResponse (RFC 7644 §3.4.2). An empty page has an empty list: Databricks' SDK fails on null.

    Pages by cursor have no ``start_index``; the last one has no ``next_cursor``.
    """
    start = {"startIndex": start_index} if start_index is not None else {}
    more = {"nextCursor": next_cursor} if next_cursor is not None else {}
    return {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        **start,
        "itemsPerPage": items_per_page,
        **more,
        "Resources": list(resources),
    }


def service_provider_config(profile: str, base_url: str) -> dict[str, Any]:
    """What the server can do (RFC 7643 §5); ``base_url`` is the address that the endpoints stand under."""
    token = "a personal access token of an admin" if profile == "databricks" else "an access token of an admin"
    return {
        "schemas": [PROVIDER_CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": MOST_BYTES},
        "filter": {"supported": True, "maxResults": MOST_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_RESULTS,
            "maxPageSize": MOST_RESULTS,
            "cursorTimeout": CURSOR_SECONDS,
        },
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


def _cursor_count(given: Mapping[str, str], default: int, maximum: int) -> int:
    """The count of a page by cursor: what is above the maximum is refused, what is below 0 is 0 (RFC 9865 §2)."""
    text = given.get("count")
    if text is None:
        return default
    match = _WHOLE.fullmatch(text)
    if match is None or int(match[1]) > maximum:
        raise InvalidCount(f"count is a whole number up to {maximum}, not {text[:40]}.")
    return int(match[1])


def _names(text: str | None) -> list[str] | None:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return names or None
