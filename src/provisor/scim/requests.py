"""What is to be said to a target, as the requests that say it: the wire profile *lean*.

The fewest requests that RFC 7644 allows: one POST or one PATCH for all attributes of an object, members in chunks, no
reads. Values stand under target paths (``emails[type eq "work"].value``); a resource is built from the same paths that
a PATCH names. Nothing is sent here: ``connectors.scim`` does that, and ``provisioning.plan`` has counted them before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

Method = Literal["GET", "POST", "PATCH", "DELETE"]

ENDPOINTS: Final = {"User": "/Users", "Group": "/Groups"}
USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_URN = re.compile(r"(?P<schema>urn:.+):(?P<rest>[^:]+)", re.IGNORECASE)
_FILTERED = re.compile(r'(?P<name>\w+)\[(?P<key>\w+) eq "?(?P<value>[^"\]]*)"?\](?:\.(?P<part>\w+))?')


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` continues the target's base address; ``query`` are its parameters, not yet encoded."""

    method: Method
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def create(object_type: str, values: Mapping[str, Any]) -> Request:
    """POST of a resource with ``values`` (target path → value, none of them None)."""
    return Request("POST", ENDPOINTS[object_type], body=resource(object_type, values))


def with_members(request: Request, members: Sequence[str]) -> Request:
    """The POST of a group, with its first ``members`` (target ids)."""
    return replace(request, body={**(request.body or {}), "members": [{"value": member} for member in members]})


def update(object_type: str, target_id: str, changes: Mapping[str, tuple[Any, Any]]) -> Request:
    """One PATCH for all ``changes`` (target path → (before, after)); after None clears the attribute."""
    operations = [_operation(path, before, after) for path, (before, after) in changes.items()]
    return _patch(object_type, target_id, operations)


def delete(object_type: str, target_id: str) -> Request:
    return Request("DELETE", f"{ENDPOINTS[object_type]}/{target_id}")


def add_members(target_id: str, members: Sequence[str], chunk: int) -> list[Request]:
    """PATCHes that add ``members`` (target ids) to a group, at most ``chunk`` in each."""
    return [
        _patch("Group", target_id, [{"op": "add", "path": "members", "value": [{"value": member} for member in part]}])
        for part in chunks(members, chunk)
    ]


def remove_members(target_id: str, members: Sequence[str], chunk: int) -> list[Request]:
    """PATCHes that remove just these members; a filtered path each, which every server reads alike."""
    return [
        _patch("Group", target_id, [{"op": "remove", "path": f'members[value eq "{member}"]'} for member in part])
        for part in chunks(members, chunk)
    ]


def resource(object_type: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The resource whose attributes at these paths have these values (RFC 7643 §3)."""
    core = USER if object_type == "User" else GROUP
    schemas = [core]
    body: dict[str, Any] = {"schemas": schemas}
    for path, value in values.items():
        holder, rest = body, path
        if urn := _URN.fullmatch(path):
            rest = urn["rest"]
            if urn["schema"].casefold() != core.casefold():
                if urn["schema"] not in schemas:
                    schemas.append(urn["schema"])
                holder = body.setdefault(urn["schema"], {})
        _place(holder, rest, value)
    return body


def _place(holder: dict[str, Any], path: str, value: Any) -> None:
    filtered = _FILTERED.fullmatch(path)
    if filtered is None:
        name, _, part = path.partition(".")
        if part:
            holder.setdefault(name, {})[part] = value
        else:
            holder[name] = _whole(name, value)
        return
    elements = holder.setdefault(filtered["name"], [])
    wanted = {filtered["key"]: {"True": True, "False": False}.get(filtered["value"], filtered["value"])}
    element = next((item for item in elements if wanted.items() <= item.items()), None)
    if element is None:
        element = dict(wanted)
        if filtered["name"] == "emails" and wanted == {"type": "work"}:
            element["primary"] = True
        elements.append(element)
    element[filtered["part"] or "value"] = value


def _whole(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [{"value": item} for item in value]
    return {"value": value} if name == "manager" else value


def _operation(path: str, before: Any, after: Any) -> dict[str, Any]:
    if after is None:
        return {"op": "remove", "path": path}
    value = _whole(path.rpartition(":")[2], after)
    return {"op": "add" if before is None else "replace", "path": path, "value": value}


def _patch(object_type: str, target_id: str, operations: list[dict[str, Any]]) -> Request:
    body = {"schemas": [PATCH_OP], "Operations": operations}
    return Request("PATCH", f"{ENDPOINTS[object_type]}/{target_id}", body=body)


def chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """``items`` in order, at most ``size`` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))
