"""What keeps an application's provisioning from doing what it should: the page's troubleshooting, in its order.

Each finding is a sentence and the command that mends it; the last one that matters is the first to read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from provisor.connectors.base import TargetError
from provisor.directory import assignments
from provisor.directory.applications import Application
from provisor.directory.edit import Tenant
from provisor.provisioning.check import check
from provisor.provisioning.edit import recommended
from provisor.provisioning.schedules import EVENT, following
from provisor.refusal import Invalid
from provisor.storage.pool import Database, Row
from provisor.sync import queue
from provisor.sync.answers import owner, probe
from provisor.sync.job import Job
from provisor.sync.leavers import how_many
from provisor.sync.ledger import Ledger
from provisor.sync.notices import undelivered
from provisor.sync.records import JobState
from provisor.sync.schedule import rest

Level = Literal["good", "look", "bad"]
#: A template that the page's recommended mappings are of.
_DATABRICKS: Final = frozenset({"dataBricks", "customappsso-2019"})
#: How much later than it should a cycle may be: others may be at work before it.
_LATE: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """``mend`` is a command, or empty when nothing needs to be done."""

    area: str
    level: Level
    sentence: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows of an application: its ``last`` cycle; how many users and groups are ``assigned``, who
    left and may still be active there (``leavers``), objects that fail (``failing``) and ``workers`` that are heard of;
    which notices are not delivered (``untold``, or empty); and the longest time between two cycles (``safety``)."""

    state: JobState
    last: Row | None
    assigned: tuple[int, int]
    leavers: int
    failing: int
    workers: int
    untold: str
    safety: timedelta


async def facts(database: Database, ledger: Ledger, tenant: Tenant, application: Application, minutes: float) -> Facts:
    """All that :func:`examine` is told; ``minutes`` are the most between two cycles."""
    async with database.reading() as tx:
        assigned = await assignments.count(tx, tenant, application)
        leavers = await how_many(tx, tenant.id, application.id)
        untold = await undelivered(tx, tenant.id, application.id)
        workers = (await queue.standing(tx, tenant.id)).alive
    state, cycles = await ledger.job(), await ledger.cycles(1, "cycle")
    failing = (await ledger.standing()).failing
    last = cycles[0] if cycles else None
    return Facts(state, last, assigned, leavers, failing, workers, untold or "", timedelta(minutes=minutes))


async def examine(application: Application, job: Job, facts: Facts) -> AsyncIterator[Finding]:
    """All findings about an application."""
    async for finding in _connection(application, job):
        yield finding
    for finding in _mappings(application):
        yield finding
    yield scope(application, facts.assigned)
    yield await _matching(application, job, facts.last)
    yield _objects(application, facts)
    yield _quarantine(application, facts.state)
    yield _leavers(application, facts.leavers)
    yield _schedule(application, facts)
    yield _guard(application, facts.last)
    if facts.untold:
        yield Finding("notices", "look", facts.untold)


async def _connection(application: Application, job: Job) -> AsyncIterator[Finding]:
    name = application.name
    try:
        await probe(job.target, job.rules, job.wire)
    except TargetError as error:
        area = "token" if error.credentials else "connection"
        mend = f"provisor app set {name} --secret-token-file FILE" if error.credentials else f"provisor app test {name}"
        rest = f" It asks to be left in peace for {error.rest:g} seconds." if error.rest is not None else ""
        yield Finding(area, "bad", str(error).rstrip(".") + "." + rest, mend)
        return
    yield Finding("connection", "good", f"{application.tenant_url} answers as a SCIM service should.")
    try:
        me = await owner(job.target)
    except TargetError as error:
        yield Finding("token", "bad", str(error), f"provisor app set {name} --secret-token-file FILE")
        return
    yield Finding("token", "good", "The secret token is taken.")
    whose = str((me or {}).get("userName") or application.target_capabilities.owner_name or "")
    if not whose:
        sentence = "The target does not tell whose token it is, so that person is not spared."
        yield Finding("owner", "look", sentence, f"provisor app set {name} --token-owner USER")
    else:
        yield Finding("owner", "good", f"The token is {whose}'s, whom no cycle disables or demotes.")


def _mappings(application: Application) -> list[Finding]:
    name = application.name
    try:
        wrong = [item for item in check(application.schema) if item.error]
    except Invalid as error:
        return [Finding("mappings", "bad", str(error), f"provisor app mappings check {name}")]
    found = [
        Finding(
            "mappings",
            "bad",
            f"{item.object_type} {item.attribute} {item.sentence}",
            f"provisor app mappings check {name}",
        )
        for item in wrong
    ]
    others = recommended(application.schema) if application.template in _DATABRICKS else []
    if others:
        sentence = f"{len(others)} mappings are not as recommended, like {others[0]}."
        found.append(Finding("mappings", "look", sentence, f"provisor app mappings diff {name} --recommended"))
    return found or [Finding("mappings", "good", "The mappings can run, and nothing is wrong with them.")]


