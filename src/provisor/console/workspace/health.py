"""*Health*: what is worth a look, when each token was used last, who changed what in the last day, and the database.

Everything is read from rows that are there anyway: tokens keep when they were used and refused last, the audit log has
a row for every change. Requests that only read leave nothing behind but their token's last use.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final

from starlette.responses import Response

from provisor import __version__, audit
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace import access_tokens
from provisor.console.workspace.findings import Finding, examine
from provisor.storage import migrate
from provisor.storage.pool import Tx
from provisor.workspace import rules

PAGE = Page("health", "/health", action="workspace.admin")
SHOWN: Final = 20
_DAY: Final = timedelta(days=1)
_IGNORED: Final = "change ignored"


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    now = datetime.now(UTC)
    async with visit.house.database.snapshot() as tx:
        tokens = await access_tokens.alive(tx, visit.workspace)
        admins = await rules.active_admins(tx, visit.workspace)
        writers, complete = await audit.writers(tx, visit.workspace.log, now - _DAY)
        database = await _database(tx)
    ignored = sum(row["requests"] for row in writers if row["action"] == _IGNORED)
    comments = {f"token {item.row['id'][:12]}": item.row["comment"] for item in tokens}
    found = [*examine(visit.workspace, tokens, len(admins), ignored, now), database]
    order = ("bad", "look", "good")
    return visit.render(
        findings=sorted(found, key=lambda finding: order.index(finding.level)),
        tokens=sorted(tokens, key=_last, reverse=True)[:SHOWN],
        every=len(tokens),
        writers=[{**row, "comment": _comment(row["actor"], comments)} for row in writers[:SHOWN]],
        complete=complete,
    )


async def _database(tx: Tx) -> Finding:
    begun = perf_counter()
    version = await tx.fetchval("show server_version")
    took = (perf_counter() - begun) * 1000
    revision, expected = await migrate.current_revision(tx), migrate.head()
    sentence = f"PostgreSQL {version.split()[0]} answers in {took:.1f} ms; its tables are at revision {revision}"
    if revision != expected:
        sentence += f", and this program, version {__version__}, is made for {expected}: another one has changed them."
        return Finding("database", "bad", sentence, next="Have the server started again with the newer version")
    return Finding("database", "good", f"{sentence}, that of this program, version {__version__}.")


def _last(item: access_tokens.Health) -> datetime:
    return item.last or datetime.min.replace(tzinfo=UTC)


def _comment(actor: str, comments: dict[str, Any]) -> str:
    """What the token is for that an actor of the audit log came with, as far as there is one."""
    return next((str(comment) for token, comment in comments.items() if f"({token})" in actor), "")
