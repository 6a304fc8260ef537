"""A server over TLS, with Microsoft's libraries in front of it as Microsoft ships them; and one without, for parties of
OpenID Connect."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from installation import Installation, installation

if TYPE_CHECKING:
    from microsoft import Sdk, Shop


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    from microsoft import Shop

    with installation() as made:
        files = made.json("tls", "self-signed")
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        os.environ["SSL_CERT_FILE"] = files["certificate"]
        made.serve("--tls-cert", files["certificate"], "--tls-key", files["key"])
        yield Shop(made, files["certificate"], files["key"])
    del os.environ["SSL_CERT_FILE"]


@pytest_asyncio.fixture
async def sdk(shop: Shop) -> AsyncIterator[Sdk]:
    from microsoft import Sdk

    made = await Sdk.open(shop, await asyncio.to_thread(shop.client))
    yield made
    await made.close()


@pytest.fixture(scope="session")
def plain() -> Iterator[Installation]:
    """A server that programs on this machine need no certificate for."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        made.serve()
        yield made
