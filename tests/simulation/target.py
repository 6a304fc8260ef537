"""A SCIM service in memory, behind a line that breaks: the Target of the simulated cycles.

The real client (``connectors.scim`` over ``connectors.http``) asks it, retries included; only the socket is missing.
What goes wrong is drawn from the run's random source, each kind switched on or off for the whole run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
import orjson

from provisor.connectors.base import Exchange
from provisor.connectors.bulk import Together
from provisor.connectors.governor import Governor
from provisor.connectors.http import Answer, Http
from provisor.connectors.scim import ScimTarget
from provisor.provisioning.capabilities import Bulk
from provisor.scim import dialects, patch
from provisor.scim.profiles import resource_types

BASE = "https://target.example/scim"
_ID = len("00000000-0000-0000-0000-000000000000")
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_KINDS = {"/Users": "User", "/Groups": "Group"}
_TYPES = resource_types("standard")
_FILTER = re.compile(r'([\w.]+) eq (".*")')


@dataclass(frozen=True, slots=True)
class Faults:
    """How often (0 to 1) each thing goes wrong with a request; ``lag``: seconds until a search finds what is new;
    ``page``: the most that one page shows."""

    busy: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    broken: float = 0.0
    ignored: float = 0.0
    claimed: float = 0.0
    truncated: float = 0.0
    shifting: float = 0.0
    lag: float = 0.0
    page: int = 100
    silent_cap: int = 0
    #: Members that come with a group are not put into it, or put into it and not shown.
    forgotten: bool = False
    hidden: bool = False
    #: Of the operations of a bulk request, those that its answer does not name.
    unsaid: float = 0.0


@dataclass(slots=True)
class Item:
    """An account or group. ``born`` in seconds; ``members`` are target ids."""

    id: str
    kind: str
    body: dict[str, Any]
    born: float
    members: set[str] = field(default_factory=set)

    #: The source id that it was given as its externalId, whatever it says now.
    owner: str | None = None

    def say(self, body: dict[str, Any]) -> None:
        self.body = body
        external = body.get("externalId")
        if external is not None and len(external) == _ID:
            self.owner = external

    @property
    def active(self) -> bool:
        return bool(self.body.get("active", True))

    @property
    def manager(self) -> str | None:
        """The target id of the account's manager."""
        found = self.body.get(ENTERPRISE, {}).get("manager")
        return found["value"] if isinstance(found, dict) else found

    def lead(self, manager: str) -> None:
        """An administrator gives it a manager."""
        self.body = {**self.body, ENTERPRISE: {**self.body.get(ENTERPRISE, {}), "manager": {"value": manager}}}


