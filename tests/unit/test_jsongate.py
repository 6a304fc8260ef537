"""The gate refuses what must not come in, in the order size, depth, syntax, NUL; everything else passes unchanged."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.jsongate import JsonError, loads

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_json_passes_unchanged(value: object) -> None:
    assert loads(json.dumps(value).encode(), depth=64) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a":NaN}',
        b"[Infinity]",
        b"[1e400]",
        b'["\\ud800"]',
        b'["\\u0000"]',
        b'{"\\u0000":1}',
        b'[{"a":["x\\u0000"]}]',
        b'["\x00"]',
        b"\xff",
        b"[1] 2",
        b'["open',
    ],
)
def test_what_is_no_json_we_can_use_is_refused(data: bytes) -> None:
    with pytest.raises(JsonError) as caught:
        loads(data)
    assert not caught.value.too_large
    assert str(caught.value).endswith(".")


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    assert loads(b'["\\\\u0000"]') == ["\\u0000"]


def test_the_size_is_checked_before_anything_else() -> None:
    assert loads(b'"abc"', limit=5) == "abc"
    with pytest.raises(JsonError) as caught:
        loads(b"{{{{{{", limit=5)
    assert caught.value.too_large


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_the_depth_is_limited(opening: str, closing: str) -> None:
    assert loads((opening * 32 + "1" + closing * 32).encode())
    with pytest.raises(JsonError, match="32"):
        loads((opening * 33 + "1" + closing * 33).encode())
    with pytest.raises(JsonError, match="32"):
        loads(("[" * 500_000).encode())


def test_brackets_in_texts_are_no_depth_and_neighbours_are_not_inside_each_other() -> None:
    text = '\\"' + "[{" * 100
    assert loads(b'["' + text.encode() + b'"]') == ['"' + "[{" * 100]
    assert loads(b"[" + b",".join([b"[]"] * 500) + b"]") == [[]] * 500
