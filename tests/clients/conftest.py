"""A server over TLS, and Microsoft's libraries in front of it as Microsoft ships them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from microsoft import Sdk, Shop

from installation import installation


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    with installation() as made:
        files = made.json("tls", "self-signed")
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        os.environ["SSL_CERT_FILE"] = files["certificate"]
        made.serve("--tls-cert", files["certificate"], "--tls-key", files["key"])
        yield Shop(made, files["certificate"], files["key"])
    del os.environ["SSL_CERT_FILE"]


@pytest_asyncio.fixture
async def sdk(shop: Shop) -> AsyncIterator[Sdk]:
    made = await Sdk.open(shop, await asyncio.to_thread(shop.client))
    yield made
    await made.close()
