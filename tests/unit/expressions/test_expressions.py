"""The mapping language: documented examples, places of mistakes, and the two forms of an expression."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisor.expressions import ExpressionError, Flow, Inputs, compile_expression, from_source, parse, to_source
from provisor.expressions.cases import judge, shown
from provisor.expressions.function import Function
from provisor.expressions.functions import FUNCTIONS
from provisor.expressions.tree import Attribute, Call, Comparison, Constant, Node

EXAMPLES = json.loads((Path(__file__).parent / "examples.json").read_text())
ACTIVE = 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'


def value(expression: str, **attributes: Any) -> Any:
    return compile_expression(expression).evaluate(attributes)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["expression"][:40])
def test_documented_examples(example: dict[str, Any]) -> None:
    outcome = judge(example, Random(1))
    assert outcome.passed is not False, (outcome.found, outcome.wanted)


def test_nearly_every_documented_example_is_judged() -> None:
    assert sum(judge(example, Random(1)).passed is None for example in EXAMPLES) == 4


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_a_function_does_what_its_entry_says(function: Function) -> None:
    assert function.about.endswith(".")
    for example in function.examples:
        found = shown(compile_expression(example.expression).evaluate(example.attributes))
        assert found == example.result, example.expression
    if function.examples:
        assert any(function.name in example.expression for example in function.examples)


def test_the_table_has_every_documented_function() -> None:
    assert len(FUNCTIONS) == 53


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
            r"switch is no function\. Did you mean Switch\?",
            0,
        ),
        ('Join(" ", Switch([a]))', r"Switch does not take 1 arguments: it is Switch\(source", 10),
        ("Joint", r"write \[Joint\] for the attribute, .* Did you mean Join\( \)", 0),
        ('Join(" ", [a]))', r"There is a \) too many", 14),
        ('Switch([a], "x" "y")', r"^\) or , is missing where there is \"y\"", 16),
        ("Join(' ', [a])", "straight quotation marks: write \" instead of '", 5),
        ("Join(“ ”, [a])", 'straight quotation marks: write " instead of “', 5),
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
    assert caught.value.caret() == "  line 3, column 3:\n    [b])\n    ^"
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


ODD = ["", " ", "a", "1", "0", "-1", "3.5", "&HF", "True", "ﬁ", "É", "2026-02-30", "11/25/2026 1:00:00 PM", "9" * 40]
ODD += [
    "(a+)+$",
    "(?<n>a*)",
    "[",
    "${n}",
    "yyyy-MM-dd",
    "d",
    "MMM",
    "x" * 300,
    "\x00",
    "AQEAAAAAAAUSAAAA",
    "[[",
    "{}",
    "null",
]
MIXED = st.sampled_from([*ODD, None, True, False, [], ["a", "b"], ["a"], [{"value": "x"}], 7])


def _trees() -> st.SearchStrategy[Node]:
    leaves = st.sampled_from(ODD).map(Constant) | st.sampled_from("abc").map(Attribute)

    def calls(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        def of(function: Function) -> st.SearchStrategy[Node]:
            counts = [count for count in range(9) if function.takes(count)]
            size = st.sampled_from(counts)
            return size.flatmap(lambda n: st.lists(inner | st.none(), min_size=n, max_size=n)).map(
                lambda items: Call(function.name, tuple(items))
            )

        compared = st.tuples(st.sampled_from(["=", "<>", "<"]), inner, inner).map(lambda parts: Comparison(*parts))
        return st.sampled_from(list(FUNCTIONS.values())).flatmap(of) | compared

    return st.recursive(leaves, calls, max_leaves=6)


@settings(max_examples=1500, deadline=None, derandomize=True, database=None)
@given(_trees(), st.fixed_dictionaries(dict.fromkeys("abc", MIXED)))
def test_whatever_is_written_gives_a_value_or_an_error_that_says_why(tree: Node, attributes: dict[str, Any]) -> None:
    inputs = Inputs(
        attributes, datetime(2026, 11, 25, tzinfo=UTC), Random(1), lambda found: found == "a", "contoso.com"
    )
    try:
        found = compile_expression(str(tree)).evaluate(inputs)
    except ExpressionError as error:
        assert str(error).endswith(".") and len(str(error)) > 10
    else:
        # An attribute that is passed on stays what it is.
        passed_on = any(found is item for item in attributes.values())
        assert passed_on or found is None or isinstance(found, str | bool | list | Flow)
    if not (isinstance(tree, Call) and tree.arguments == (None,)):
        assert parse(str(parse(str(tree)))) == parse(str(tree))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$"])
def test_a_regular_expression_that_never_ends_is_stopped(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="takes longer than"):
        value(f'Replace([a], , "{pattern}", , "x", , )', a="a" * 5000 + "!")


def test_a_text_does_not_grow_without_an_end() -> None:
    with pytest.raises(ExpressionError, match="more than 100000 characters"):
        value('Replace([a], , "", , [a], , )', a="x" * 4000)
    with pytest.raises(ExpressionError, match="more than 100000 characters"):
        value('Replace([a], "x", , , [a], , )', a="x" * 4000)


def test_chance_keeps_its_promises() -> None:
    for seed in range(200):
        inputs = Inputs({}, chance=Random(seed))
        found = compile_expression('RandomString(12, 2, 2, 2, 1, "?,")').evaluate(inputs)
        assert isinstance(found, str) and len(found) == 12 and not set(found) & set("?,")
        assert sum(char.isdecimal() for char in found) >= 2 and sum(char.isupper() for char in found) >= 2
        assert sum(not char.isalnum() for char in found) >= 2 and sum(char.islower() for char in found) >= 1
    with pytest.raises(ExpressionError, match="as many as its minima"):
        compile_expression("RandomString(3, 2, 2, 2, 1)").evaluate(Inputs({}, chance=Random(1)))


@pytest.mark.parametrize(
    ("text", "pattern", "written"),
    [
        ("2015-01-23 10:53:47.1", "yyyy-MM-dd HH:mm:ss.f", "1/23/2015 10:53:47 AM"),
        ("23 Jan 15", "d MMM yy", "1/23/2015 12:00:00 AM"),
        ("January 3, 1999", "MMMM d, yyyy", "1/3/1999 12:00:00 AM"),
        ("12:05 AM 1/2/2026", "hh:mm tt M/d/yyyy", "1/2/2026 12:05:00 AM"),
        ("20260102T030405Z", "yyyyMMdd'T'HHmmss'Z'", "1/2/2026 3:04:05 AM"),
        ("2026-01-02T00:30:00+02:00", "yyyy-MM-ddTHH:mm:sszzz", "1/1/2026 10:30:00 PM"),
    ],
)
def test_dates_are_read_as_they_are_written(text: str, pattern: str, written: str) -> None:
    assert value(f'CDate(FormatDateTime([d], , "{pattern}", "o"))', d=text) == written


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("d", "11/25/2026"),
        ("o", "2026-11-25T15:04:05.0000000Z"),
        ("dddd, d MMM yy h:mm tt", "Wednesday, 25 Nov 26 3:04 PM"),
        ("yyyy'-Q'M %H", "2026-Q11 15"),
        (r"HH\\hmm", "15h04"),
        ("ss.FFF|zzz|K", "05.|+00:00|Z"),
    ],
)
def test_dates_are_written_as_dot_net_does(pattern: str, written: str) -> None:
    assert value(f'FormatDateTime("2026-11-25T15:04:05Z", , "", "{pattern}")') == written
