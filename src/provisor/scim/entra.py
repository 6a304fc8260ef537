"""The wire profiles *entra* and *entra-optscim*: what Entra ID sends, shape by shape (entra.md §6).

Whoever writes a SCIM server tests it with these. ``optimised`` is Entra's feature flag ``aadOptscim062020``, without
which operations are capitalised, Booleans in a PATCH are texts, and members are removed by value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from provisor.scim.requests import ENDPOINTS, GROUP, PATCH_OP, USER, Request, chunks, delete, resource

ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ADSCIM_GROUP: Final = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
#: Parameters in the order in which they are sent.
_ORDER: Final = ("attributes", "excludedAttributes", "filter", "startIndex", "count")
_HEX: Final = re.compile("%[0-9A-F]{2}")
_ROLE_TYPE: Final = "WindowsAzureActiveDirectoryRole"


@dataclass(frozen=True, slots=True)
class EntraWire:
    """See ``scim.wires.Wire``."""

    name: str
    optimised: bool
    reads_first: bool = True
    lists: bool = False
    bulk: bool = False
    anonymous: bool = True
    members_at_creation: bool = False

    def encode(self, query: Mapping[str, str]) -> str:
        """Form-encoded, with lower-case hexadecimal digits."""
        ordered = [(name, query[name]) for name in _ORDER if name in query]
        return _HEX.sub(lambda found: found[0].lower(), urlencode(ordered))

    def create(self, object_type: str, values: Mapping[str, Any]) -> Request:
        made = resource(object_type, values)
        schemas = [USER, ENTERPRISE] if object_type == "User" else [GROUP, ADSCIM_GROUP]
        body: dict[str, Any] = {"schemas": schemas}
        for name in ("externalId", "userName", "active"):
            if name in made:
                body[name] = made[name]
        rest = {name: value for name, value in made.items() if name not in body}
        rest["meta"] = {"resourceType": object_type}
        if object_type == "User":
            rest["roles"] = [_role(item) for item in made.get("roles", ())]
        return Request("POST", ENDPOINTS[object_type], body=body | dict(sorted(rest.items())))

    def update(self, object_type: str, target_id: str, changes: Mapping[str, tuple[Any, Any]]) -> Request:
        operations = [self._operation(path, before, after) for path, (before, after) in changes.items()]
        return self._patch(object_type, target_id, self._merged(operations) if self.optimised else operations)

    def delete(self, object_type: str, target_id: str) -> Request:
        return delete(object_type, target_id)

    def add_members(self, target_id: str, members: Sequence[str], chunk: int) -> list[Request]:
        return [
            self._patch("Group", target_id, [self._op("Add", "members", _values(part))])
            for part in chunks(members, chunk)
        ]

    def remove_members(self, target_id: str, members: Sequence[str], chunk: int) -> list[Request]:
        def removal(part: Sequence[str]) -> list[dict[str, Any]]:
            if self.optimised:
                return [self._op("Remove", f'members[value eq "{member}"]') for member in part]
            return [self._op("Remove", "members", _values(part))]

        return [self._patch("Group", target_id, removal(part)) for part in chunks(members, chunk)]

    def _operation(self, path: str, before: Any, after: Any) -> dict[str, Any]:
        if after is None:
            return self._op("Remove", path)
        if isinstance(after, list):
            # Several values are added to whatever there is, roles apart, which the flag replaces.
            if path == "roles" and self.optimised:
                return self._op("Replace", path, [_role({"value": item}) for item in after])
            return self._op("Add", path, _values(after))
        value = str(after) if isinstance(after, bool) and not self.optimised else after
        return self._op("Add" if before in (None, "") else "Replace", path, value)

    def _op(self, op: str, path: str, value: Any = None) -> dict[str, Any]:
        made = {"op": op.lower() if self.optimised else op, "path": path}
        return made if value is None else {**made, "value": value}

    def _merged(self, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Several replacements become one without a path, its keys the paths; elements of lists stay apart."""
        together = [
            item
            for item in operations
            if item["op"] == "replace" and "[" not in item["path"] and not isinstance(item["value"], list)
        ]
        if len(together) < 2:
            return operations
        apart = [item for item in operations if item not in together]
        return [*apart, {"op": "replace", "value": {item["path"]: item["value"] for item in together}}]

    @staticmethod
    def _patch(object_type: str, target_id: str, operations: list[dict[str, Any]]) -> Request:
        body = {"schemas": [PATCH_OP], "Operations": operations}
        return Request("PATCH", f"{ENDPOINTS[object_type]}/{target_id}", body=body)


def _values(items: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"value": item} for item in items]


def _role(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"primary": False, "type": _ROLE_TYPE, **item} if "primary" not in item else {"type": _ROLE_TYPE, **item}
