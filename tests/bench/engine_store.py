"""Users and groups in memory, answered as bytes: what a SCIM 2.0 service says, with as little work as can be.

A resource is kept as the bytes that came, with its id in front. An id is made from the name, so requests that were
recorded can be sent again in any order and find the ids that they name. Members of a group are kept beside it. Filters
are answered from an index; whatever else is asked, and every PATCH that is not about members, goes the long way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from provisor.scim import dialects, patch
from provisor.scim.profiles import resource_types

Reply = tuple[int, bytes]

ENDPOINTS: Final = {"Users": "User", "Groups": "Group"}
INDEXED: Final = {"Users": ("userName", "externalId", "displayName"), "Groups": ("displayName", "externalId")}
MOST_ON_A_PAGE: Final = 100
_FILTER: Final = re.compile(r'(\w+) eq ("(?:[^"\\]|\\.)*")', re.IGNORECASE)
_MEMBER: Final = re.compile(r'members\[value eq "([^"]*)"\]')
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_BULK: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:"


def error(status: int, detail: str, **more: str) -> Reply:
    return status, orjson.dumps({"schemas": [_ERROR], "status": str(status), "detail": detail, **more})


def identity(endpoint: str, name: str) -> str:
    """The id of whoever has this name, in the shape of a UUID."""
    made = hashlib.blake2b(f"{endpoint}/{name.casefold()}".encode(), digest_size=16).hexdigest()
    return f"{made[:8]}-{made[8:12]}-{made[12:16]}-{made[16:20]}-{made[20:]}"


class Kind:
    """The resources of one endpoint. ``order`` is that of a list, with the ids of those who are gone."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.bodies: dict[str, bytes] = {}
        self.members: dict[str, dict[str, None]] = {}
        self._index: dict[str, dict[str, dict[str, None]]] = {name: {} for name in INDEXED[endpoint]}
        self._order: list[str] = []

    def put(self, key: str, value: Mapping[str, Any], raw: bytes) -> bytes:
        """Keep a new resource, or another state of one; ``raw`` are its bytes without an id."""
        if key in self.bodies:
            self._forget(key)
        else:
            self._order.append(key)
        for name, found in self._index.items():
            if (text := value.get(name)) is not None:
                found.setdefault(str(text).casefold(), {})[key] = None
        body = b'{"id":"%s",%s' % (key.encode(), raw.lstrip()[1:])
        self.bodies[key] = body
        return body

    def drop(self, key: str) -> None:
        self._forget(key)
        del self.bodies[key]
        self.members.pop(key, None)
        self._order.remove(key)

    def _forget(self, key: str) -> None:
        old = orjson.loads(self.bodies[key])
        for name, found in self._index.items():
            found.get(str(old.get(name)).casefold(), {}).pop(key, None)

    def shown(self, key: str, members: bool) -> bytes:
        """A resource, a group with its members when they are asked for."""
        body = self.bodies[key]
        inside = self.members.get(key) if members else None
        if not inside:
            return body
        return body[:-1] + b',"members":' + orjson.dumps([{"value": member} for member in inside]) + b"}"

    def listed(self, query: Mapping[str, list[str]], members: bool) -> Reply:
        keys = self._order
        if "filter" in query:
            match = _FILTER.fullmatch(query["filter"][0].strip())
            found = next((rows for name, rows in self._index.items() if match and _same(name, match[1])), None)
            if match is None or found is None:
                return error(400, "This filter is not understood.", scimType="invalidFilter")
            keys = list(found.get(str(orjson.loads(match[2])).casefold(), ()))
        start = max(1, int(query.get("startIndex", ["1"])[0]))
        count = min(MOST_ON_A_PAGE, max(0, int(query.get("count", [str(MOST_ON_A_PAGE)])[0])))
        page = [self.shown(key, members) for key in keys[start - 1 : start - 1 + count]]
        head = b'{"schemas":["%s"],"totalResults":%d,"startIndex":%d,"itemsPerPage":%d,"Resources":['
        said = head % (_LIST.encode(), len(keys), start, len(page))
        return 200, said + b",".join(page) + b"]}"


