"""The endpoints of a workspace's resources: what is searched there, and how one is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from provisor.scim import strict
from provisor.scim.schema import ResourceType
from provisor.workspace import groups, users
from provisor.workspace.edit import Edit
from provisor.workspace.kinds import GROUPS, SERVICE_PRINCIPALS, USERS, Kind
from provisor.workspace.principals import SERVICE_PRINCIPAL, USER, Principal
from provisor.workspace.resources import Group, User

Item = User | Group
Step = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is done with one kind of resource; ``principal``: None where groups are.

    ``create`` takes a body, ``create_many`` (None where there is none) several, all or none; ``replace`` and ``change``
    an id, a body and the versions that may be written over, ``delete`` the first and the last of these.
    """

    kind: Kind
    principal: Principal | None
    create: Callable[[Edit, Mapping[str, Any]], Awaitable[Item]]
    create_many: Callable[[Edit, Sequence[Mapping[str, Any]]], Awaitable[Sequence[Item]]] | None
    replace: Callable[..., Awaitable[Item]]
    change: Callable[..., Awaitable[Item]]
    delete: Callable[..., Awaitable[None]]


def _as_said(kind: Kind, check: Callable[[ResourceType, Mapping[str, Any]], None], step: Step, place: int) -> Step:
    """``step``; in a strict workspace after a look at the body, which is its argument number ``place``."""

    async def looked_at(work: Edit, *given: Any, **more: Any) -> Any:
        if work.workspace.strict:
            found = given[place]
            for body in found if isinstance(found, list) else [found]:
                check(kind.type_of(work.workspace), body)
        return await step(work, *given, **more)

    return looked_at


def _endpoint(kind: Kind, principal: Principal | None) -> Endpoint:
    steps = groups if principal is None else users
    more: dict[str, Any] = {} if principal is None else {"principal": principal}
    return Endpoint(
        kind,
        principal,
        _as_said(kind, strict.resource, partial(steps.create, **more), 0),
        None if principal is None else _as_said(kind, strict.resource, partial(users.create_many, **more), 0),
        _as_said(kind, strict.resource, partial(steps.replace, **more), 1),
        _as_said(kind, strict.patch, partial(steps.change, **more), 1),
        partial(steps.delete, **more),
    )


#: By the first step of their paths.
ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "Users": _endpoint(USERS, USER),
    "Groups": _endpoint(GROUPS, None),
    "ServicePrincipals": _endpoint(SERVICE_PRINCIPALS, SERVICE_PRINCIPAL),
}
