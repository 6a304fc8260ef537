"""The directory as a source."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from source_suite import SourceConformance

from pair import Pair
from provisor.directory import groups, users
from provisor.directory.source import DirectorySource


class Writer:
    """Changes the directory of a pair."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.source = DirectorySource(pair.house.database, pair.tenant, pair.application)
        self.set_user, self.assign, self.unassign = pair.set_user, pair.assign, pair.unassign

    async def user(self, name: str, **values: Any) -> UUID:
        return await self._pair.user(name, assigned=False, **values)

    async def group(self, name: str, *members: UUID) -> UUID:
        return await self._pair.group(name, *members, assigned=False)

    async def recycle(self, identity: UUID) -> None:
        async with self._pair.edit() as work:
            await users.recycle(work, identity)

    async def purge(self, identity: UUID) -> None:
        async with self._pair.edit() as work:
            if not (await users.find(work.tx, self._pair.tenant, str(identity))).recycled:
                await users.recycle(work, identity)
            await users.purge(work, identity)

    async def add_member(self, team: UUID, group: UUID) -> None:
        async with self._pair.edit() as work:
            await groups.add_members(work, [(team, group, "Group")])


class TestDirectory(SourceConformance):
    @pytest.fixture
    def writer(self, pair: Pair) -> Writer:
        return Writer(pair)