class Service:
    """The accounts and groups. ``faults`` count while there are any; ``away`` and ``refusing`` end by themselves.

    ``watch`` is called before each write with the item (None for a new one) and what it is to say.
    """

    def __init__(self, random: Random, watch: Callable[[str, Item | None, Mapping[str, Any]], None]) -> None:
        self.random = random
        self.faults = Faults()
        self.items: dict[str, Item] = {}
        self.away_until = self.refusing_until = 0.0
        self.writes = 0
        self._watch = watch
        self._numbers = 1000

    def add(self, kind: str, body: dict[str, Any], *, now: float = -1e9) -> Item:
        self._numbers += 1
        item = Item(str(self._numbers), kind, {}, now)
        item.say(body)
        self.items[item.id] = item
        return item

    def accounts(self) -> list[Item]:
        return [item for item in self.items.values() if item.kind == "User"]

    def groups(self) -> list[Item]:
        return [item for item in self.items.values() if item.kind == "Group"]

    def forget(self, item: Item) -> None:
        del self.items[item.id]
        for group in self.groups():
            group.members.discard(item.id)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any, now: float) -> tuple[int, Any]:
        """Status and body, as of ``now``."""
        if path == "/Bulk":
            return 200, self._bulk(body["Operations"], now)
        endpoint, _, identity = path.lstrip("/").partition("/")
        kind = _KINDS.get(f"/{endpoint}")
        if kind is None:
            return 404, _error(404, "no such endpoint")
        if method == "POST":
            return self._create(kind, body, now)
        if method == "GET" and not identity:
            return 200, self._list(kind, query, now)
        item = self.items.get(identity)
        if item is None or item.kind != kind:
            return 404, _error(404, f"{kind} {identity} not found")
        if method == "GET":
            return 200, self._shown(item, query)
        self.writes += 1
        if method == "DELETE":
            self._watch("DELETE", item, {})
            self.forget(item)
            return 204, None
        return self._patch(item, body)

    def _bulk(self, operations: list[Any], now: float) -> Any:
        answers = []
        for item in operations:
            status, said = self.answer(item["method"], item["path"], {}, item.get("data"), now)
            answer = {"method": item["method"], "bulkId": item["bulkId"], "status": str(status)}
            if status == 201:
                answer["location"] = f"{BASE}{item['path']}/{said['id']}"
            # What was created need not be said again.
            if said is not None and (status != 201 or self.random.random() < 0.5):
                answer["response"] = said
            if self.random.random() >= self.faults.unsaid:
                answers.append(answer)
        return {"schemas": [BULK], "Operations": answers}

    def _create(self, kind: str, body: dict[str, Any], now: float) -> tuple[int, Any]:
        name = "userName" if kind == "User" else "displayName"
        if any(str(other.body.get(name)).casefold() == body[name].casefold() for other in self._of(kind)):
            return 409, _error(409, f"{name} is taken")
        first = [] if self.faults.forgotten else [member["value"] for member in body.get("members", ())]
        if any(member not in self.items for member in first):
            return 404, _error(404, "no such member")
        self.writes += 1
        self._watch("POST", None, {**body, "+": first})
        item = self.add(kind, {key: value for key, value in body.items() if key not in ("schemas", "members")}, now=now)
        item.members |= set(first)
        return 201, self._shown(item, {"excludedAttributes": "members"} if self.faults.hidden else {})

    def _patch(self, item: Item, body: dict[str, Any]) -> tuple[int, Any]:
        moves = patch.member_changes(dialects.patch_operations(body))
        if any(member["value"] not in self.items for member in moves.add):
            return 404, _error(404, "no such member")
        after = item.body
        if moves.rest:
            after, _ = patch.apply(_TYPES[item.kind], {**item.body, "id": item.id}, moves.rest)
            after = {key: value for key, value in after.items() if key != "id"}
        name = "userName" if item.kind == "User" else "displayName"
        if any(
            other is not item and str(other.body.get(name)).casefold() == str(after.get(name)).casefold()
            for other in self._of(item.kind)
        ):
            return 409, _error(409, f"{name} is taken")
        self._watch("PATCH", item, {**after, "+": [m["value"] for m in moves.add], "-": moves.remove})
        if self.random.random() < self.faults.claimed:
            return 200, {**self._shown(item, {}), **after}
        if self.random.random() < self.faults.ignored:
            return (200, self._shown(item, {})) if item.kind == "User" else (204, None)
        item.say(after)
        item.members |= {member["value"] for member in moves.add}
        item.members -= set(moves.remove)
        return (200, self._shown(item, {})) if self.random.random() < 0.5 else (204, None)

    def _list(self, kind: str, query: Mapping[str, str], now: float) -> Any:
        found = [item for item in self._of(kind) if item.born + self.faults.lag <= now]
        if "filter" in query:
            matched = _FILTER.fullmatch(query["filter"])
            assert matched is not None, query
            name, wanted = matched[1], orjson.loads(matched[2])
            found = [item for item in found if str(self._named(item, name)).casefold() == str(wanted).casefold()]
        elif self.random.random() < self.faults.shifting:
            self.random.shuffle(found)
        total = len(found)
        if self.faults.silent_cap and "filter" not in query:
            found = found[: self.faults.silent_cap]
            total = len(found)
        start, count = int(query.get("startIndex", 1)), min(int(query.get("count", 100)), self.faults.page)
        shown = found[start - 1 : start - 1 + count]
        if "filter" not in query and len(shown) > 1 and self.random.random() < self.faults.truncated:
            shown = shown[: self.random.randrange(len(shown))]
        resources = [self._shown(item, query) for item in shown]
        return {"schemas": [LIST], "totalResults": total, "Resources": resources}

    def _named(self, item: Item, name: str) -> Any:
        return item.id if name == "id" else item.body.get(name)

    def _of(self, kind: str) -> list[Item]:
        return [item for item in self.items.values() if item.kind == kind]

    def _shown(self, item: Item, query: Mapping[str, str]) -> dict[str, Any]:
        shown = {**item.body, "id": item.id, "meta": {"resourceType": item.kind}}
        if item.kind == "Group" and query.get("excludedAttributes") != "members":
            shown["members"] = [{"value": member} for member in sorted(item.members)]
        return shown


class Line(Http):
    """HTTP without a socket. ``io`` is awaited before and after the service is reached; it raises when whoever asks is
    dead by then."""

    def __init__(self, service: Service, io: Callable[[str], Any]) -> None:
        super().__init__(BASE, "token", draw=service.random.random)
        self._service = service
        self._io = io

    async def _once(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None
    ) -> tuple[Answer, float | None]:
        service, faults = self._service, self._service.faults
        draw = service.random.random
        self.sent += 1
        exchange = Exchange(method, BASE + path)
        now = asyncio.get_running_loop().time()
        if now < service.away_until:
            await self._io("http")
            raise aiohttp.ClientOSError(111, "Connection refused")
        if draw() < faults.lost_before:
            await self._io("http")
            raise aiohttp.ServerDisconnectedError
        try:
            await self._io("http")
        except BaseException:
            # Whoever asked is not there any more; what was asked may arrive all the same.
            if draw() < 0.5 and now >= service.refusing_until:
                self._reach(method, path, query, body)
            raise
        if now < service.refusing_until:
            return Answer(401, {"detail": "token expired"}, exchange), None
        if draw() < faults.busy:
            wait = service.random.choice([None, 0.5, 2.0, 15.0, 120.0])
            return Answer(429, {"detail": "slow down"}, exchange), wait
        if draw() < faults.broken:
            if draw() < 0.5:
                self._reach(method, path, query, body)
            return Answer(service.random.choice([500, 502, 503, 504]), None, exchange, "broken"), None
        status, data = self._reach(method, path, query, body)
        await self._io("http")
        if draw() < faults.lost_after:
            raise aiohttp.ServerDisconnectedError
        return Answer(status, data, exchange), None

    def _reach(self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None) -> tuple[int, Any]:
        now = asyncio.get_running_loop().time()
        return self._service.answer(method, path, query or {}, orjson.loads(body) if body else None, now)


class Reached(ScimTarget):
    """The service, as the real client sees it."""

    def __init__(
        self, service: Service, io: Callable[[str], Any], *, read_only: bool = False, bulk: Bulk | None = None
    ) -> None:
        super().__init__(BASE, "token", read_only=read_only)
        self._http = Line(service, io)
        self._together = Together(self._http, bulk, Governor()) if bulk is not None else None


def _error(status: int, detail: str) -> dict[str, Any]:
    return {"status": str(status), "detail": detail}
