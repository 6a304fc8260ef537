"""A target that speaks SCIM 2.0 (RFC 7644): implements the Target contract of ``base`` over ``http``.

An answer counts only when it is what SCIM says it should be: a list must be a ListResponse, a filter must be honoured
(some servers ignore what they do not know and answer with everybody), a resource must have an id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson

from provisor.connectors.base import NotScim, Page, Resource, TargetError
from provisor.connectors.bulk import Together, alone
from provisor.connectors.governor import Governor
from provisor.connectors.http import READS, WRITES, Answer, Http
from provisor.provisioning.capabilities import Bulk
from provisor.scim.requests import ENDPOINTS, Request
from provisor.scim.resource import value_at
from provisor.scim.wires import LEAN, Wire

_NO_MEMBERS: Final = {"excludedAttributes": "members"}


class ScimTarget:
    """``base`` is the tenant URL; ``read_only`` keeps everything but GET from being sent; ``wire`` says how queries are
    spelled; ``bulk``: writes go together."""

    def __init__(
        self,
        base: str,
        token: str,
        *,
        read_only: bool = False,
        governor: Governor | None = None,
        wire: Wire = LEAN,
        bulk: Bulk | None = None,
    ) -> None:
        governor = governor or Governor()
        self._http = Http(
            base,
            token,
            methods=READS if read_only else WRITES,
            governor=governor,
            encode=wire.encode,
            anonymous=wire.anonymous,
        )
        self._together = Together(self._http, bulk, governor) if bulk is not None else None

    def before_each(self, check: Callable[[bool], Awaitable[None]]) -> None:
        self._http.check = check

    @property
    def requests(self) -> int:
        return self._http.sent

    async def probe(self, object_type: str, path: str, value: str) -> None:
        found = await self._list(object_type, {"filter": _equal(path, value)})
        if found.total or found.resources:
            raise TargetError(f"The target does not filter: it found somebody with an impossible {path}.", status=200)

    async def page(self, object_type: str, start: int, count: int) -> Page:
        return await self._list(object_type, {"startIndex": str(start), "count": str(count)})

    async def find(self, object_type: str, path: str, value: str) -> list[Resource]:
        found = await self._list(object_type, {"filter": _equal(path, value)})
        wanted = value.casefold()
        matching = [item for item in found.resources if str(value_at(item, path) or "").casefold() == wanted]
        if len(matching) != len(found.resources):
            raise TargetError(f"The target does not filter on {path}: it answered with other accounts too.", status=200)
        return matching

    async def get(self, object_type: str, target_id: str) -> Resource | None:
        query = _NO_MEMBERS if object_type == "Group" else {}
        answer = await self._http.ask("GET", f"{ENDPOINTS[object_type]}/{target_id}", query)
        if answer.status == 404 and answer.data is not None:
            return None
        return _resource(answer, f"GET {ENDPOINTS[object_type]}/{target_id}")

    async def members(self, target_id: str) -> list[str] | None:
        answer = await self._http.ask("GET", f"/Groups/{target_id}", {"attributes": "members"})
        if answer.status == 404 and answer.data is not None:
            return None
        resource = _resource(answer, f"GET /Groups/{target_id}")
        return [str(item["value"]) for item in resource.get("members") or () if "value" in item]

    async def send(self, request: Request) -> Resource | None:
        if self._together is not None:
            answer = await self._together.ask(request)
        else:
            answer = await alone(self._http, request)
        what = f"{request.method} {request.path}"
        if not 200 <= answer.status < 300:
            raise _error(answer, what, wrote=True)
        if answer.data is None and not answer.text:
            if request.method == "POST":
                raise TargetError(f"{what}: the answer has no resource.", status=answer.status, unclear=True)
            return None
        return _resource(answer, what) if request.method != "DELETE" else None

    async def schemas(self) -> list[Resource]:
        found = await self._optional("/Schemas")
        resources = found.get("Resources") if isinstance(found, Mapping) else found
        return [item for item in resources or () if isinstance(item, Mapping)]

    async def config(self) -> Resource | None:
        found = await self._optional("/ServiceProviderConfig")
        return found if isinstance(found, Mapping) else None

    async def me(self) -> Resource | None:
        found = await self._optional("/Me")
        return found if isinstance(found, Mapping) and found.get("id") else None

    async def close(self) -> None:
        if self._together is not None:
            await self._together.close()
        await self._http.close()

    async def _optional(self, path: str) -> Any:
        answer = await self._http.ask("GET", path)
        if answer.status in (401, 403):
            raise _error(answer, f"GET {path}")
        return answer.data if answer.status == 200 else None

    async def _list(self, object_type: str, query: Mapping[str, str]) -> Page:
        if object_type == "Group":
            query = {**_NO_MEMBERS, **query}
        what = f"GET {ENDPOINTS[object_type]}"
        answer = await self._http.ask("GET", ENDPOINTS[object_type], query)
        if answer.status != 200:
            raise _error(answer, what)
        data = answer.data
        if not isinstance(data, Mapping) or not data.keys() & {"Resources", "totalResults"}:
            why = f"{what}: the answer is not a SCIM ListResponse."
            raise NotScim(why, status=answer.status, exchange=answer.exchange)
        resources, wrong = data.get("Resources") or [], ""
        if not isinstance(resources, list):
            wrong = "Resources is no list"
        elif not isinstance(data.get("totalResults"), int):
            wrong = "totalResults, which is a number, is missing (RFC 7644 §3.4.2)"
        if wrong:
            raise TargetError(f"{what}: {wrong}.", status=answer.status, exchange=answer.exchange)
        if not all(isinstance(item, Mapping) and item.get("id") for item in resources):
            raise TargetError(f"{what}: a resource has no id.", status=answer.status)
        return Page(resources, data["totalResults"])


def _equal(path: str, value: str) -> str:
    return f"{path} eq {orjson.dumps(value).decode()}"


def _resource(answer: Answer, what: str) -> Resource:
    if answer.status >= 300:
        raise _error(answer, what)
    if not isinstance(answer.data, Mapping) or not answer.data.get("id"):
        raise TargetError(f"{what}: the answer is not a SCIM resource with an id.", status=answer.status, unclear=True)
    return answer.data


def _error(answer: Answer, what: str, *, wrote: bool = False) -> TargetError:
    data = answer.data if isinstance(answer.data, Mapping) else {}
    detail = str(data.get("detail") or data.get("message") or answer.text or "").strip().splitlines()
    said = f": {detail[0][:300]}" if detail else _elsewhere(answer)
    # Whoever answers for a server that does not (gateways, proxies) does not know what the server did.
    broken = answer.status == 408 or (answer.status >= 500 and answer.status != 501)
    unclear = wrote and (broken or answer.doubtful)
    return TargetError(
        f"{what} was answered {answer.status}{said}",
        status=answer.status,
        unclear=unclear,
        rest=answer.rest,
        exchange=answer.exchange,
    )


def _elsewhere(answer: Answer) -> str:
    """Where a redirect points, for it is not followed: the token is for the address that was entered."""
    headers = answer.exchange.headers
    where = next((value for name, value in headers.items() if name.lower() == "location"), "")
    if not (where and 300 <= answer.status < 400):
        return ""
    return f" and sent to {where[:300]}: redirects are not followed, so enter the address that is meant as tenant URL"
