"""The first of the cases that ``make fuzz`` puts, with every run of the tests."""

from __future__ import annotations

import pytest

from fuzz.cases import CONTOSO
from fuzz.run import Fuzz
from pair import Pair


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_input_breaks_the_databricks_profile(pair: Pair, seed: int) -> None:
    await pair.extend(CONTOSO)
    await Fuzz.make(pair, seed).run(600)


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_input_breaks_the_standard_profile(standard: Pair, seed: int) -> None:
    await standard.extend(CONTOSO)
    await Fuzz.make(standard, seed).run(600)
