"""A group that is made again gets everybody again, however it went away."""

from __future__ import annotations

from pair import Pair, members
from provisor.sync.planning import Only


async def _inside(pair: Pair) -> int:
    return len(members(await pair.team("Team")))


async def test_one_deleted_by_hand_and_provisioned_on_demand_has_its_members(pair: Pair) -> None:
    team = await pair.group("Team", await pair.user("ada"), await pair.user("bob"))
    await pair.sync()
    await pair.call("DELETE", f"/Groups/{(await pair.team('Team'))['id']}")
    # Before any cycle has noticed.
    await pair.cycle(lambda target: target, only=Only(groups=(str(team),)))
    assert await _inside(pair) == 2
    assert (await pair.sync()).counts == {}


async def test_one_whose_deletion_was_not_heard_and_that_comes_back_has_its_members(pair: Pair) -> None:
    team = await pair.group("Team", await pair.user("ada"), await pair.user("bob"))
    await pair.sync()
    await pair.unassign(team)
    await pair.sync(lambda request: "unheard" if request.method == "DELETE" else None)
    await pair.assign(team)
    await pair.sync()
    assert await _inside(pair) == 2
    assert (await pair.sync()).counts == {}
