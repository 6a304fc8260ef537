"""What Terraform's azuread provider and msgraph-sdk ask, in their order, as it was recorded from them."""

from __future__ import annotations

import pytest

from graphs import Graph
from pair import Pair
from replay import DATA, recorded, replay


async def test_terraform_from_the_template_to_the_end(graph: Graph, pair: Pair) -> None:
    """Apply, plan, change and destroy, as ``tests/clients/test_terraform.py`` recorded it."""
    known = {"base": pair.base, "token": pair.token, "tenant32": pair.tenant.id.hex}
    await replay(graph, recorded("terraform_azuread"), known)
    assert (await pair.account("ada"))["userName"] == "ada@contoso.com"


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("msgraph_*.json")))
async def test_msgraph_sdk(graph: Graph, pair: Pair, name: str) -> None:
    """Recorded by ``RECORD=1 make test-clients``, which asks the same of msgraph-sdk itself."""
    known = {"base": pair.base, "token": pair.token, "tenant32": pair.tenant.id.hex, "tenant": str(pair.tenant.id)}
    await replay(graph, recorded(name), known)
