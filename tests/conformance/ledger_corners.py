"""The smaller rules of every ledger: who waits and for how long, what is left of whom, what a restart keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from ledger_suite import begun, create, dirty, ended, group, ids, known, leased, marked, settled

from provisor.connectors.base import SourceChange
from provisor.provisioning.change import LEAVERS, USERS, Known
from provisor.provisioning.retries import Standing
from provisor.sync.ledger import DRY_RUNS_KEPT
from provisor.sync.records import Membership, Outcome, Planned

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class LedgerCorners:
    # ── who is due ───────────────────────────────────────────────────────────────────────────────────────────

    async def test_only_what_is_news_ends_a_wait(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        after = Known(ada, "User", failures=2, error="no")
        await settled(ledger, epoch, after, seq=5, settled=False, retry_seconds=60)
        await marked(ledger, ada, seq=5)
        await marked(ledger, ada, seq=4)
        await ledger.mark_known(5)
        assert (await dirty(ledger), await known(ledger, ada)) == ([], after)
        ledger.later(MINUTE + timedelta(seconds=1))
        assert await dirty(ledger) == [ada]
        await settled(ledger, epoch, after, seq=5, settled=False, retry_seconds=60)
        await ledger.mark_known(6)
        assert (await dirty(ledger), await known(ledger, ada)) == ([ada], replace(after, failures=0))
        assert [due.seq for due in await ledger.due("User", None, 9, backed_off=False)] == [6]

    async def test_what_is_made_again_is_not_the_account_that_was_deleted(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        applied = {"userName": "old@contoso.com"}
        gone = Known(ada, "User", "linked", "42", adopted=True, last_applied=applied, unsettled=True, deleting=True)
        await settled(ledger, epoch, gone, seq=5, settled=False)
        await ledger.promise(epoch, [create(ada)])
        assert await known(ledger, ada) == Known(ada, "User", intent=create(ada).sent, unsettled=True)

    async def test_refused_cycles_are_counted_until_one_goes_through_or_somebody_clears(self, ledger: Any) -> None:
        counted = []
        cycles: Sequence[tuple[str, dict[str, Any]]] = (
            ("failed", {}),
            ("quarantined", {"quarantine": "no"}),
            ("failed", {"rest": 60.0}),
            ("failed", {}),
            ("done", {}),
            ("failed", {"blameless": True}),
            ("failed", {}),
        )
        for status, more in cycles:
            epoch = await leased(ledger)
            await ended(ledger, await begun(ledger), status, epoch=epoch, **more)
            await ledger.give_back(epoch)
            counted.append((await ledger.job()).refused)
        assert counted == [1, 2, 0, 1, 0, 0, 1]

    async def test_one_change_marks_an_object_once(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await ledger.job()
        with pytest.raises(asyncpg.CardinalityViolationError):
            await ledger.mark([SourceChange(ada, "User", 1), SourceChange(ada, "User", 2)], watermark=2)
        assert (await dirty(ledger), (await ledger.job()).watermark) == ([], 0)

    async def test_an_initial_intake_is_one_with_a_watermark(self, ledger: Any) -> None:
        before = await ledger.job()
        await ledger.mark([], watermark=None, initial=True)
        assert replace(await ledger.job(), now=before.now) == before
        await ledger.mark([], watermark=7, initial=True)
        state = await ledger.job()
        assert (state.watermark, state.initial, state.generation) == (7, True, before.generation + 1)

    async def test_a_row_that_goes_well_does_not_end_the_wait_of_a_failure(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada)
        epoch = await leased(ledger)
        failed = Known(ada, "User", failures=1, error="no")
        await settled(ledger, epoch, failed, settled=False, retry_seconds=60)
        await settled(ledger, epoch, failed, settled=False)
        assert await dirty(ledger) == []
        await settled(ledger, epoch, Known(ada, "User"), settled=False)
        assert await dirty(ledger) == [ada]

    async def test_what_is_settled_stays_settled(self, ledger: Any) -> None:
        ada, nobody = ids(2)
        await marked(ledger, ada, seq=5)
        epoch = await leased(ledger)
        await settled(ledger, epoch, Known(ada, "User"), Known(nobody, "User"), seq=5)
        await settled(ledger, epoch, Known(ada, "User"), seq=4)
        await settled(ledger, epoch, Known(ada, "User"), seq=6, settled=False)
        assert await ledger.applied([ada, nobody]) == {ada: 5}, "nobody is made by being settled"

    async def test_everything_is_looked_at_but_who_waits(self, ledger: Any) -> None:
        ada, bob, eve = ids(3)
        await marked(ledger, ada, bob, eve, seq=5)
        epoch = await leased(ledger)
        await settled(ledger, epoch, Known(ada, "User"), seq=5)
        await settled(ledger, epoch, Known(bob, "User", failures=1), seq=5, retry_seconds=60)
        found = await ledger.due("User", None, 9, backed_off=False, everything=True)
        assert [(due.known.source_id, due.objects, due.references) for due in found] == [
            (ada, False, False),
            (eve, True, False),
        ]
        everybody = await ledger.due("User", ada, 9, backed_off=True, everything=True)
        assert [due.known.source_id for due in everybody] == [bob, eve]
        assert await ledger.due("Group", None, 9, backed_off=True, everything=True) == []

    async def test_a_restart_ends_every_wait(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada)
        epoch = await leased(ledger)
        await settled(ledger, epoch, Known(ada, "User", failures=3, error="no"), settled=False, retry_seconds=60)
        await ledger.clear(full=False)
        assert (await dirty(ledger), await known(ledger, ada)) == ([ada], Known(ada, "User"))

    # ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────

    async def test_whoever_adopts_takes_over_what_was_applied_and_nothing_else(self, ledger: Any) -> None:
        ada, old = ids(2)
        await marked(ledger, ada, old)
        epoch = await leased(ledger)
        before = Known(old, "User", "disabled", "42", True, {"a": 1}, {"b": 2}, {"c": 3}, 1, "no", True, True)
        await settled(ledger, epoch, before)
        await settled(ledger, epoch, Known(ada, "User", kept={"d": 4}, failures=2, error="late"))
        change = replace(create(ada), action="update", target_id="42", adopts=True, inherited={"b": 2}, releases=old)
        await ledger.promise(epoch, [change])
        assert await known(ledger, old) == Known(old, "User", failures=1, error="no")
        # What it is to get counts as given from now on: the answer may be lost.
        given = {"b": 2, "userName": "ada@contoso.com"}
        assert await known(ledger, ada) == Known(
            ada, "User", "linked", "42", True, None, given, {"d": 4}, 2, "late", True
        )

    async def test_an_account_that_was_found_after_a_lost_create_is_linked_before_it_is_changed(
        self, ledger: Any
    ) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada)
        epoch = await leased(ledger)
        await ledger.promise(epoch, [create(ada)])
        renamed = replace(
            create(ada), action="update", target_id="42", attributes={"userName": ("ada@contoso.com", "b")}
        )
        await ledger.promise(epoch, [renamed])
        found = await known(ledger, ada)
        assert (found.linked, found.target_id, found.last_applied) == (True, "42", {"userName": "ada@contoso.com"})

    async def test_harm_of_a_cycle_that_never_ended_counts(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada)
        epoch = await leased(ledger)
        cycle = await begun(ledger)
        await ledger.append(cycle, [Planned(1, create(ada))])
        outcome = Outcome(1, ada, 1, "success", Known(ada, "User", "linked", "42"))
        # Of each page what it adds, because several workers may do the cycle.
        assert await ledger.settle(epoch, cycle, [outcome], harmed=3) == 1
        assert await ledger.settle(epoch, cycle, [outcome], harmed=2) == 2
        assert (await ledger.harm())[1] == 5

    async def test_a_failure_of_somebody_who_was_in_step_is_due_again(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada)
        epoch = await leased(ledger)
        await settled(ledger, epoch, Known(ada, "User", "disabled", "42"))
        assert await dirty(ledger) == []
        failed = Known(ada, "User", "disabled", "42", failures=1, error="no")
        await settled(ledger, epoch, failed, settled=False, due=True, retry_seconds=60)
        assert await dirty(ledger, backed_off=True) == [ada]

    async def test_what_a_worker_sent_after_it_lost_its_lease_is_looked_at_again(self, ledger: Any) -> None:
        ada, team, eve = ids(3)
        await marked(ledger, ada, eve)
        await marked(ledger, team, kind="Group")
        old = await leased(ledger)
        for identity, kind, target in ((ada, "User", "42"), (eve, "User", "43"), (team, "Group", "44")):
            await settled(ledger, old, Known(identity, kind, "linked", target))  # type: ignore[arg-type]
        assert await dirty(ledger) == await dirty(ledger, "Group") == []
        changes = [
            replace(create(ada), action="update", target_id="42"),
            replace(create(team), action="add members", object_type="Group", attributes={}, members=(eve,)),
            replace(create(ada), action="update references", target_id="42", attributes={"manager": (None, eve)}),
        ]
        await ledger.doubt(old, changes)
        assert await dirty(ledger) == [], "it is still this worker's"
        await ledger.give_back(old)
        assert await ledger.take("other", 30) is not None
        await ledger.doubt(old, changes)
        assert (await dirty(ledger), await dirty(ledger, "Group")) == ([ada], [team])
        assert (await known(ledger, ada)).unsettled
        # What it gave and nobody heard of is ours to clear, a manager as well.
        assert (await known(ledger, ada)).last_applied == {**changes[0].given, "manager": eve}
        assert (await ledger.members([team]))[team] == {eve: Membership("43", True, False)}

    async def test_whoever_has_no_account_is_in_no_group(self, ledger: Any) -> None:
        team, ada, bob, eve, old, zoe = people = ids(6)
        await marked(ledger, *people)
        epoch = await leased(ledger)
        await ledger.found_members(team, dict.fromkeys(people[1:], "42"), [])
        await ledger.found_members(zoe, {team: "7"}, [])
        await marked(ledger, bob, seq=2)
        cycle = await begun(ledger, *(create(item) for item in (ada, bob, eve, zoe)))
        outcomes = [
            Outcome(1, ada, 1, "success", None),
            Outcome(2, bob, 1, "success", None),  # Changed again meanwhile.
            Outcome(3, eve, 1, "success", Known(eve, "User", "removed", "42")),
            Outcome(4, zoe, 1, "success", Known(zoe, "User", "linked", "42"), releases=old),
        ]
        await ledger.settle(epoch, cycle, outcomes)
        assert (await ledger.members([team, zoe])) == {
            team: {zoe: Membership("42", False)},
            zoe: {team: Membership("7", False)},
        }
        assert set(await ledger.known(people)) == {team, bob, eve, old, zoe}
        assert await ledger.in_groups(people) == {zoe, team}
        await ledger.settle(epoch, cycle, [Outcome(4, zoe, 1, "success", Known(zoe, "User"))])
        assert await ledger.in_groups(people) == set()
        assert await ledger.holders("User", ["42"]) == {}

    # ── members ──────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_is_known_of_a_membership(self, ledger: Any) -> None:
        team, ada, bob, eve = ids(4)
        await marked(ledger, team, kind="Group")
        epoch = await leased(ledger)
        await ledger.promise_members(epoch, [(team, ada, "42"), (team, bob, "43")])
        await ledger.promise_members(epoch, [(team, ada, "44")])
        assert (await ledger.members([team]))[team][ada] == Membership("42", True, False)
        await ledger.doubt_members(epoch, [(team, eve)])
        await ledger.found_members(team, {ada: "45"}, [bob, eve])
        assert (await ledger.members([team]))[team] == {ada: Membership("45", True)}
        cycle = await begun(ledger, group(team, "add members"))
        linked = Known(team, "Group", "linked", "7")
        twice = Outcome(1, team, 1, "success", linked, members_put=[(team, bob, "43", True), (team, bob, "44", True)])
        with pytest.raises(asyncpg.CardinalityViolationError):
            await ledger.settle(epoch, cycle, [twice])
        assert (await known(ledger, team), (await ledger.log(limit=9))[0]["status"]) == (Known(team, "Group"), None)
        both = Outcome(1, team, 1, "success", linked, members_put=[(team, bob, "43", True)], members_gone=[(team, bob)])
        await ledger.settle(epoch, cycle, [both])
        assert (await ledger.members([team]))[team].keys() == {ada}
        await ledger.clear(full=True)
        assert await ledger.members([team]) == {team: {}}

    # ── references ───────────────────────────────────────────────────────────────────────────────────────────

    async def test_references_that_a_plan_opens(self, ledger: Any) -> None:
        one, two, three = people = ids(3)
        await marked(ledger, *people, kind="Group")
        epoch = await leased(ledger)
        actions = ("add members", "remove members", "update references")
        first = await begun(ledger, group(one, "add members"))
        assert await ledger.open_references(epoch, first) == [UUID(one)]
        plan = [group(item, action) for item, action in zip(people, actions, strict=True)]
        cycle = await begun(ledger, *plan, group(two, "remove members"))
        opened = await ledger.open_references(epoch, cycle)
        assert sorted(opened) == [UUID(two), UUID(three)]
        assert await ledger.open_references(epoch, cycle) == []
        await ledger.settle(epoch, cycle, self._succeeded(*people, two))
        due = await ledger.due("Group", None, 9, backed_off=False)
        assert [(item.objects, item.references) for item in due] == [(False, True)] * 3
        await ledger.settle_references(epoch, cycle, opened, [three])
        assert await dirty(ledger, "Group") == [one, three]
        await ledger.settle_references(epoch, cycle, [], [])
        assert await dirty(ledger, "Group") == [one, three]
        await ledger.settle_references(epoch, cycle, None, [one])
        assert await dirty(ledger, "Group") == [one]
        await ledger.settle_references(epoch, first)
        assert await dirty(ledger, "Group") == [one], "nothing came of that plan"

    async def test_what_keeps_references_due(self, ledger: Any) -> None:
        refused, again, skipped, left = teams = ids(4)
        await marked(ledger, *teams, kind="Group")
        epoch = await leased(ledger)
        opening = await begun(ledger, *(group(item, "add members") for item in teams))
        await ledger.open_references(epoch, opening)
        rows = [group(refused, "refuse"), group(again, "refuse", retry=True), group(skipped, "nothing")]
        cycle = await begun(ledger, *rows, *(group(item, "add members") for item in (refused, again)))
        outcomes = self._succeeded(refused, again, skipped, refused, again)
        for outcome in outcomes[:3]:
            outcome.status = "skipped"
        await ledger.settle(epoch, cycle, outcomes)
        await ledger.settle_references(epoch, cycle)
        assert await dirty(ledger, "Group") == sorted([again, skipped, left])

    @staticmethod
    def _succeeded(*teams: str) -> list[Outcome]:
        return [
            Outcome(place, team, 1, "success", Known(team, "Group", "linked", "7"))
            for place, team in enumerate(teams, 1)
        ]

    # ── plan and log ─────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_dry_run_has_the_number_of_the_cycle_that_it_foretells(self, ledger: Any) -> None:
        await ledger.job()
        runs: Sequence[tuple[str, int]] = [("plan", 1), ("cycle", 1), ("draft", 2), ("plan", 2), ("cycle", 2)]
        for mode, number in runs:
            cycle = await ledger.begin("full", mode, 0, 9)
            assert (cycle.number, cycle.kind, cycle.mode) == (number, "full", mode)
            ledger.later(MINUTE)
        rows = await ledger.cycles()
        assert [(row["mode"], row["number"]) for row in rows] == list(reversed(runs))
        assert [row["number"] for row in await ledger.cycles(1, "plan")] == [2]
        assert (rows[0]["as_of"], rows[0]["status"], (await ledger.job()).cycles) == (9, "running", 2)

    async def test_the_latest_dry_runs_are_kept(self, ledger: Any) -> None:
        await ledger.job()
        running = await ledger.begin("full", "plan", 0, 0)
        for mode in ["draft"] + ["plan"] * (DRY_RUNS_KEPT + 2):
            ledger.later(MINUTE)
            cycle = await ledger.begin("full", mode, 0, 0)
            await ended(ledger, cycle, "planned")
        rows = await ledger.cycles(99, "plan")
        assert (len(rows), rows[-1]["id"]) == (DRY_RUNS_KEPT + 1, running.id)
        assert len(await ledger.cycles(99)) == DRY_RUNS_KEPT + 2

    async def test_the_log_tells_what_was_done(self, ledger: Any) -> None:
        ada, bob = ids(2)
        await marked(ledger, ada, bob)
        epoch = await leased(ledger)
        linked = Known(bob, "User", "linked", "43")
        first = await begun(ledger, replace(create(ada), action="nothing"), create(bob), create(bob))
        await ledger.settle(
            epoch,
            first,
            [Outcome(1, ada, 1, "success", Known(ada, "User")), Outcome(2, bob, 1, "failure", linked, "no")],
        )
        second = await begun(ledger, replace(create(ada), action="nothing"), replace(create(ada), phase=LEAVERS))
        dry = await ledger.begin("full", "plan", 0, 0)
        await ledger.append(dry, [Planned(1, create(ada))])

        async def told(**more: Any) -> list[tuple[int, int]]:
            return [(row["number"], row["ordinal"]) for row in await ledger.log(**{"limit": 9, **more})]

        assert await told() == [(2, 2), (1, 2), (1, 3)]
        assert await told(limit=2) == [(2, 2), (1, 2)]
        assert await told(cycle=1) == [(1, 2), (1, 3)]
        assert await told(sources=[UUID(ada)]) == [(2, 2), (2, 1), (1, 1)]
        assert await told(sources=[]) == []
        await ended(ledger, second, "failed", epoch=epoch)
        assert await told(cycle=2) == [(2, 2), (2, 1)], "what was left is told"
        (row,) = await ledger.log(cycle=1, sources=[UUID(bob)], limit=1)
        assert (row["cycle"], row["kind"], row["source_id"], row["phase"]) == (
            first.id,
            "incremental",
            UUID(bob),
            USERS,
        )
        assert row["detail"]["attributes"] == {"userName": [None, "ada@contoso.com"]}

    # ── how a cycle ends ─────────────────────────────────────────────────────────────────────────────────────

    async def test_what_an_unfinished_cycle_leaves(self, ledger: Any) -> None:
        ada, bob = ids(2)
        await marked(ledger, ada, bob)
        epoch = await leased(ledger)
        for status, finished, expected in (
            ("stopped", None, "skipped"),
            ("done", None, None),
            ("quarantined", True, None),
            ("done", False, "skipped"),
        ):
            cycle = await begun(ledger, create(ada), create(bob))
            await ledger.settle(epoch, cycle, [Outcome(1, ada, 1, "failure", Known(ada, "User"), "no", settled=False)])
            await ended(ledger, cycle, status, epoch=epoch, finished=finished)
            rows = await ledger.log(cycle=cycle.number, limit=9)
            assert [row["status"] for row in rows] == ["failure", expected]
            assert rows[1]["message"] == ("was planned and not sent" if expected else None)
            assert ((await ledger.cycles())[0]["status"], (await ledger.cycles())[0]["done"]) == (status, 1)
            ledger.later(MINUTE)

    async def test_what_a_cycle_clears(self, ledger: Any) -> None:
        epoch = await leased(ledger)
        await ledger.clear(full=False)
        for kind, finished, expected in (
            ("full", False, (True, True, False)),
            ("incremental", True, (True, True, False)),
            ("full", True, (True, True, True)),
            ("initial", False, (True, True, True)),
            ("initial", True, (False, False, True)),
        ):
            cycle = await begun(ledger, kind=kind)
            await ended(ledger, cycle, "done", epoch=epoch, finished=finished)
            state = await ledger.job()
            assert (state.initial, state.forced, state.compared is not None) == expected
            assert state.last_cycle is not None
        compared = state.compared
        await ledger.clear(full=True)
        state = await ledger.job()
        assert (state.initial, state.forced, state.compared, state.last_cycle) == (True, True, compared, None)

    async def test_what_was_mended_while_a_cycle_ran_is_not_undone_by_its_end(self, ledger: Any) -> None:
        epoch = await leased(ledger)
        cycle = await begun(ledger, kind="initial")
        await ended(ledger, cycle, "quarantined", epoch=epoch, quarantine="refused")
        assert (await ledger.job()).quarantine == "refused"
        cycle = await begun(ledger, kind="initial")
        await ledger.mended()
        state = await ledger.job()
        assert (state.quarantine, state.last_cycle, state.generation) == (None, None, cycle.generation + 1)
        await ended(ledger, cycle, "quarantined", epoch=epoch, quarantine="refused")
        await ended(ledger, cycle, "done", epoch=epoch)
        assert replace(await ledger.job(), now=state.now) == state

    async def test_a_dry_run_says_nothing_of_the_job(self, ledger: Any) -> None:
        before = await ledger.job()
        cycle = await ledger.begin("initial", "plan", before.generation, 0)
        await ended(ledger, cycle, "planned", error="held", quarantine="no")
        assert replace(await ledger.job(), now=before.now) == before
        (row,) = await ledger.cycles()
        assert (row["status"], row["error"], row["ended"] is not None) == ("planned", "held", True)

    # ── counting ─────────────────────────────────────────────────────────────────────────────────────────────

    async def test_harm_of_a_day(self, ledger: Any) -> None:
        ada, bob, eve = ids(3)
        await marked(ledger, ada, bob, eve)
        epoch = await leased(ledger)
        await settled(ledger, epoch, Known(ada, "User", "linked", "1"), Known(bob, "User", "disabled", "2"))
        assert await ledger.harm() == (1, 0)
        for harmed, released in ((3, False), (50, True)):
            await ended(ledger, await begun(ledger), epoch=epoch, harmed=harmed, released=released)
        ledger.later(23 * HOUR)
        await ended(ledger, await begun(ledger), "stopped", epoch=epoch, harmed=4)
        assert await ledger.harm() == (1, 7)
        ledger.later(2 * HOUR)
        assert await ledger.harm() == (1, 4)

    async def test_how_many_work_and_fail(self, ledger: Any) -> None:
        works, fails, refers, new = people = ids(4)
        await marked(ledger, *people)
        epoch = await leased(ledger)
        assert await ledger.standing() == Standing(0, 0)
        linked = Known(works, "User", "linked", "1")
        await settled(ledger, epoch, linked, replace(linked, source_id=refers, failures=1))
        await settled(ledger, epoch, replace(linked, source_id=fails, failures=1), settled=False)
        await settled(ledger, epoch, Known(new, "User"))
        assert await ledger.standing() == Standing(1, 1, 1)
        assert await ledger.standing(2) == Standing(0, 1, 1)
