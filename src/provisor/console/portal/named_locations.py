"""*Named locations*: address ranges with a name, which policies say."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import conditional_access

PAGE = Page("named_locations", "/conditional-access/locations", action="policy.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        kept = await conditional_access.locations(tx, visit.tenant)
    rows = [(item, "\n".join(str(network) for network in item.value.networks)) for item in kept]
    return visit.render(rows=rows)


@PAGE.post("", action="policy.write")
async def create(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        made = await conditional_access.create_location(edit, _given(visit))
    return await visit.done("/conditional-access/locations", f"The location {made.name} is made.")


@PAGE.post("/change", action="policy.write")
async def change(visit: PortalVisit) -> Response:
    identity, force = visit.form.id("location"), visit.form.ticked("force")
    async with visit.edit() as edit:
        made = await conditional_access.change_location(edit, identity, _given(visit), force=force)
    return await visit.done("/conditional-access/locations", f"The location {made.name} is changed.")


@PAGE.post("/remove", action="policy.write")
async def remove(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        gone = await conditional_access.delete_location(edit, visit.form.id("location"))
    return await visit.done("/conditional-access/locations", f"The location {gone.name} is removed.")


def _given(visit: PortalVisit) -> dict[str, Any]:
    ranges = visit.form.text("ranges").replace(",", "\n").split()
    return {
        "displayName": visit.form.text("name"),
        "isTrusted": visit.form.ticked("trusted"),
        "ipRanges": [{"cidrAddress": item} for item in ranges],
    }
