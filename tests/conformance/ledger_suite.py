"""What every ledger must do. An implementation's test makes an empty ``ledger`` and inherits the rest.

Beside the ledger's own methods it has ``clear``, ``mended`` and ``stop``, each in a transaction of its own, and
``later``: so much time passes. What follows from smaller rules is in ``ledger_corners``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from provisor.connectors.base import SourceChange
from provisor.provisioning.change import ADDITIONS, LEAVERS, USERS, Change, Known
from provisor.sync.lease import LeaseLost
from provisor.sync.records import Cycle, Membership, Outcome, Planned, Status


def create(identity: str, seq: int = 1, **more: Any) -> Change:
    attributes = {"userName": (None, "ada@contoso.com")}
    return Change("create", "User", identity, "ada", "is new", seq, USERS, attributes=attributes, **more)


async def leased(ledger: Any) -> int:
    await ledger.job()
    epoch = await ledger.take("me", 30)
    assert epoch is not None
    return int(epoch)


async def marked(ledger: Any, *ids: str, seq: int = 1, kind: str = "User") -> None:
    await ledger.job()
    await ledger.mark([SourceChange(identity, kind, seq) for identity in ids], watermark=seq)  # type: ignore[arg-type]


async def dirty(ledger: Any, kind: str = "User", **more: Any) -> list[str]:
    found = await ledger.due(kind, None, 100, backed_off=more.get("backed_off", False))
    return [due.known.source_id for due in found]


def ids(count: int) -> list[str]:
    return sorted(str(uuid4()) for _ in range(count))


async def begun(ledger: Any, *changes: Change, kind: str = "incremental") -> Cycle:
    """A cycle with this plan."""
    cycle: Cycle = await ledger.begin(kind, "cycle", (await ledger.job()).generation, 0)
    await ledger.append(cycle, [Planned(ordinal, change) for ordinal, change in enumerate(changes, 1)])
    return cycle


async def settled(ledger: Any, epoch: int, *afters: Known, seq: int = 1, **more: Any) -> None:
    """A cycle that found out this of everybody."""
    cycle = await begun(ledger, *(create(after.source_id, seq) for after in afters))
    rows = [Outcome(place, after.source_id, seq, "success", after, **more) for place, after in enumerate(afters, 1)]
    await ledger.settle(epoch, cycle, rows)


async def ended(ledger: Any, cycle: Cycle, status: str = "done", **more: Any) -> None:
    await ledger.end(cycle, status=status, plan_hash="", counts={}, requests=0, **more)


def group(identity: str, action: Any, phase: int = ADDITIONS, **more: Any) -> Change:
    return Change(action, "Group", identity, "g", "", 1, phase, **more)


async def known(ledger: Any, identity: str) -> Known:
    found: Known = (await ledger.known([identity]))[identity]
    assert await ledger.accounts([identity]) == ({identity: found.target_id} if found.linked else {})
    return found


class LedgerConformance:
    async def test_marking_makes_dirty_and_moves_the_watermark_at_once(self, ledger: Any) -> None:
        ada, team = str(uuid4()), str(uuid4())
        await marked(ledger, ada, seq=7)
        await marked(ledger, team, seq=9, kind="Group")
        assert (await ledger.job()).watermark == 9
        assert (await dirty(ledger), await dirty(ledger, "Group")) == ([ada], [team])
        await ledger.mark([], watermark=3)
        assert (await ledger.job()).watermark == 9

    async def test_due_objects_come_in_pages_by_id(self, ledger: Any) -> None:
        ids = sorted(str(uuid4()) for _ in range(5))
        await marked(ledger, *ids)
        first = await ledger.due("User", None, 3, backed_off=False)
        rest = await ledger.due("User", first[-1].known.source_id, 3, backed_off=False)
        assert [due.known.source_id for due in (*first, *rest)] == ids

    async def test_one_worker_at_a_time_holds_the_lease(self, ledger: Any) -> None:
        first = await leased(ledger)
        assert await ledger.take("other", 30) is None
        await ledger.keep(first, 30)
        await ledger.give_back(first)
        second = await ledger.take("other", 30)
        assert second > first
        with pytest.raises(LeaseLost):
            await ledger.keep(first, 30)

    async def test_a_lease_that_ran_out_is_taken_and_its_old_holder_writes_nothing(self, ledger: Any) -> None:
        ada = str(uuid4())
        await marked(ledger, ada)
        old = await leased(ledger)
        await ledger.keep(old, -1)
        new = await ledger.take("other", 30)
        assert new is not None
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada))])
        known = Known(ada, "User", "linked", "42")
        writes: tuple[Callable[[], Any], ...] = (
            lambda: ledger.promise(old, [create(ada)]),
            lambda: ledger.settle(old, cycle, [Outcome(1, ada, 1, "success", known)]),
            lambda: ledger.open_references(old, cycle),
            lambda: ledger.settle_references(old, cycle),
            lambda: ledger.promise_members(old, [(ada, ada, "42")]),
            lambda: ledger.doubt_members(old, [(ada, ada)]),
            lambda: ledger.stopping(old),
            lambda: ledger.end(cycle, status="done", plan_hash="", counts={}, requests=0, epoch=old),
        )
        for write in writes:
            with pytest.raises(LeaseLost):
                await write()
        assert (await ledger.known([ada]))[ada] == Known(ada, "User")
        assert await dirty(ledger) == [ada]
        assert await ledger.members([ada]) == {ada: {}}
        (row,) = await ledger.cycles()
        assert (row["status"], row["done"], row["ended"]) == ("running", 0, None)

    async def test_a_lease_lasts_as_long_as_it_is_kept(self, ledger: Any) -> None:
        epoch = await leased(ledger)
        ledger.later(timedelta(seconds=20))
        await ledger.keep(epoch, 30)
        ledger.later(timedelta(seconds=20))
        assert (await ledger.job()).held is True
        assert await ledger.take("other", 30) is None
        ledger.later(timedelta(seconds=11))
        assert (await ledger.job()).held is False
        await ledger.settle_references(epoch, await begun(ledger))  # Nobody has taken it over.
        assert await ledger.take("other", 30) == epoch + 1
        await ledger.give_back(epoch)
        assert (await ledger.job()).held is True
        await ledger.give_back(epoch + 1)
        assert (await ledger.job()).held is False

    async def test_a_stop_is_meant_for_the_cycle_that_runs(self, ledger: Any) -> None:
        await ledger.job()
        await ledger.stop()
        first = await leased(ledger)
        ledger.later(timedelta(seconds=31))
        await ledger.stop()
        assert await ledger.stopping(first) is False, "its lease had run out"
        await ledger.keep(first, 30)
        await ledger.stop()
        assert await ledger.stopping(first) is True
        await ledger.give_back(first)
        await ledger.stop()
        second = await leased(ledger)
        assert await ledger.stopping(second) is False
        with pytest.raises(LeaseLost):
            await ledger.stopping(first)

    async def test_what_is_settled_is_known_and_not_due(self, ledger: Any) -> None:
        ada = str(uuid4())
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada, 5))])
        after = Known(ada, "User", "linked", "42", adopted=True, last_applied={"userName": "a"}, kept={"id": "4711"})
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 5, "success", after, "well done")])
        assert (await ledger.known([ada]))[ada] == after
        assert await dirty(ledger) == []
        row = (await ledger.log(cycle=None, limit=10))[0]
        assert (row["status"], row["message"], row["target_id"]) == ("success", "well done", "42")

    async def test_a_change_during_a_cycle_stays_dirty(self, ledger: Any) -> None:
        ada = str(uuid4())
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada, 5))])
        await marked(ledger, ada, seq=6)
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 5, "success", Known(ada, "User", "linked", "42"))])
        assert await dirty(ledger) == [ada]

    async def test_a_failure_waits_for_its_next_try_and_a_change_ends_the_wait(self, ledger: Any) -> None:
        ada = str(uuid4())
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada, 5))])
        after = Known(ada, "User", failures=1, error="no")
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 5, "failure", after, "no", settled=False, retry_seconds=60)])
        assert await dirty(ledger) == []
        assert await dirty(ledger, backed_off=True) == [ada]
        await marked(ledger, ada, seq=6)
        assert await dirty(ledger) == [ada]

    async def test_an_intent_is_kept_until_it_is_settled(self, ledger: Any) -> None:
        ada = str(uuid4())
        await marked(ledger, ada)
        epoch = await leased(ledger)
        await ledger.promise(epoch, [create(ada)])
        now = await known(ledger, ada)
        assert (now.intent, now.unsettled, now.deleting) == ({"userName": "ada@contoso.com"}, True, False)
        await ledger.promise(epoch, [replace(create(ada), action="delete", target_id="42", attributes={})])
        now = await known(ledger, ada)
        assert (now.intent, now.deleting) == ({"userName": "ada@contoso.com"}, True)

    async def test_an_account_that_is_adopted_is_known_before_it_is_changed(self, ledger: Any) -> None:
        ada, old = str(uuid4()), str(uuid4())
        await marked(ledger, ada, old)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(old))])
        await ledger.settle(epoch, cycle, [Outcome(1, old, 1, "success", Known(old, "User", "disabled", "42"))])
        adopting = replace(create(ada), action="update", target_id="42", adopts=True, releases=old)
        await ledger.promise(epoch, [adopting])
        now = await known(ledger, ada)
        assert (now.state, now.target_id, now.adopted, now.unsettled) == ("linked", "42", True, True)
        assert (await ledger.known([old]))[old] == Known(old, "User")

    async def test_a_plan_is_done_phase_by_phase(self, ledger: Any) -> None:
        ada, bob, team = (str(uuid4()) for _ in range(3))
        await marked(ledger, ada, bob)
        cycle = await ledger.begin("initial", "plan", 0, 0)
        members = Change("add members", "Group", team, "g", "", 1, ADDITIONS, members=(ada, bob))
        leaver = replace(create(bob), action="disable", phase=LEAVERS, attributes={"active": (True, False)})
        await ledger.append(cycle, [Planned(1, create(ada)), Planned(2, members)])
        await ledger.append(cycle, [Planned(3, leaver)])
        pages = [page async for page in ledger.planned(cycle, 10)]
        assert [[row.change.action for row in page] for page in pages] == [["disable"], ["create"], ["add members"]]
        assert pages[1][0].change == create(ada)
        assert pages[2][0].change.members == (ada, bob)

    async def test_a_plan_is_read_page_by_page(self, ledger: Any) -> None:
        people = ids(5)
        await ledger.job()
        cycle = await begun(ledger, *(create(item) for item in people), replace(create(people[0]), phase=LEAVERS))
        pages = [[row.ordinal for row in page] async for page in ledger.planned(cycle, 2)]
        assert pages == [[6], [1, 2], [3, 4], [5]]
        for ordinals in ((7, 6), (7, 7)):
            with pytest.raises(asyncpg.UniqueViolationError):
                await ledger.append(cycle, [Planned(ordinal, create(people[0])) for ordinal in ordinals])
        assert (await ledger.cycles())[0]["planned"] == 6

    async def test_a_plan_that_was_done_says_whose_account_it_was(self, ledger: Any) -> None:
        ada, bob = ids(2)
        await marked(ledger, ada, bob)
        epoch = await leased(ledger)
        cycle = await begun(ledger, create(ada), replace(create(bob), target_id="43"))
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 1, "success", Known(ada, "User", "linked", "42"))])
        await ledger.settle(epoch, cycle, [Outcome(2, bob, 1, "success", Known(bob, "User"))])
        pages = [[row.change.target_id for row in page] async for page in ledger.planned(cycle, 9)]
        assert pages == [["42", "43"]]

    async def test_whom_a_plan_adds_to_groups_is_told_as_far_as_asked(self, ledger: Any) -> None:
        team, other, *people = ids(5)
        await leased(ledger)
        cycle = await begun(ledger, group(team, "add members", members=tuple(people)), group(other, "create"))
        assert await ledger.joining(cycle, [team, other], 2) == {team: people[:2]}
        assert await ledger.joining(cycle, [other], 2) == {}

    async def test_members_are_remembered_with_who_added_them(self, ledger: Any) -> None:
        team, ada, bob = (str(uuid4()) for _ in range(3))
        await marked(ledger, ada)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada))])
        outcome = Outcome(1, ada, 1, "success", Known(ada, "User", "linked", "42"))
        outcome.members_put = [(team, ada, "42", True)]
        await ledger.settle(epoch, cycle, [outcome])
        await ledger.found_members(team, {bob: "43", ada: "42"}, [])
        assert (await ledger.members([team]))[team] == {ada: Membership("42", True), bob: Membership("43", False)}
        assert await ledger.in_groups([ada, bob, team]) == {ada, bob}
        await ledger.doubt_members(epoch, [(team, bob)])
        assert (await ledger.members([team]))[team][bob] == Membership("43", False, False)
        await ledger.found_members(team, {bob: "43"}, [])
        eve = str(uuid4())
        await ledger.promise_members(epoch, [(team, eve, "44"), (team, bob, "43")])
        found = (await ledger.members([team]))[team]
        # Whoever is added although they are known to be in the group was taken out of it by others.
        assert (found[eve], found[bob]) == (Membership("44", True, False), Membership("43", False, False))
        await ledger.found_members(team, {eve: "44"}, [])
        assert (await ledger.members([team]))[team][eve] == Membership("44", True)
        outcome.members_put, outcome.members_gone = [], [(team, bob), (team, eve)]
        await ledger.settle(epoch, cycle, [outcome])
        assert (await ledger.members([team]))[team] == {ada: Membership("42", True)}
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 1, "success", None)])
        assert (await ledger.members([team]))[team] == {}
        assert await ledger.known([ada]) == {}

    async def test_references_stay_due_until_every_row_is_done(self, ledger: Any) -> None:
        team = str(uuid4())
        await marked(ledger, team, kind="Group")
        epoch = await leased(ledger)
        known = Known(team, "Group", "linked", "7")
        members = Change("add members", "Group", team, "g", "", 1, ADDITIONS, members=())
        cases: tuple[tuple[Status, list[str]], ...] = (("failure", [team]), ("success", []))
        for status, expected in cases:
            cycle = await ledger.begin("incremental", "cycle", 0, 0)
            await ledger.append(cycle, [Planned(1, replace(members, action="link", phase=USERS)), Planned(2, members)])
            await ledger.open_references(epoch, cycle)
            await ledger.settle(epoch, cycle, [Outcome(1, team, 1, "success", known)])
            await ledger.settle(epoch, cycle, [Outcome(2, team, 1, status, known, settled=False)])
            await ledger.settle_references(epoch, cycle)
            assert await dirty(ledger, "Group") == expected

    async def test_a_restart_is_initial_and_only_a_full_one_forgets_links(self, ledger: Any) -> None:
        ada = str(uuid4())
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada, 5))])
        linked = Known(ada, "User", "linked", "42")
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 5, "success", linked)])
        await ledger.end(cycle, status="done", plan_hash="h", counts={"create": 1}, requests=1, epoch=epoch)
        state = await ledger.job()
        assert (state.initial, state.last_cycle is not None, state.quarantine) == (False, True, None)
        await ledger.clear(full=False)
        state = await ledger.job()
        assert (state.initial, state.last_cycle, state.watermark) == (True, None, 5)
        assert (await ledger.known([ada]))[ada] == linked
        await ledger.clear(full=True)
        assert (await ledger.job()).watermark == 0
        assert await ledger.known([ada]) == {}
        assert (await ledger.cycles(5))[0]["counts"] == {"create": 1}

    async def test_a_restart_while_a_cycle_runs_is_not_forgotten(self, ledger: Any) -> None:
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", (await ledger.job()).generation, 0)
        await ledger.clear(full=False)
        await ledger.end(cycle, status="done", plan_hash="", counts={}, requests=1, epoch=epoch)
        assert (await ledger.job()).initial is True

    async def test_what_changed_again_is_not_forgotten(self, ledger: Any) -> None:
        team = str(uuid4())
        await marked(ledger, team, seq=5, kind="Group")
        epoch = await leased(ledger)
        cycle = await ledger.begin("incremental", "cycle", 0, 0)
        gone = Change("delete", "Group", team, "g", "", 5, USERS, target_id="7")
        await ledger.append(cycle, [Planned(1, gone)])
        await ledger.settle(epoch, cycle, [Outcome(1, team, 5, "success", Known(team, "Group", "linked", "7"))])
        await marked(ledger, team, seq=6, kind="Group")
        await ledger.settle(epoch, cycle, [Outcome(1, team, 5, "success", None)])
        assert (await ledger.known([team]))[team] == Known(team, "Group")
        assert await dirty(ledger, "Group") == [team]

    async def test_whose_account_it_is(self, ledger: Any) -> None:
        ada, bob = str(uuid4()), str(uuid4())
        await marked(ledger, ada, bob, seq=5)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada, 5)), Planned(2, create(bob, 5))])
        held = Known(ada, "User", "disabled", "42")
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 5, "success", held)])
        assert await ledger.holders("User", ["42", "43"]) == {"42": held}
        assert await ledger.holders("Group", ["42"]) == {}
        taken = Known(bob, "User", "linked", "42")
        await ledger.settle(epoch, cycle, [Outcome(2, bob, 5, "success", taken, releases=ada)])
        assert await ledger.holders("User", ["42"]) == {"42": taken}
        assert (await ledger.known([ada]))[ada] == Known(ada, "User")

    async def test_everything_that_is_known_is_marked(self, ledger: Any) -> None:
        ada = str(uuid4())
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        cycle = await ledger.begin("initial", "cycle", 0, 0)
        await ledger.append(cycle, [Planned(1, create(ada, 5))])
        await ledger.settle(epoch, cycle, [Outcome(1, ada, 5, "success", Known(ada, "User", "linked", "42"))])
        await ledger.mark_known(6)
        assert await dirty(ledger) == [ada]

    async def test_a_quarantine_stands_with_the_job_until_a_cycle_goes_through(self, ledger: Any) -> None:
        epoch = await leased(ledger)
        for quarantine in ("the token has expired", None):
            cycle = await ledger.begin("initial", "cycle", 0, 0)
            status = "quarantined" if quarantine else "done"
            await ledger.end(
                cycle, status=status, plan_hash="", counts={}, requests=1, epoch=epoch, quarantine=quarantine
            )
            state = await ledger.job()
            assert (state.quarantine, state.initial) == (quarantine, quarantine is not None)
