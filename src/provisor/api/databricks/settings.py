"""Who may use access tokens (Permissions API), and the workspace's settings (``workspace-conf``); for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisor.api.databricks.calls import Call
from provisor.workspace import groups, token_rules, users
from provisor.workspace.edit import Edit, Workspace
from provisor.workspace.principals import SERVICE_PRINCIPAL
from provisor.workspace.refusals import Unfit
from provisor.workspace.rules import ADMINS

_NAMES: Final = {"User": "user_name", "ServicePrincipal": "service_principal_name", "Group": "group_name"}
_ENABLED: Final = "enableTokensConfig"
_LONGEST: Final = "maxTokenLifetimeDays"


async def show_levels(call: Call) -> dict[str, Any]:
    async def nothing(_: Edit) -> None:
        return None

    await call.done_as_admin(nothing)
    return {
        "permission_levels": [
            {"permission_level": "CAN_USE", "description": "Can make and use access tokens"},
            {"permission_level": "CAN_MANAGE", "description": "Can manage the access tokens of everybody"},
        ]
    }


async def show_permissions(call: Call) -> dict[str, Any]:
    return await call.done_as_admin(_shown)


async def grant(call: Call) -> dict[str, Any]:
    """PATCH: these may, beside those who may already."""

    async def work_(work: Edit) -> dict[str, Any]:
        principals, _ = await _read(call, work)
        await token_rules.permit(work, principals)
        return await _shown(work)

    return await call.done_as_admin(work_)


async def replace(call: Call) -> dict[str, Any]:
    """PUT: these may and nobody else; the tokens of who may no more end."""

    async def work_(work: Edit) -> dict[str, Any]:
        principals, admins = await _read(call, work)
        if not admins:
            raise Unfit(f"The list must have the group {ADMINS} with CAN_MANAGE, which cannot be taken from it.")
        await token_rules.permit_only(work, principals)
        return await _shown(work)

    return await call.done_as_admin(work_)


async def _read(call: Call, work: Edit) -> tuple[list[str], bool]:
    """The ids of those who get CAN_USE, and whether ``admins`` is among the list with what it has anyway."""
    given = call.given.get("access_control_list")
    if not isinstance(given, list):
        raise Unfit("access_control_list is a list.")
    found, admins = [], False
    for item in given:
        if not isinstance(item, Mapping):
            raise Unfit("An item of access_control_list is an object.")
        level = item.get("permission_level")
        named = {kind: item[key] for kind, key in _NAMES.items() if isinstance(item.get(key), str)}
        if len(named) != 1:
            raise Unfit(f"An item of access_control_list has one of {', '.join(_NAMES.values())}.")
        [(kind, name)] = named.items()
        if kind == "Group" and name.casefold() == ADMINS:
            if level != "CAN_MANAGE":
                raise Unfit(f"The group {ADMINS} has CAN_MANAGE, which cannot be taken from it.")
            admins = True
            continue
        if level != "CAN_USE":
            raise Unfit(f"permission_level of {name} is CAN_USE: nobody but {ADMINS} has another one.")
        if kind == "Group":
            found.append((await groups.named(work.tx, work.workspace, name)).id)
            continue
        user = await users.named(work.tx, work.workspace, name)
        if (user.principal is SERVICE_PRINCIPAL) is not (kind == "ServicePrincipal"):
            raise Unfit(f"{name} is no {_NAMES[kind]}.")
        found.append(user.id)
    return found, admins


async def _shown(work: Edit) -> dict[str, Any]:
    def item(key: str, name: str, level: str) -> dict[str, Any]:
        return {key: name, "all_permissions": [{"permission_level": level, "inherited": False}]}

    given = await token_rules.permitted(work.tx, work.workspace)
    return {
        "object_id": "authorization/tokens",
        "object_type": "tokens",
        "access_control_list": [
            item("group_name", ADMINS, "CAN_MANAGE"),
            *(item(_NAMES[one.type], one.name, "CAN_USE") for one in given),
        ],
    }


async def show_settings(call: Call) -> dict[str, Any]:
    keys = [key.strip() for key in call.needed("keys").split(",")]
    _check(keys)

    async def work_(work: Edit) -> dict[str, Any]:
        known = _settings(work.workspace)
        return {key: known[key] for key in keys}

    return await call.done_as_admin(work_)


async def change_settings(call: Call) -> dict[str, Any]:
    _check(call.given)
    enabled = longest = None
    if _ENABLED in call.given:
        text = str(call.given[_ENABLED]).lower()
        if text not in ("true", "false"):
            raise Unfit(f'{_ENABLED} is "true" or "false".')
        enabled = text == "true"
    if _LONGEST in call.given:
        text = str(call.given[_LONGEST])
        if not text.isdecimal() or len(text) > 6:
            raise Unfit(f"{_LONGEST} is a number of days, 0 for no limit.")
        longest = int(text)
    await call.done_as_admin(lambda work: token_rules.set_rules(work, enabled=enabled, longest_days=longest))
    return {}


def _settings(workspace: Workspace) -> dict[str, str]:
    return {_ENABLED: str(workspace.tokens_enabled).lower(), _LONGEST: str(workspace.longest_token_days)}


def _check(keys: Any) -> None:
    unknown = [key for key in keys if key not in (_ENABLED, _LONGEST)]
    if unknown or not keys:
        raise Unfit(f"Invalid keys: {', '.join(map(str, unknown))[:200] or 'none'}. Known are {_ENABLED}, {_LONGEST}.")
