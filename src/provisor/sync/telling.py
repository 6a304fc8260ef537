"""What a process says of the cycles that it runs, in its own log and in traces: that one began, how it ended, whom it
failed.

Everything that is logged while a cycle runs, wherever, carries its tenant, application and number. Ids stand in it and
not names: a log goes to places where not everybody may know who works here. So of what went wrong only that is said
which holds nobody's values; the provisioning log has the rest, for those who may read it. Only a process that has said
where its log goes (``provisor serve``, ``provisor worker``) says anything; a command prints what it did.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars, get_contextvars

from provisor.storage.pool import AWAY, Database
from provisor.storage.queries import queries
from provisor.sync.records import Cycle
from provisor.tracing import Span, span

if TYPE_CHECKING:
    from provisor.sync.cycle import Result

#: Objects that failed of which a cycle has a line each.
MOST: Final = 100
_LOG = structlog.get_logger("provisor.cycle")
#: What a cycle's lines and its span carry beside its number.
_ABOUT: Final = ("tenant", "application")
_ANSWERED: Final = re.compile(r"\bwas answered (\d{3})\b")
#: Where values stand in a sentence of Provisor's own.
_VALUES: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S*@\S*|(?<=its owner, ).*?(?=, is not )")
#: Values that are shorter are parts of other words.
_SHORTEST: Final = 3


def about(tenant: UUID, application: UUID) -> AbstractContextManager[None]:
    """Whatever is logged in the block carries both."""
    return bound_contextvars(tenant=str(tenant), application=str(application))


@contextmanager
def told(cycle: Cycle) -> Iterator[Callable[[Result], None]]:
    """Tell of a cycle, which is the block; it says its result to what this gives."""
    results: list[Result] = []
    attributes = {f"provisor.{name}": value for name, value in get_contextvars().items() if name in _ABOUT}
    attributes |= {"provisor.cycle": cycle.number, "provisor.kind": cycle.kind}
    with bound_contextvars(cycle=cycle.number), span("cycle", attributes=attributes) as traced:
        if structlog.is_configured():
            _LOG.info("cycle.started", kind=cycle.kind)
        try:
            yield results.append
        except BaseException as error:
            status = "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
            _ended(cycle, {"status": status, "error": type(error).__name__}, well=False)
            raise
        for result in results:
            _traced(traced, result)
            said = {
                "status": result.status,
                "counts": dict(result.counts),
                "failures": result.failures,
                "requests": result.sent,
                "seconds": round(result.seconds, 3),
                "error": sentence(result.error) if result.error is not None else None,
            }
            _ended(cycle, said, well=result.status == "done" and not result.failures)


def _traced(traced: Span, result: Result) -> None:
    traced.set("provisor.status", result.status)
    traced.set("provisor.requests", result.sent)
    traced.set("provisor.failures", result.failures)
    for action, count in result.counts.items():
        traced.set(f"provisor.changes.{action.replace(' ', '_')}", count)
    if result.status in ("failed", "quarantined"):
        traced.failed(result.status)


def _ended(cycle: Cycle, said: Mapping[str, Any], *, well: bool) -> None:
    if structlog.is_configured():
        log = _LOG.info if well else _LOG.warning
        log("cycle.ended", kind=cycle.kind, **said)


async def failures(database: Database, tenant: UUID, application: UUID, result: Result) -> None:
    """Name the objects that a cycle failed, the first :data:`MOST` of them."""
    if not result.failures or not structlog.is_configured():
        return
    # The cycle has ended: what it did is not undone by a log that cannot be read now.
    rows: list[Any] = []
    with suppress(*AWAY):
        async with database.reading() as tx:
            rows = await tx.fetch(queries("sync").cycle_failures, tenant, application, result.cycle.id, MOST)
    with bound_contextvars(cycle=result.cycle.number):
        for row in rows:
            message = row["message"] or ""
            answered = _ANSWERED.search(message)
            _LOG.warning(
                "object.failed",
                object=str(row["source_id"]),
                type=row["object_type"],
                target=row["target_id"],
                action=row["action"],
                http_status=int(answered[1]) if answered else None,
                error=sentence(message, [row["source_name"], *_texts(row["detail"])]),
            )
        if result.failures > len(rows):
            _LOG.warning("object.failed.more", count=result.failures - len(rows))


def sentence(message: str, values: Iterable[str] = ()) -> str:
    """``message`` without ``values``, without what a target said in its own words, and without what else is quoted."""
    answered = _ANSWERED.search(message)
    if answered:
        message = message[: answered.end()]
    folded = message.casefold()
    there = {value for value in values if len(value) >= _SHORTEST and value.casefold() in folded}
    for value in sorted(there, key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", message, flags=re.IGNORECASE)
    return _VALUES.sub("…", message)[:300]


def _texts(value: Any) -> Iterator[str]:
    """Every text in the values of a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
