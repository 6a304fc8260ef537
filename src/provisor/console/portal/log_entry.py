"""One row of the provisioning log: what was decided and why, what came of it, and what else happened to it."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.provisioning.plan import described
from provisor.refusal import NotFound
from provisor.sync.history import History
from provisor.sync.records import pairs
from provisor.sync.summary import steps_of

PAGE = Page("log_entry", "/applications/{application:uuid}/logs/{cycle}/{ordinal}", action="application.read")
OTHERS = 20


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    history = History(visit.house.database, visit.tenant.id, visit.app.id)
    cycle, ordinal = number(visit.parameter("cycle")), number(visit.parameter("ordinal"))
    row = await history.entry(cycle, ordinal) if cycle is not None and ordinal is not None else None
    if row is None:
        raise NotFound("The log has no such entry: it keeps the last thousand cycles.")
    ledger, source = visit.house.ledger(visit.tenant, visit.app.id), row["source_id"]
    others = [
        other
        for other in await ledger.log(sources=[source], limit=OTHERS)
        if (other["number"], other["ordinal"]) != (row["number"], row["ordinal"])
    ]
    known = (await ledger.known([str(source)])).get(str(source))
    return visit.render(
        row=row,
        what=described(row["action"], row["object_type"]),
        changed=pairs(row),
        kept=pairs(row, "kept"),
        steps=steps_of(row),
        others=others,
        known=known,
    )
