"""The wire profiles by name: one engine, several ways to speak to a target; the end state is the same.

``lean`` sends the fewest requests (``scim.requests``); ``entra`` and ``entra-optscim`` send what Entra ID sends, in its
order and shapes (``scim.entra``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from provisor.scim import requests
from provisor.scim.entra import EntraWire
from provisor.scim.requests import Request


class Wire(Protocol):
    """The requests are those of ``scim.requests``, in this profile's shapes.

    * ``reads_first``: an account is read before it is changed;
    * ``lists``: whoever is looked for may be found by listing everybody, and /Me may be asked;
    * ``bulk``: where the target takes many writes in one request they are sent so;
    * ``anonymous``: requests name no user agent;
    * ``members_at_creation``: a group is made with its first members.
    """

    @property
    def name(self) -> str: ...
    @property
    def reads_first(self) -> bool: ...
    @property
    def lists(self) -> bool: ...
    @property
    def bulk(self) -> bool: ...
    @property
    def anonymous(self) -> bool: ...
    @property
    def members_at_creation(self) -> bool: ...
    def encode(self, query: Mapping[str, str]) -> str: ...
    def create(self, object_type: str, values: Mapping[str, Any]) -> Request: ...
    def update(self, object_type: str, target_id: str, changes: Mapping[str, tuple[Any, Any]]) -> Request: ...
    def delete(self, object_type: str, target_id: str) -> Request: ...
    def add_members(self, target_id: str, members: Sequence[str], chunk: int) -> list[Request]: ...
    def remove_members(self, target_id: str, members: Sequence[str], chunk: int) -> list[Request]: ...


@dataclass(frozen=True, slots=True)
class LeanWire:
    name: str = "lean"
    reads_first: bool = False
    lists: bool = True
    bulk: bool = True
    anonymous: bool = False
    members_at_creation: bool = True

    encode = staticmethod(urlencode)
    create = staticmethod(requests.create)
    update = staticmethod(requests.update)
    delete = staticmethod(requests.delete)
    add_members = staticmethod(requests.add_members)
    remove_members = staticmethod(requests.remove_members)


LEAN: Final = LeanWire()
WIRES: Final[Mapping[str, Wire]] = {
    "lean": LEAN,
    "entra": EntraWire("entra", optimised=False),
    "entra-optscim": EntraWire("entra-optscim", optimised=True),
}
