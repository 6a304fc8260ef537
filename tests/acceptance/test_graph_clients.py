"""What Terraform's azuread provider and msgraph-sdk ask, in their order, as it was recorded from them."""

from __future__ import annotations

import pytest

from graphs import Graph
from pair import Pair
from replay import DATA, recorded, replay


async def test_terraform_from_the_template_to_the_end(graph: Graph, pair: Pair) -> None:
    ada = await pair.user("ada", assigned=False)

    async def account() -> None:
        assert (await pair.account("ada"))["active"]

    known = {"base": pair.base, "token": pair.token, "user": str(ada), "tenant32": pair.tenant.id.hex}
    await replay(graph, recorded("terraform_azuread"), known, {"the account is there": account})


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("msgraph_*.json")))
async def test_msgraph_sdk(graph: Graph, pair: Pair, name: str) -> None:
    """Recorded by ``RECORD=1 make test-clients``, which asks the same of msgraph-sdk itself."""
    known = {"base": pair.base, "token": pair.token, "tenant32": pair.tenant.id.hex, "tenant": str(pair.tenant.id)}
    await replay(graph, recorded(name), known)