def scope(application: Application, assigned: tuple[int, int]) -> Finding:
    """Whether anybody is in scope; ``assigned``: how many users and groups are."""
    people, groups = assigned
    if application.scope == "all":
        return Finding("scope", "good", "All users and groups are in scope.")
    if not people and not groups:
        sentence = "Nobody is assigned, so nobody is in scope."
        return Finding("scope", "bad", sentence, f"provisor app assign {application.name} --group GROUP")
    return Finding("scope", "good", f"Assigned are {_counted(people, 'user')} and {_counted(groups, 'group')}.")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


async def _matching(application: Application, job: Job, last: Row | None) -> Finding:
    name = application.name
    refused = int((last or {}).get("counts", {}).get("refuse", 0)) if last is not None else 0
    if refused and last is not None:
        rows = await job.ledger.log(cycle=last["number"], limit=1000)
        first = next((row for row in rows if row["action"] == "refuse"), None)
        said = f", like {first['source_name']}: {first['reason']}" if first is not None else ""
        sentence = f"The last cycle refused {refused}{said}."
        return Finding("matching", "look", sentence, f"provisor log {name} --cycle {last['number']}")
    return Finding("matching", "good", "The last cycle refused nobody." if last is not None else "No cycle ran yet.")


def _objects(application: Application, facts: Facts) -> Finding:
    """What the last cycle could not do, whole or for some."""
    name, last = application.name, facts.last
    if last is not None and last["ended"] is not None and last["status"] == "failed":
        error = str(last["error"] or "it was cut off").rstrip(".")
        return Finding("cycle", "bad", f"Cycle {last['number']} failed: {error}.", f"provisor sync {name}")
    if facts.failing:
        sentence = f"{_counted(facts.failing, 'object')} could not be done, and will be tried again."
        return Finding("cycle", "look", sentence, f"provisor log {name}")
    return Finding("cycle", "good", "Nothing of the last cycle is open." if last is not None else "No cycle ran yet.")


def waits_for_release(state: JobState) -> bool:
    """Whether somebody must release the application's next cycle, however well the target answers."""
    return state.restored is not None or "guard against accidental deletion" in (state.quarantine or "")


def _quarantine(application: Application, state: JobState) -> Finding:
    if state.quarantine is None:
        return Finding("quarantine", "good", "The application is not in quarantine.")
    sentence = f"It is in quarantine: {state.quarantine}"
    asks = "plan" if waits_for_release(state) else "log" if "objects fail" in state.quarantine else "app test"
    mend = f"provisor {asks} {application.name}"
    return Finding("quarantine", "bad", sentence, mend)


def _leavers(application: Application, count: int) -> Finding:
    if not count:
        return Finding("leavers", "good", "Nobody who left is active there, as far as the target has answered.")
    sentence = f"{count} who left may still be active there."
    return Finding("leavers", "bad", sentence, f"provisor leavers {application.name}")


def _schedule(application: Application, facts: Facts) -> Finding:
    name, state, last = application.name, facts.state, facts.last
    if application.provisioning != "On":
        sentence = "Provisioning Status is Off: only provisor sync runs a cycle."
        return Finding("schedule", "look", sentence, f"provisor app start {name}")
    if not facts.workers:
        sentence = "Provisioning Status is On, and no worker is heard of: no cycle runs until one is started."
        return Finding("schedule", "bad", sentence, "provisor serve")
    began: datetime | None = last["started"] if last is not None else None
    if began is None:
        sentence = "No cycle has run yet, and a worker is heard of: the first one is about to begin."
        return Finding("schedule", "look", sentence, f"provisor log {name}")
    if (state.refused or state.quarantine is not None) and state.last_cycle is not None:
        tried = state.last_cycle + rest(state.refused, facts.leavers > 0)
        cycles = "The last cycle" if state.refused < 2 else f"The last {state.refused} cycles"
        sentence = f"{cycles} did not go through: the next is tried at {tried:%H:%M:%S} UTC, and by hand at once."
        return Finding("schedule", "look", sentence, f"provisor sync {name}")
    wanted = following(application.policies.schedule, began) or began + facts.safety
    if state.now > wanted + _LATE:
        sentence = (
            f"The last cycle began at {began:%Y-%m-%d %H:%M} UTC, and the next is overdue although a worker is heard "
            "of: its log says what it is at."
        )
        return Finding("schedule", "bad", sentence, f"provisor sync {name}")
    how = application.policies.schedule
    goes = "as soon as something changes" if how == EVENT else f"by the schedule {how}"
    return Finding("schedule", "good", f"The last cycle began at {began:%Y-%m-%d %H:%M} UTC; they run {goes}.")


def _guard(application: Application, last: Row | None) -> Finding:
    name = application.name
    error = str(last["error"] or "") if last is not None else ""
    if last is not None and "guard against accidental deletion holds" in error:
        # Nobody has looked since whether it still would.
        when = f"Of cycle {last['number']}, {last['started']:%Y-%m-%d %H:%M} UTC: "
        return Finding("guard", "bad", when + error.partition(". ")[0] + ".", f"provisor plan {name}")
    if not application.guard_percent and not application.guard_most:
        sentence = "The guard against accidental deletion is off."
        return Finding("guard", "look", sentence, f"provisor app set {name} --guard-percent 20 --guard-most 500")
    return Finding("guard", "good", "The guard against accidental deletion holds nothing.")
