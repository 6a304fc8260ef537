"""What every Source must do (``connectors.base``). An implementation's test makes ``writer`` and inherits the rest.

``writer`` has ``source`` and changes what it reads: ``user``, ``group``, ``set_user``, ``recycle``, ``purge``,
``add_member``, ``assign`` and ``unassign``.
"""

from __future__ import annotations

from typing import Any


class SourceConformance:
    async def test_changes_come_in_order_and_each_object_once(self, writer: Any) -> None:
        source, start = writer.source, await writer.source.head()
        ada, bob = await writer.user("ada"), await writer.user("bob")
        await writer.set_user(ada, jobTitle="Countess")
        changes = await source.changes(start, 100)
        assert [change.id for change in changes if change.id in (str(ada), str(bob))] == [str(bob), str(ada)]
        assert [change.seq for change in changes] == sorted({change.seq for change in changes})
        assert await source.head() == changes[-1].seq
        assert await source.changes(await source.head(), 100) == []
        assert [change.seq for change in await source.changes(start, 1)] == [changes[0].seq]

    async def test_objects_are_read_as_they_are_now(self, writer: Any) -> None:
        ada = await writer.user("ada", jobTitle="Countess", otherMails=["a@b.c", "d@e.f"])
        found = (await writer.source.read("User", [str(ada)]))[str(ada)]
        assert (found.object_type, found.name, found.enabled, found.recycled) == (
            "User",
            "ada@contoso.com",
            True,
            False,
        )
        assert found.attributes["jobTitle"] == "Countess"
        assert found.attributes["otherMails"] == ["a@b.c", "d@e.f"]
        assert found.attributes["accountEnabled"] == "True"
        assert found.seq <= await writer.source.head()
        await writer.recycle(ada)
        later = (await writer.source.read("User", [str(ada)]))[str(ada)]
        assert (later.recycled, later.seq > found.seq) == (True, True)
        await writer.purge(ada)
        assert await writer.source.read("User", [str(ada)]) == {}
        assert str(ada) in {change.id for change in await writer.source.changes(later.seq, 10)}

    async def test_assignment_is_direct_or_through_a_group(self, writer: Any) -> None:
        ada, bob, eve = [await writer.user(name) for name in ("ada", "bob", "eve")]
        team, inner = await writer.group("Engineering", bob), await writer.group("Inner", eve)
        await writer.add_member(team, inner)
        await writer.assign(ada)
        await writer.assign(team)
        found = await writer.source.read("User", [str(ada), str(bob), str(eve)])
        assert found[str(ada)].assigned == "directly"
        assert found[str(bob)].assigned == "through the group Engineering"
        # Nested groups are not expanded (entra.md §2.3).
        assert found[str(eve)].assigned is None
        assert (await writer.source.read("Group", [str(team)]))[str(team)].assigned == "directly"
        start = await writer.source.head()
        await writer.unassign(team)
        assert {str(team), str(bob)} <= {change.id for change in await writer.source.changes(start, 100)}
        assert (await writer.source.read("User", [str(bob)]))[str(bob)].assigned is None

    async def test_members_leave_out_who_is_in_the_recycle_bin(self, writer: Any) -> None:
        ada, bob = await writer.user("ada"), await writer.user("bob")
        team = await writer.group("Engineering", ada, bob)
        assert set((await writer.source.members([str(team)]))[str(team)]) == {str(ada), str(bob)}
        start = await writer.source.head()
        await writer.recycle(ada)
        assert (await writer.source.members([str(team)]))[str(team)] == [str(bob)]
        assert {str(ada), str(team)} <= {change.id for change in await writer.source.changes(start, 100)}
        assert await writer.source.groups_of([str(bob)]) == [str(team)]

    async def test_reports_are_known_by_their_manager(self, writer: Any) -> None:
        ada = await writer.user("ada")
        bob = await writer.user("bob", manager="ada@contoso.com")
        assert await writer.source.reports_of([str(ada)]) == [str(bob)]
        assert (await writer.source.read("User", [str(bob)]))[str(bob)].manager == str(ada)
        start = await writer.source.head()
        await writer.purge(ada)
        assert (await writer.source.read("User", [str(bob)]))[str(bob)].manager is None
        assert str(bob) in {change.id for change in await writer.source.changes(start, 100)}

    async def test_everything_is_listed_once_in_pages(self, writer: Any) -> None:
        mine = {str(await writer.user(f"p{number}")) for number in range(3)} | {str(await writer.group("Engineering"))}
        seen: list[tuple[str, str]] = []
        while page := await writer.source.everything(seen[-1][0] if seen else None, 2):
            seen += page
        assert mine <= {identity for identity, _ in seen}
        assert len(seen) == len(set(seen))
        assert {kind for _, kind in seen} == {"User", "Group"}
