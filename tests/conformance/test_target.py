"""The SCIM target against workspaces of both profiles."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from target_suite import TargetConformance

from pair import Pair
from provisor.connectors.base import Target
from provisor.connectors.scim import ScimTarget


class TestStandard(TargetConformance):
    @pytest_asyncio.fixture
    async def target(self, standard: Pair) -> AsyncIterator[Target]:
        made = ScimTarget(standard.base, standard.token)
        yield made
        await made.close()


class TestDatabricks(TargetConformance):
    @pytest_asyncio.fixture
    async def target(self, pair: Pair) -> AsyncIterator[Target]:
        made = ScimTarget(pair.base, pair.token)
        yield made
        await made.close()
