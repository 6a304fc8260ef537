"""Functions that know a directory: roles of an application, names of objects, the tenant's domain."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from provisor.expressions.errors import ExpressionError
from provisor.expressions.function import Example, Function, eager, informed
from provisor.expressions.values import Inputs, Value, is_empty, text, whole

_COMPONENT: Final = re.compile(r"\s*[^=,]+=((?:\\.|[^,\\])*)")


def _roles(value: Any) -> list[Mapping[str, Any]]:
    """Assigned roles: objects with ``id``, ``value``, ``displayName``, their JSON, or bare values."""
    found = []
    for item in value if isinstance(value, list) else [] if is_empty(value) else [value]:
        if isinstance(item, Mapping):
            found.append(item)
            continue
        try:
            read = json.loads(text(item))
        except ValueError:
            read = None
        found.append(read if isinstance(read, dict) else {"value": text(item), "displayName": text(item)})
    return found


def _single_role(value: Any) -> str | None:
    roles = _roles(value)
    return text(roles[0].get("value")) if roles else None


def _complex_roles(value: Any) -> list[str] | None:
    return [json.dumps(dict(role), ensure_ascii=False, sort_keys=True) for role in _roles(value)] or None


def _role_values(value: Any) -> list[str] | None:
    return [text(role.get("value")) for role in _roles(value)] or None


def _component(source: Value, number: Value) -> str | None:
    if is_empty(source):
        return None
    parts, wanted = _COMPONENT.findall(text(source)), whole(number, "DNComponent")
    return re.sub(r"\\(.)", r"\1", parts[wanted - 1]) if 1 <= wanted <= len(parts) else None


def _sid(source: Value) -> str | None:
    """``S-1-5-…`` of the bytes in base64 (MS-DTYP 2.4.2)."""
    if is_empty(source):
        return None
    try:
        data = base64.b64decode(text(source), validate=True)
    except ValueError:
        data = b""
    if len(data) < 8 or len(data) != 8 + 4 * data[1]:
        raise ExpressionError("StringFromSid needs the bytes of a SID in base64.")
    parts = [int.from_bytes(data[place : place + 4], "little") for place in range(8, len(data), 4)]
    return "-".join(map(str, ["S", data[0], int.from_bytes(data[2:8], "big"), *parts]))


def _domain(inputs: Inputs) -> str:
    if inputs.domain is None:
        raise ExpressionError("DefaultDomain needs a tenant, which there is none of here.")
    return inputs.domain


_ROLES: Final = {"appRoleAssignments": [{"id": "1", "value": "Admin", "displayName": "Administrator"}]}
_COMPLEX: Final = ['{"displayName": "Administrator", "id": "1", "value": "Admin"}']

FUNCTIONS: Final = (
    Function(
        "AppRoleAssignments", ("source",), 1, eager(_role_values), "The values of all roles.",
        (Example("AppRoleAssignments([appRoleAssignments])", ["Admin"], _ROLES),), returns="list",
    ),
    Function(
        "AppRoleAssignmentsComplex", ("source",), 1, eager(_complex_roles),
        "All roles, each as JSON; for roles that add.",
        (Example("AppRoleAssignmentsComplex([appRoleAssignments])", _COMPLEX, _ROLES),), returns="list",
    ),
    Function(
        "AssertiveAppRoleAssignmentsComplex", ("source",), 1, eager(_complex_roles),
        "All roles, each as JSON; for roles that replace.",
        (Example("AssertiveAppRoleAssignmentsComplex([appRoleAssignments])", _COMPLEX, _ROLES),), returns="list",
    ),
    Function(
        "CRef", ("value",), 1, eager(text), "A text as a reference to another object.",
        (Example('CRef("4711")', "4711"),), cloud_sync=True,
    ),
    Function("DefaultDomain", (), 0, informed(_domain), "The tenant's domain.", ()),
    Function(
        "DNComponent", ("source", "number"), 2, eager(_component), "One part of a distinguished name, from the left.",
        (Example('DNComponent("cn=Joe,dc=contoso,dc=com", 1)', "Joe"),), cloud_sync=True,
    ),
    Function(
        "SingleAppRoleAssignment", ("source",), 1, eager(_single_role), "The value of one role; of several, the first.",
        (Example("SingleAppRoleAssignment([appRoleAssignments])", "Admin", _ROLES),),
    ),
    Function(
        "StringFromSid", ("source",), 1, eager(_sid), "A security identifier as a text.",
        (Example('StringFromSid("AQEAAAAAAAUSAAAA")', "S-1-5-18"),), cloud_sync=True,
    ),
)  # fmt: skip
