"""The mapping language: documented examples, places of mistakes, and the two forms of an expression."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.expressions import ExpressionError, compile_expression, from_source, parse, to_source
from provisor.expressions.tree import Attribute, Call, Comparison, Constant, Node

EXAMPLES = json.loads((Path(__file__).parent / "examples.json").read_text())
ACTIVE = 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'


def value(expression: str, **attributes: Any) -> Any:
    return compile_expression(expression).evaluate(attributes)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["expression"][:40])
def test_documented_examples(example: dict[str, Any]) -> None:
    assert value(example["expression"], **example["attributes"]) == example["expected"]


def test_seed_31_a_name_without_its_missing_parts() -> None:
    name = 'Join(" ", [givenName], [surname])'
    assert value(name, givenName="Ada", surname="Lovelace") == "Ada Lovelace"
    assert value(name, givenName="Madonna") == "Madonna"
    assert value(name) == ""


def test_seed_32_active_is_the_opposite_of_soft_deleted() -> None:
    assert (value(ACTIVE, IsSoftDeleted=False), value(ACTIVE, IsSoftDeleted=True)) == ("True", "False")
    assert value(ACTIVE) is None


def test_join_takes_every_value_of_a_list() -> None:
    assert value('Join("; ", [otherMails], [mail])', otherMails=["a", "", "b"], mail="c") == "a; b; c"


def test_one_value_is_needed_where_there_are_several() -> None:
    with pytest.raises(ExpressionError, match="one value is needed"):
        value('Switch([otherMails], , "a", "b")', otherMails=["a", "b"])


def test_an_argument_that_is_not_needed_is_not_evaluated() -> None:
    expression = 'Switch([a], Switch([several], , "x", "y"), "1", "one")'
    assert value(expression, a="1", several=["x", "y"]) == "one"


def test_comparisons_are_numeric_where_both_sides_are_numbers() -> None:
    assert value("[a] = 1", a="1.0") is True
    assert value('[a] = "x"', a="X") is False
    assert value('[a] <> ""') is False
    assert value("[a] < 10", a="9") is True


def test_only_what_is_read_counts_as_an_attribute() -> None:
    assert compile_expression(f'Join(" ", [givenName], {ACTIVE})').attributes == {"givenName", "IsSoftDeleted"}


@pytest.mark.parametrize(
    ("expression", "sentence", "place"),
    [
        ("", "The expression is empty", 0),
        ('Join(" ", [givenName]', "is missing where the expression ends", 21),
        ('Join(" " [a])', r"is missing where there is \[a\]", 9),
        ('"abc', "not closed with a quotation mark", 0),
        ("[abc", r"not closed with \]", 0),
        (
            'switch([a], , "b", "c")',
            "switch is no function that Provisor has: it has Join, Switch. Did you mean Switch?",
            0,
        ),
        ('Join(" ", Switch([a]))', "Switch needs a source, a default", 10),
        ("Joint", r"neither an attribute .* Did you mean Join\( \)", 0),
        ("[a] = 1 ?", r"\? does not belong here", 8),
    ],
)
def test_a_mistake_is_named_with_its_place(expression: str, sentence: str, place: int) -> None:
    with pytest.raises(ExpressionError, match=sentence) as caught:
        compile_expression(expression)
    assert caught.value.place == place


def test_the_caret_stands_under_the_place_in_its_own_line() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression('Join(" ",\n  [a]\n  [b])')
    assert caught.value.caret() == "    [b])\n    ^"
    with pytest.raises(ExpressionError) as caught:
        compile_expression(f'Join("{"x" * 500}", nothing)')
    line, mark = caught.value.caret().splitlines()
    assert line[len(mark) - 1 :].startswith("nothing")


def test_limits_come_before_parsing() -> None:
    with pytest.raises(ExpressionError, match="longer than 10000"):
        parse(f'"{"a" * 10_000}"')
    with pytest.raises(ExpressionError, match="inside each other"):
        parse('Join("",' * 100 + "[a]" + ")" * 100)


def test_every_other_backslash_stays() -> None:
    assert value(r'"\+\\\"x"') == '\\+\\"x'


def test_microsofts_form_leaves_out_what_was_left_out() -> None:
    source = to_source(parse(ACTIVE))
    assert (source["name"], source["type"], source["expression"]) == ("Switch", "Function", ACTIVE)
    keys = [item["key"] for item in source["parameters"]]
    assert keys == ["source", *["switchValue"] * 4]
    assert source["parameters"][0]["value"]["type"] == "Attribute"
    assert from_source({**source, "expression": None}) == ACTIVE


def test_a_source_without_anything_is_refused() -> None:
    with pytest.raises(ExpressionError, match="neither an expression nor a name"):
        from_source({"type": "Function"})


LEAVES = st.one_of(st.from_regex(r"[^\[\]]{1,12}", fullmatch=True).map(Attribute), st.text(max_size=12).map(Constant))


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda items: Call("Join", tuple(items))),
        st.tuples(inner, st.none() | inner, inner, inner).map(lambda items: Call("Switch", items)),
        st.builds(Comparison, st.sampled_from(["=", "<>", "<="]), inner, inner),
    )


@given(st.recursive(LEAVES, _grown, max_leaves=12))
def test_what_is_written_reads_the_same(node: Node) -> None:
    assert parse(str(node)) == node
    assert parse(from_source(to_source(node))) == node
    compile_expression(str(node)).evaluate({})


@given(st.text(alphabet='JoinSwitch()[]", =<>ab\\\n1&H', max_size=60))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    try:
        compile_expression(text)
    except ExpressionError as error:
        assert str(error).endswith((".", "?"))
        error.caret()