class Store:
    """Everything that the service has. ``bulk``: whether /Bulk is there; ``most``: members that one request may name
    (0: as many as it likes)."""

    def __init__(self) -> None:
        self.bulk, self.most = False, 0
        self.kinds: dict[str, Kind] = {}
        self.clear()

    def clear(self) -> None:
        self.kinds = {endpoint: Kind(endpoint) for endpoint in ENDPOINTS}

    def answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """``path`` follows the service's address: ``/Users``, ``/Groups/ID``."""
        place = path.split("/")
        kind = self.kinds.get(place[1])
        if kind is None:
            return self._about(method, place[1], body)
        if len(place) == 2:
            if method == "POST":
                return self._create(kind, body)
            asked = parse_qs(query)
            return kind.listed(asked, _members(asked)) if method == "GET" else error(405, "Not here.")
        key = place[2]
        if key not in kind.bodies:
            return error(404, f"There is no {kind.endpoint} {key}.")
        if method == "GET":
            return 200, kind.shown(key, _members(parse_qs(query)))
        if method == "DELETE":
            kind.drop(key)
            return 204, b""
        return self._patch(kind, key, body) if method == "PATCH" else self._replace(kind, key, body)

    def _create(self, kind: Kind, body: bytes) -> Reply:
        value = orjson.loads(body)
        name = value.get("userName" if kind.endpoint == "Users" else "displayName")
        if not name:
            return error(400, "A name is missing.", scimType="invalidValue")
        key = identity(kind.endpoint, name)
        if key in kind.bodies:
            return error(409, f"{name} is there already.", scimType="uniqueness")
        if self.most and len(value.get("members", ())) > self.most:
            return error(400, f"One request may name {self.most} members.", scimType="tooMany")
        self._keep(kind, key, value, body)
        return 201, kind.shown(key, members=True)

    def _replace(self, kind: Kind, key: str, body: bytes) -> Reply:
        return 200, self._keep(kind, key, orjson.loads(body), body)

    def _keep(self, kind: Kind, key: str, value: dict[str, Any], raw: bytes) -> bytes:
        members = value.pop("members", None)
        if members is not None or value.pop("id", None) is not None:
            raw = orjson.dumps(value)
        if members is not None:
            kind.members[key] = {item["value"]: None for item in members}
        return kind.put(key, value, raw)

    def _patch(self, kind: Kind, key: str, body: bytes) -> Reply:
        said = orjson.loads(body)
        operations = said.get("Operations") or []
        if kind.endpoint == "Groups" and all(str(item.get("path", "")).startswith("members") for item in operations):
            return self._patch_members(kind, key, operations)
        before = orjson.loads(kind.bodies[key])
        kind_of = resource_types("standard")[ENDPOINTS[kind.endpoint]]
        after, _ = patch.apply(kind_of, before, dialects.patch_operations(said))
        after.pop("id", None)
        return 200, kind.put(key, after, orjson.dumps(after))

    def _patch_members(self, kind: Kind, key: str, operations: list[dict[str, Any]]) -> Reply:
        inside = kind.members.setdefault(key, {})
        named = sum(len(item["value"]) if "value" in item else 1 for item in operations)
        if self.most and named > self.most:
            return error(400, f"One request may name {self.most} members.", scimType="tooMany")
        for item in operations:
            action, filtered = item["op"].lower(), _MEMBER.fullmatch(item["path"])
            ids = [filtered[1]] if filtered else [member["value"] for member in item.get("value") or ()]
            if action == "replace" or (action == "remove" and not ids):
                inside.clear()
            if action == "remove":
                for member in ids:
                    inside.pop(member, None)
            else:
                inside.update(dict.fromkeys(ids))
        return 204, b""

    def _about(self, method: str, name: str, body: bytes) -> Reply:
        if name == "ServiceProviderConfig":
            no, bulk = {"supported": False}, {"supported": self.bulk, "maxOperations": 1000, "maxPayloadSize": 1 << 24}
            said = {"patch": {"supported": True}, "bulk": bulk, "filter": {"supported": True, "maxResults": 100}}
            return 200, orjson.dumps({**said, "changePassword": no, "sort": no, "etag": no})
        if name in ("Schemas", "ResourceTypes"):
            known = [{"id": _SCHEMA + kind, "name": kind, "endpoint": f"/{kind}s"} for kind in ENDPOINTS.values()]
            return 200, orjson.dumps({"schemas": [_LIST], "totalResults": len(known), "Resources": known})
        if name == "Bulk" and method == "POST" and self.bulk:
            return self._do_bulk(body)
        return error(404, f"There is no {name} here.")

    def _do_bulk(self, body: bytes) -> Reply:
        made: dict[bytes, bytes] = {}
        answers = []
        for item in orjson.loads(body)["Operations"]:
            data = orjson.dumps(item.get("data") or {})
            path = item["path"].encode()
            for name, key in made.items():
                data, path = data.replace(b"bulkId:" + name, key), path.replace(b"bulkId:" + name, key)
            status, said = self.answer(item["method"], path.decode(), "", data)
            answer = {"method": item["method"], "status": str(status)}
            if "bulkId" in item:
                answer["bulkId"] = item["bulkId"]
            if status == 201:
                key = orjson.loads(said)["id"]
                made[item.get("bulkId", "").encode()] = key.encode()
                answer["location"] = f"{item['path']}/{key}"
            if status in (200, 201) or status >= 300:
                answer["response"] = orjson.Fragment(said)
            answers.append(answer)
        return 200, orjson.dumps({"schemas": [_BULK], "Operations": answers})


def _same(name: str, other: str) -> bool:
    return name.casefold() == other.casefold()


def _members(query: Mapping[str, list[str]]) -> bool:
    return "members" not in query.get("excludedAttributes", ())
