"""*Leavers*: who should have no access any more, and where an account is not known to be closed yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications
from provisor.sync.leavers import open_leavers

PAGE = Page("leavers", "/leavers", action="account.own")
#: Those who left first; a command lists more.
SHOWN: Final = 200


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render(**await _listed(visit))


@PAGE.part("/now")
async def now(visit: PortalVisit) -> Response:
    """The list as it is, for a page that stays open."""
    return visit.part("leavers", **await _listed(visit))


async def _listed(visit: PortalVisit) -> Mapping[str, Any]:
    async with visit.house.database.reading() as tx:
        every = await applications.everyone(tx, visit.tenant)
    seen = [item.id for item in every if visit.may("application.read", item.id)]
    found = await open_leavers(visit.house.database, visit.tenant.id, seen, limit=SHOWN + 1)
    return {"leavers": found[:SHOWN], "more": len(found) > SHOWN}
