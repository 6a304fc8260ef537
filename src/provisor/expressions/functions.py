"""The table of functions (entra.md §4.3), from the modules that have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from provisor.expressions import directory, generating, logic, moments, replacing, texts
from provisor.expressions.function import Function

FUNCTIONS: Final[Mapping[str, Function]] = {
    function.name: function
    for function in sorted(
        (
            *texts.FUNCTIONS,
            *logic.FUNCTIONS,
            *moments.FUNCTIONS,
            *replacing.FUNCTIONS,
            *generating.FUNCTIONS,
            *directory.FUNCTIONS,
        ),
        key=lambda function: function.name.lower(),
    )
}
