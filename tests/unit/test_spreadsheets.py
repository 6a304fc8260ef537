"""What a spreadsheet shows of a cell."""

import pytest

from provisor.spreadsheets import cell


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3=A", "\t=1", "\r=1"])
def test_what_would_be_run_is_shown(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ada", "+44 20 7946 0000", "-12.5", "a=b", "(030) 1234"])
def test_anything_else_stays(text: str) -> None:
    assert cell(text) == text
