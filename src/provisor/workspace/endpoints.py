"""The endpoints of a workspace's resources: what is searched there, and how one is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from provisor.workspace import groups, users
from provisor.workspace.edit import Edit
from provisor.workspace.kinds import GROUPS, SERVICE_PRINCIPALS, USERS, Kind
from provisor.workspace.principals import SERVICE_PRINCIPAL, USER, Principal
from provisor.workspace.resources import Group, User

Item = User | Group


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


def _of(kind: Kind, principal: Principal) -> Endpoint:
    return Endpoint(
        kind,
        principal,
        partial(users.create, principal=principal),
        partial(users.create_many, principal=principal),
        partial(users.replace, principal=principal),
        partial(users.change, principal=principal),
        partial(users.delete, principal=principal),
    )


#: By the first step of their paths.
ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "Users": _of(USERS, USER),
    "Groups": Endpoint(GROUPS, None, groups.create, None, groups.replace, groups.change, groups.delete),
    "ServicePrincipals": _of(SERVICE_PRINCIPALS, SERVICE_PRINCIPAL),
}
