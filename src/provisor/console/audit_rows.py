"""What an audit log's page shows, a tenant's or a workspace's: its filters from the address, and a page of rows."""

from __future__ import annotations

from typing import Any, Final

from provisor import audit
from provisor.console.lists import number
from provisor.console.visit import Visit

SHOWN: Final = 50


async def of(visit: Visit, realm: str) -> dict[str, Any]:
    """The values of ``parts/audit.html`` for the log of ``realm``."""
    chosen = audit.Filter(
        actor=visit.query("who"),
        action=visit.query("action"),
        what=visit.query("q"),
        request=visit.query("request"),
        before_id=number(visit.query("before")),
    )
    async with visit.house.database.reading() as tx:
        rows = await audit.entries(tx, realm, SHOWN + 1, chosen)
        actions = await audit.actions(tx, realm)
    more = {"before": rows[SHOWN - 1]["id"]} if len(rows) > SHOWN else {}
    return {
        "rows": rows[:SHOWN],
        "chosen": chosen,
        "actions": actions,
        "more": more,
        "later": chosen.before_id is not None,
    }
