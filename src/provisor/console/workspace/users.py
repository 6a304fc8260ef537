"""*Users*: everybody, with the check boxes *Admin* and *Allow cluster creation*; *Add User*, removing."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.refusal import Refusal
from provisor.workspace import tombstones, users
from provisor.workspace.edit import Edit
from provisor.workspace.resources import User

PAGE = Page("users", "/", action="workspace.admin")
SHOWN = 50
CLUSTERS: Final = "allow-cluster-create"


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    if visit.query("show") == "removed":
        # Where removed users were before they had a page of their own.
        return visit.go("/removed")
    text, after = visit.query("q"), visit.after
    async with visit.house.database.snapshot() as tx:
        gone = await tombstones.number(tx, visit.workspace)
        found = await users.search(tx, visit.workspace, after, SHOWN + 1, text)
    return visit.render(
        users=found[:SHOWN],
        gone=gone,
        text=text,
        after=after,
        more=found[SHOWN - 1].name if len(found) > SHOWN else "",
        is_admin=users.is_admin,
        may_create_clusters=may_create_clusters,
    )


@PAGE.post("users/add")
async def add(visit: WorkspaceVisit) -> Response:
    name, display = visit.form.text("userName"), visit.form.text("displayName")
    async with visit.edit() as edit:
        user = await users.add(edit, name, {"displayName": display or None}, admin=visit.form.ticked("admin"))
    return await visit.done(f"/users/{user.id}", f"{user.name} is a user of {visit.workspace.name} now.")


@PAGE.post("users/remove")
async def remove(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.get(edit.tx, visit.workspace, visit.form.text("user"))
        await users.remove(edit, user)
    return await visit.done(
        "/", f"{user.name} is removed: access has ended, and provisioning does not bring them back."
    )


@PAGE.post("users/switch")
async def switch(visit: WorkspaceVisit) -> Response:
    """A check box of the list was ticked or unticked; the list comes back as it was looked at, whatever is refused."""
    which, on = visit.form.text("which"), visit.form.ticked("on")
    try:
        async with visit.edit() as edit:
            user = await users.get(edit.tx, visit.workspace, visit.form.text("user"))
            if which == "admin":
                await users.set_admin(edit, user, on)
            else:
                await set_entitlement(edit, user, CLUSTERS, on)
    except Refusal as error:
        return await visit.done(visit.here("/"), str(error), "danger")
    box = "Admin" if which == "admin" else "Allow cluster creation"
    return await visit.done(visit.here("/"), f"{user.name}: {box} {'on' if on else 'off'}.")


async def set_entitlement(edit: Edit, user: User, value: str, on: bool) -> None:
    """Give or take an entitlement individually; what a group gives is not touched."""
    kept = [item for item in user.doc.get("entitlements") or () if item.get("value") != value]
    if on:
        kept.append({"value": value})
    await users.set_values(edit, user, {"entitlements": kept or None})


def may_create_clusters(user: User) -> bool:
    """Whether the user was given cluster creation individually."""
    return any(item.get("value") == CLUSTERS for item in user.doc.get("entitlements") or ())
