"""What every ledger must do about a cycle that several workers do together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ledger_suite import begun, create, dirty, group, ids, leased, marked, settled

from provisor.provisioning.change import LEAVERS, Known
from provisor.sync.lease import LeaseLost
from provisor.sync.records import Outcome
from provisor.sync.sharing import GIVEN_UP, HELPER_SECONDS, Taken, Totals

PRINT = "the same configuration"
LEASED = 300


async def opened(ledger: Any, *changes: Any) -> tuple[Any, Any, int]:
    """The shares of a cycle with this plan, the cycle, and the epoch of its lease."""
    epoch = await leased(ledger)
    await ledger.keep(epoch, LEASED)
    cycle = await begun(ledger, *changes)
    shares = ledger.shares(cycle)
    await shares.open(epoch, PRINT)
    return shares, cycle, epoch


async def joined(ledger: Any, shares: Any) -> tuple[Any, Any]:
    """A helper's shares and ledger."""
    helper = await shares.join("another", PRINT, 9)
    assert helper is not None
    return shares.of_helper(helper), ledger.of_helper(helper)


async def taken(shares: Any, limit: int = 2) -> list[int] | str:
    page = await shares.take(limit)
    return [row.ordinal for row in page.rows] if isinstance(page, Taken) else page


class LedgerShares:
    async def test_each_page_is_handed_out_once_and_phases_one_after_the_other(self, ledger: Any) -> None:
        people = ids(5)
        leaver = replace(create(people[4]), action="disable", phase=LEAVERS)
        shares, _, _ = await opened(ledger, *(create(item) for item in people[:3]), leaver)
        other, _ = await joined(ledger, shares)
        leavers = await other.take(2)
        assert ([row.ordinal for row in leavers.rows], await taken(shares), await shares.waiting()) == ([4], "phase", 1)
        await other.done(leavers, 0, [], 0)
        assert (await shares.waiting(), await shares.turn()) == (0, True)
        pages = [await taken(shares), await taken(other), await taken(shares), await taken(other)]
        assert pages == [[1, 2], [3], "phase", "phase"]
        assert not await shares.turn()
        await shares.close()
        assert (await taken(shares), await taken(other)) == ("closed", "closed")

    async def test_pages_about_the_same_object_are_not_out_at_the_same_time(self, ledger: Any) -> None:
        team, ada = ids(2)
        rows = [group(team, "add members", members=(ada,)) for _ in range(3)]
        shares, _, _ = await opened(ledger, *rows)
        page = await shares.take(1)
        other, _ = await joined(ledger, shares)
        assert (await taken(other, 1), await taken(shares, 1)) == ("busy", "busy")
        await shares.done(page, 0, [], 0)
        assert await taken(other, 1) == [2]

    async def test_whoever_has_another_configuration_or_comes_late_does_not_help(self, ledger: Any) -> None:
        shares, _, _ = await opened(ledger, create(ids(1)[0]))
        assert await shares.join("another", "something else", 9) is None
        assert await shares.join("another", PRINT, 1) is None, (
            "there are as many as the target takes requests at a time"
        )
        await joined(ledger, shares)
        assert await shares.join("another", PRINT, 2) is None
        ledger.later(timedelta(seconds=HELPER_SECONDS + 1))
        assert (await shares.take(1)).workers == 1, "one that is not heard of takes nobody's place"
        assert await shares.join("another", PRINT, 2) is not None
        await shares.close()
        assert await shares.join("another", PRINT, 9) is None

    async def test_a_helper_ends_when_nobody_holds_the_lease(self, ledger: Any) -> None:
        shares, _, epoch = await opened(ledger, *(create(item) for item in ids(2)))
        other, theirs = await joined(ledger, shares)
        assert await taken(other, 1) == [1]
        ledger.later(timedelta(seconds=LEASED))
        assert await taken(other) == "closed" and not await other.keep()
        with pytest.raises(LeaseLost):
            await theirs.stopping(epoch)
        # Whoever comes after does its own alone.
        await leased(ledger)
        assert await taken(other) == "closed" and not await other.keep()

    async def test_whoever_lost_the_lease_does_not_share_any_more(self, ledger: Any) -> None:
        epoch = await leased(ledger)
        old = ledger.shares(await begun(ledger, create(ids(1)[0])))
        await ledger.give_back(epoch)
        shares, _, _ = await opened(ledger, create(ids(1)[0]))
        with pytest.raises(LeaseLost):
            await old.open(epoch, PRINT)
        assert await taken(shares) == [1]

    async def test_what_is_given_up_is_due_also_when_it_was_only_looked_at(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada)
        await settled(ledger, await leased(ledger), Known(ada, "User", "linked", "42"))
        await ledger.give_back(1)
        assert await dirty(ledger) == []
        disable = replace(create(ada), action="disable", target_id="42")
        shares, _, _ = await opened(ledger, disable)
        other, _ = await joined(ledger, shares)
        assert await taken(other) == [1]
        await other.leave()
        assert await shares.waiting() == 0 and await dirty(ledger) == [ada]
        assert (await ledger.known([ada]))[ada].unsettled

    async def test_a_helper_writes_under_the_lease_as_long_as_it_is_heard_of(self, ledger: Any) -> None:
        ada, bob = ids(2)
        await marked(ledger, ada, bob)
        shares, cycle, epoch = await opened(ledger, create(ada), create(bob))
        other, theirs = await joined(ledger, shares)
        page = await other.take(1)
        await theirs.promise(epoch, [row.change for row in page.rows])
        ledger.later(timedelta(seconds=HELPER_SECONDS - 1))
        assert await other.keep() and await shares.waiting() == 1
        ledger.later(timedelta(seconds=HELPER_SECONDS - 1))
        assert not await theirs.stopping(epoch) and await shares.waiting() == 1
        ledger.later(timedelta(seconds=2))
        assert await shares.waiting() == 0, "what it had is given up"
        assert not await other.keep() and await taken(other) == "closed"
        for write in (theirs.promise(epoch, []), theirs.settle(epoch, cycle, []), theirs.stopping(epoch)):
            with pytest.raises(LeaseLost):
                await write
        await ledger.promise(epoch, [])
        assert await taken(shares) == [2], "nobody sends again what it may have sent"
        (row,) = [row for row in await ledger.log(limit=9) if row["message"] == GIVEN_UP]
        assert (str(row["source_id"]), row["status"]) == (ada, "failure")
        assert await dirty(ledger) == sorted([ada, bob]), "and the next cycle looks"
        assert (await shares.totals()).failures == 1

    async def test_what_a_helper_sent_after_it_was_given_up_is_looked_at_again(self, ledger: Any) -> None:
        (ada,) = ids(1)
        await marked(ledger, ada)
        await settled(ledger, await leased(ledger), Known(ada, "User", "linked", "42"))
        await ledger.give_back(1)
        update = replace(create(ada), action="update", target_id="42")
        shares, _, epoch = await opened(ledger, update)
        other, theirs = await joined(ledger, shares)
        await theirs.doubt(epoch, [update])
        assert await dirty(ledger) == [], "it is still heard of"
        await other.leave()
        await theirs.doubt(epoch, [update])
        assert await dirty(ledger) == [ada]

    async def test_whoever_leaves_gives_up_what_is_not_done(self, ledger: Any) -> None:
        ada, bob = ids(2)
        await marked(ledger, ada, bob)
        shares, cycle, epoch = await opened(ledger, create(ada), create(bob))
        other, theirs = await joined(ledger, shares)
        await other.take(2)
        await theirs.settle(epoch, cycle, [Outcome(1, ada, 1, "success", Known(ada, "User", "linked", "42"))])
        await other.leave()
        assert await shares.waiting() == 0
        rows = {str(row["source_id"]): row["status"] for row in await ledger.log(limit=9)}
        assert rows == {ada: "success", bob: "failure"}

    async def test_what_came_of_all_pages_is_counted(self, ledger: Any) -> None:
        people = ids(4)
        shares, _, _ = await opened(ledger, *(create(item) for item in people))
        other, _ = await joined(ledger, shares)
        mine, theirs = await shares.take(2), await other.take(2)
        assert (mine.workers, theirs.workers) == (2, 2)
        await shares.done(mine, 1, ["a", "b"], 0)
        await other.done(theirs, 2, ["b", "c"], 7)
        assert await shares.totals() == Totals(3, 7, frozenset("abc"))
        await shares.clear()
        assert await shares.totals() == Totals(0, 0, frozenset())
        assert (await taken(shares), await other.keep()) == ("closed", False)

    async def test_the_cycle_that_comes_after_is_not_touched_by_the_one_before(self, ledger: Any) -> None:
        ada, bob = ids(2)
        shares, _, old_epoch = await opened(ledger, create(ada))
        other, theirs = await joined(ledger, shares)
        page = await other.take(1)
        await ledger.give_back(old_epoch)
        after, _, _ = await opened(ledger, create(bob))
        mine = await after.take(1)
        await other.done(page, 5, ["x"], 5)
        await shares.clear()
        assert await after.waiting() == 1 and (await after.totals()).failures == 0
        with pytest.raises(LeaseLost):
            await theirs.promise(old_epoch, [])
        await after.done(mine, 0, [], 0)
        assert await after.waiting() == 0
