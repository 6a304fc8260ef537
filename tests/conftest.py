"""One installation for all tests, with its server; each test works in a tenant and a workspace of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec

import pytest
import pytest_asyncio

from graphs import Graph
from installation import Installation, installation
from pair import Pair
from provisor import compose
from provisor.compose import House
from provisor.config import Settings

#: Other people's libraries are for make test-clients: of Microsoft's, 400 MB of them, it alone has any.
collect_ignore = [] if find_spec("msgraph") else ["clients"]


@pytest.fixture(scope="session")
def shop() -> Iterator[Installation]:
    """The installation that tests share, its server running."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        made.serve()
        yield made


@pytest_asyncio.fixture(scope="session")
async def house(shop: Installation) -> AsyncIterator[House]:
    """The shared installation, opened in this process."""
    async with compose.opened(Settings(data=shop.folder)) as opened:
        yield opened


@pytest_asyncio.fixture
async def rooms(own: Installation) -> AsyncIterator[House]:
    """An installation of the test's own (``own``, of its module), opened in this process."""
    async with compose.opened(Settings(data=own.folder)) as opened:
        yield opened


@pytest_asyncio.fixture
async def pair(shop: Installation, house: House) -> AsyncIterator[Pair]:
    """A new tenant with an application, and the new workspace that it provisions.

    Every test has its own hour of wrong passwords: all of them come from the same address.
    """
    made = await Pair.make(shop, house)
    async with house.database.transaction() as tx:
        await tx.execute("delete from sign_in_try")
    yield made
    await made.close()


@pytest_asyncio.fixture
async def standard(shop: Installation, house: House) -> AsyncIterator[Pair]:
    """As ``pair``, with a workspace of profile standard."""
    made = await Pair.make(shop, house, profile="standard")
    yield made
    await made.close()


@pytest_asyncio.fixture
async def graph(shop: Installation, pair: Pair) -> AsyncIterator[Graph]:
    """A client of the Graph API with every right in the tenant of ``pair``."""
    made = await Graph.open(shop, pair.tenant.name, "Global Administrator")
    yield made
    await made.close()
