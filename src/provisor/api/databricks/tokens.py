"""Token API 2.0, everybody's own tokens; and token management, every token of a workspace, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from provisor.access.tokens import NewToken
from provisor.api.databricks.calls import Call
from provisor.refusal import NotFound
from provisor.storage.pool import Row
from provisor.workspace import tokens, users
from provisor.workspace.edit import Edit
from provisor.workspace.principals import SERVICE_PRINCIPAL
from provisor.workspace.refusals import Unfit
from provisor.workspace.tokens import Caller


async def create(call: Call) -> dict[str, Any]:
    comment, seconds = call.text("comment") or "", call.seconds("lifetime_seconds")

    async def work_(work: Edit, caller: Caller) -> dict[str, Any]:
        made = await tokens.create_own(work, caller, comment=comment, lifetime_seconds=seconds)
        return await _new(work, made, caller.user)

    return await call.done(work_)


async def create_on_behalf_of(call: Call) -> dict[str, Any]:
    """A token of a service principal."""
    application = call.needed("application_id")
    comment, seconds = call.text("comment") or "", call.seconds("lifetime_seconds")

    async def work_(work: Edit) -> dict[str, Any]:
        owner = await users.named(work.tx, work.workspace, application)
        if owner.principal is not SERVICE_PRINCIPAL:
            raise SERVICE_PRINCIPAL.missing(application)
        made = await tokens.create(
            work, owner, comment=comment, lifetime_days=None if seconds is None else seconds / 86_400
        )
        return await _new(work, made, owner.id)

    return await call.done_as_admin(work_)


async def show_own(call: Call) -> dict[str, Any]:
    rows = await call.done(lambda work, caller: tokens.everyone(work.tx, work.workspace, caller.user))
    return {"token_infos": [_info(row) for row in rows if _counts(row)]}


async def delete_own(call: Call) -> dict[str, Any]:
    identity = call.needed("token_id")
    await call.done(lambda work, caller: tokens.revoke_own(work, caller, identity))
    return {}


async def change_own(call: Call) -> dict[str, Any]:
    """The comment of a token, the one thing about it that changes."""
    given, mask = call.given.get("token"), call.needed("update_mask")
    if mask != "comment" or not isinstance(given, dict) or not isinstance(given.get("comment"), str):
        raise Unfit('Of a token the comment can be changed: {"token": {"comment": "…"}, "update_mask": "comment"}.')
    await call.done(lambda work, caller: tokens.comment_own(work, caller, call.identity, given["comment"]))
    return {}


async def show_all(call: Call) -> dict[str, Any]:
    name, identity = call.text("created_by_username"), call.text("created_by_id")

    async def work_(work: Edit) -> list[dict[str, Any]]:
        rows = await tokens.everyone(work.tx, work.workspace, identity)
        return [
            _managed(work, row)
            for row in rows
            if _counts(row) and (name is None or str(row["user_name"]).casefold() == name.casefold())
        ]

    return {"token_infos": await call.done_as_admin(work_)}


async def show(call: Call) -> dict[str, Any]:
    async def work_(work: Edit) -> dict[str, Any]:
        for row in await tokens.everyone(work.tx, work.workspace):
            if row["id"] == call.identity and row["revoked"] is None:
                return _managed(work, row)
        raise NotFound(f"There is no token {call.identity}.")

    return {"token_info": await call.done_as_admin(work_)}


async def delete(call: Call) -> dict[str, Any]:
    await call.done_as_admin(lambda work: tokens.revoke(work, call.identity))
    return {}


async def _new(work: Edit, made: NewToken, owner: str) -> dict[str, Any]:
    row = next(row for row in await tokens.everyone(work.tx, work.workspace, owner) if row["id"] == made.id)
    return {"token_value": made.value, "token_info": _info(row)}


def _counts(row: Row) -> bool:
    return row["revoked"] is None and not row["expired"]


def _info(row: Row) -> dict[str, Any]:
    return {
        "token_id": row["id"],
        "creation_time": _milliseconds(row["created"]),
        "expiry_time": _milliseconds(row["expires"]) if row["expires"] else -1,
        "comment": row["comment"],
    }


def _managed(work: Edit, row: Row) -> dict[str, Any]:
    """What an admin sees; the ids are numbers there."""
    owner = int(row["owner"])
    return {
        **_info(row),
        "created_by_id": owner,
        "created_by_username": row["user_name"] or "",
        "owner_id": owner,
        "workspace_id": work.workspace.id,
        **({"last_used_day": _milliseconds(row["last_used"]) // 86_400_000 * 86_400_000} if row["last_used"] else {}),
    }


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
