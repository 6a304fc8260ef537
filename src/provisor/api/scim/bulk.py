"""Bulk (RFC 7644 §3.7): many writes in one request, done as if they had come alone.

Each is a transaction of its own; creates that follow each other are one together, unless one of them is refused.

An operation may refer to what another one creates (``bulkId:…``), in its data or in its path, and stand before it: it
waits for it. Those that wait for each other in a circle are broken up: one is created without what it cannot know yet
and made whole afterwards. Answers stand in the order of the operations; after ``failOnErrors`` errors the rest is not
done and not answered.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from provisor.api import errors
from provisor.api.scim.requests import versions
from provisor.scim.errors import InvalidSyntax, InvalidValue, TooLarge
from provisor.scim.messages import BULK_REQUEST, BULK_RESPONSE, MOST_OPERATIONS
from provisor.workspace.edit import Edit
from provisor.workspace.endpoints import ENDPOINTS
from provisor.workspace.resources import Group, User

Item = User | Group | None
T = TypeVar("T")


class Write(Protocol):
    """Does one write in a transaction of its own, with the check of the token."""

    async def __call__(self, action: Callable[[Edit], Awaitable[T]], /) -> T: ...


_PATH: Final = re.compile(rf"/?(?P<endpoint>{'|'.join(ENDPOINTS)})(?:/(?P<id>[^/]+))?")
_REFERENCE: Final = "bulkId:"
#: Creates that are one transaction at most: as many as are soon done again one by one when one is refused.
_TOGETHER: Final = 100
_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(slots=True)
class Operation:
    """One operation; ``identity`` is an id or a reference, empty for POST. ``answer`` is None until it is done."""

    method: str
    endpoint: str
    identity: str
    data: Mapping[str, Any]
    bulk_id: str | None
    version: str | None
    answer: dict[str, Any] | None = None
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """``needs``: the bulkIds of what it refers to."""
        self.needs = frozenset(_references([self.identity, self.data]))


@dataclass(slots=True)
class Bulk:
    """The operations of one request on their way; ``show`` gives what is answered of an item.

    ``known``: bulkId → id of what was created, None when it was not; ``halves``: what was created without what it
    refers to.
    """

    write: Write
    show: Callable[[User | Group], dict[str, Any]]
    base: str
    operations: list[Operation]
    most_errors: int | None
    known: dict[str, str | None] = field(default_factory=dict)
    halves: list[tuple[Operation, str]] = field(default_factory=list)
    errors: int = 0

    async def run(self) -> dict[str, Any]:
        """Do the operations; returns the BulkResponse."""
        waiting = list(self.operations)
        while waiting and not self._enough:
            ready = [item for item in waiting if item.needs <= self.known.keys()]
            for together in _batches(ready):
                if len(together) > 1 and await self._do_at_once(together):
                    continue
                for operation in together:
                    if not self._enough:
                        await self._do(operation)
            if not ready:
                await self._break_a_circle(waiting)
            begun = {id(operation) for operation, _ in self.halves}
            waiting = [item for item in waiting if item.answer is None and id(item) not in begun]
        for operation, identity in self.halves:
            await self._make_whole(operation, identity)
        done = [item.answer for item in self.operations if item.answer is not None]
        return {"schemas": [BULK_RESPONSE], "Operations": done}

    @property
    def _enough(self) -> bool:
        return self.most_errors is not None and self.errors >= self.most_errors

    async def _do_at_once(self, together: list[Operation]) -> bool:
        """Create all of these in one transaction, unless one of them is refused or enough has gone wrong before."""
        create_many = ENDPOINTS[together[0].endpoint].create_many
        if create_many is None or self._enough:
            return False
        bodies = [operation.data for operation in together]
        try:
            made = await self.write(lambda work: create_many(work, bodies))
        except Exception as error:
            if errors.problem(error) is None:
                raise
            # Which one it was is found out one by one.
            return False
        for operation, item in zip(together, made, strict=True):
            self._succeeded(operation, item)
        return True

    async def _do(self, operation: Operation) -> None:
        try:
            self._refuse_lost(operation)
            item = await self._written(operation, self._resolved(operation.data))
        except Exception as error:
            self._failed(operation, error)
        else:
            self._succeeded(operation, item)

    def _refuse_lost(self, operation: Operation) -> None:
        lost = sorted(name for name in operation.needs if self.known.get(name) is None)
        if lost:
            raise InvalidValue(f"{_REFERENCE}{lost[0]} was not created.")

    async def _break_a_circle(self, waiting: list[Operation]) -> None:
        """All of these wait. One waits for what nobody creates and is refused; or the first that creates something
        does so without what it refers to, so that whoever waits for it can go on."""
        coming = {item.bulk_id for item in waiting if item.method == "POST"}
        for operation in waiting:
            unknown = sorted(operation.needs - self.known.keys() - coming)
            if unknown:
                self._failed(operation, InvalidValue(f"No operation creates {_REFERENCE}{unknown[0]}."))
                return
        first = next(item for item in waiting if item.method == "POST")
        try:
            item = await self._written(first, _without_references(first.data))
            assert item is not None
        except Exception as error:
            self._failed(first, error)
        else:
            self.known[str(first.bulk_id)] = item.id
            self.halves.append((first, item.id))

    async def _make_whole(self, operation: Operation, identity: str) -> None:
        endpoint = ENDPOINTS[operation.endpoint]
        try:
            self._refuse_lost(operation)
            data = self._resolved(operation.data)
            whole = await self.write(lambda work: endpoint.replace(work, identity, data))
        except Exception as error:
            # Half of what was asked for is not what was asked for.
            await self.write(lambda work: endpoint.delete(work, identity))
            self._failed(operation, error)
        else:
            self._succeeded(operation, whole)

    async def _written(self, operation: Operation, data: Mapping[str, Any]) -> Item:
        endpoint = ENDPOINTS[operation.endpoint]
        identity = self._id(operation.identity)
        expected = versions(operation.version)

        async def step(work: Edit) -> Item:
            if operation.method == "POST":
                return await endpoint.create(work, data)
            if operation.method == "PUT":
                return await endpoint.replace(work, identity, data, expected)
            if operation.method == "PATCH":
                return await endpoint.change(work, identity, data, expected)
            await endpoint.delete(work, identity, expected)
            return None

        return await self.write(step)

    def _id(self, identity: str) -> str:
        name = identity.removeprefix(_REFERENCE)
        return str(self.known[name]) if identity.startswith(_REFERENCE) else identity

    def _resolved(self, value: Any) -> Any:
        """``value`` with ids in the place of references."""
        if isinstance(value, Mapping):
            return {name: self._resolved(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        return self._id(value) if isinstance(value, str) else value

    def _succeeded(self, operation: Operation, item: Item) -> None:
        status = {"POST": "201", "DELETE": "204"}.get(operation.method, "200")
        identity = item.id if item else self._id(operation.identity)
        answer = _start(operation, f"{self.base}/{operation.endpoint}/{identity}")
        if item is not None:
            answer["version"] = f'W/"{item.version}"'
            # Whoever adds a member to a large group does not want to hear of all the others.
            if isinstance(item, User) or operation.method == "POST":
                answer["response"] = self.show(item)
        operation.answer = {**answer, "status": status}
        if operation.method == "POST":
            self.known[str(operation.bulk_id)] = identity

    def _failed(self, operation: Operation, error: Exception) -> None:
        """Put an error into the answer; raises it when nobody expected it."""
        found = errors.problem(error)
        if found is None:
            raise error
        self.errors += 1
        place = "" if operation.method == "POST" else f"/{operation.identity}"
        answer = _start(operation, f"{self.base}/{operation.endpoint}{place}")
        if operation.method == "POST":
            # There is nothing at any place.
            answer.pop("location")
            self.known[str(operation.bulk_id)] = None
        operation.answer = {**answer, "status": str(found.status), "response": found.scim()}


def read(body: Mapping[str, Any]) -> tuple[list[Operation], int | None]:
    """The operations of a BulkRequest, and after how many errors to stop. Raises InvalidSyntax, TooLarge."""
    if body.get("schemas") != [BULK_REQUEST]:
        raise InvalidSyntax(f"A bulk request has schemas [{BULK_REQUEST}].")
    given, most = body.get("Operations"), body.get("failOnErrors")
    if not isinstance(given, list):
        raise InvalidSyntax("A bulk request has a list of Operations.")
    if len(given) > MOST_OPERATIONS:
        raise TooLarge(f"A bulk request has at most {MOST_OPERATIONS} operations, not {len(given)}.")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise InvalidSyntax("failOnErrors is a number from 1 on.")
    operations = [_operation(number, item) for number, item in enumerate(given, 1)]
    names = [item.bulk_id for item in operations if item.bulk_id is not None]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InvalidSyntax(f"Two operations have the bulkId {twice[:80]}.")
    return operations, most


def _batches(operations: list[Operation]) -> Iterator[list[Operation]]:
    """The operations in their order; creates at one endpoint that refer to nothing and follow each other together."""
    together: list[Operation] = []
    for operation in operations:
        alike = operation.method == "POST" and not operation.needs
        if together and not (alike and operation.endpoint == together[0].endpoint and len(together) < _TOGETHER):
            yield together
            together = []
        together.append(operation)
        if not alike:
            yield together
            together = []
    if together:
        yield together


def _operation(number: int, given: Any) -> Operation:
    place = f"Operation {number}"
    if not isinstance(given, Mapping):
        raise InvalidSyntax(f"{place} is no object.")
    method = str(given.get("method", "")).upper()
    if method not in _METHODS:
        raise InvalidSyntax(f"{place}: method is one of {', '.join(_METHODS)}.")
    path = _PATH.fullmatch(str(given.get("path", "")))
    if path is None or (path["id"] is None) is not (method == "POST"):
        raise InvalidSyntax(
            f"{place}: path is one of /{', /'.join(ENDPOINTS)}, and for everything but POST an id after it."
        )
    bulk_id, data = given.get("bulkId"), given.get("data")
    if method == "POST" and (not isinstance(bulk_id, str) or not bulk_id):
        raise InvalidSyntax(f"{place}: a POST needs a bulkId.")
    if method != "DELETE" and not isinstance(data, Mapping):
        raise InvalidSyntax(f"{place}: data is an object.")
    return Operation(
        method,
        path["endpoint"],
        path["id"] or "",
        data if isinstance(data, Mapping) else {},
        bulk_id if isinstance(bulk_id, str) else None,
        str(given["version"]) if given.get("version") is not None else None,
    )


def _start(operation: Operation, location: str) -> dict[str, Any]:
    bulk_id = {"bulkId": operation.bulk_id} if operation.bulk_id is not None else {}
    return {"location": location, "method": operation.method, **bulk_id}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, str) and value.startswith(_REFERENCE):
        yield value.removeprefix(_REFERENCE)


def _without_references(data: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without those that refer to something: elements of lists one by one."""
    kept: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, list):
            kept[name] = [item for item in value if not any(_references(item))]
        elif isinstance(value, Mapping) and ":" in name:
            # An extension: attribute by attribute.
            kept[name] = _without_references(value)
        elif not any(_references(value)):
            kept[name] = value
    return kept
