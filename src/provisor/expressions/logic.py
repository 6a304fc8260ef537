"""Functions that decide: conditions, choices, what is left out, and lists."""

from __future__ import annotations

from typing import Final, NoReturn

from provisor.expressions.errors import ExpressionError
from provisor.expressions.function import Example, Function, eager
from provisor.expressions.values import Arguments, Evaluator, Flow, Inputs, Value, is_empty, several, text, truth, whole


def _switch(arguments: Arguments) -> Evaluator:
    source, default, *pairs = arguments
    cases = list(zip(pairs[::2], pairs[1::2], strict=True))

    def switch(inputs: Inputs) -> Value:
        value = text(source(inputs)) if source is not None else ""
        for key, result in cases:
            if value == (text(key(inputs)) if key is not None else ""):
                return result(inputs) if result is not None else None
        return default(inputs) if default is not None else None

    return switch


def _iif(arguments: Arguments) -> Evaluator:
    condition, yes, no = arguments

    def choose(inputs: Inputs) -> Value:
        chosen = yes if condition is not None and truth(condition(inputs)) else no
        return chosen(inputs) if chosen is not None else None

    return choose


def _coalesce(arguments: Arguments) -> Evaluator:
    sources = [item for item in arguments if item is not None]

    def first(inputs: Inputs) -> Value:
        value: Value = None
        for source in sources:
            value = source(inputs)
            if not is_empty(value):
                return value
        return value

    return first


def _unique(arguments: Arguments) -> Evaluator:
    rules = [item for item in arguments if item is not None]

    def choose(inputs: Inputs) -> Value:
        if inputs.taken is None:
            raise ExpressionError("SelectUniqueValue asks the target which values are taken, which is not done here.")
        for rule in rules:
            value = text(rule(inputs))
            if value and not inputs.taken(value):
                return value
        raise ExpressionError("SelectUniqueValue found every one of its values taken.")

    return choose


def _ignore(value: Value) -> Value:
    return Flow.NO_ATTRIBUTE if is_empty(value) else value


def _not(value: Value) -> bool:
    return text(value) != "True"


def _is_null(value: Value) -> bool:
    return value is None


def _is_present(value: Value) -> bool:
    return not is_empty(value)


def _is_string(value: Value) -> bool:
    return isinstance(value, str)


def _error(message: Value) -> NoReturn:
    raise ExpressionError(f"Error( ) says: {text(message)[:300].strip().rstrip('.') or 'nothing'}.")


def _bit_and(one: Value, other: Value) -> str:
    return str(whole(one, "BitAnd") & whole(other, "BitAnd"))


def _count(value: Value) -> str:
    return str(len(several(value)))


def _item(value: Value, index: Value) -> str:
    items, place = several(value), whole(index, "Item")
    if not 1 <= place <= len(items):
        raise ExpressionError(f"Item {place} is asked of {len(items)} values; the first one is number 1.")
    return items[place - 1]


def _unrepeated(value: Value) -> Value:
    return list(dict.fromkeys(several(value))) if isinstance(value, list) else value


def _contains(value: Value, wanted: Value) -> str:
    items, what = [item.casefold() for item in several(value)], text(wanted).casefold()
    return str(items.index(what) + 1 if what in items else 0)


def _split(source: Value, delimiter: Value) -> list[str] | None:
    if source is None:
        return None
    between = text(delimiter)
    parts = text(source).split(between) if between else [text(source)]
    return [part for item in parts if (part := item.strip())]


_A: Final = {"state": "QLD", "mail": None, "userPrincipalName": "a@contoso.com", "country": "USA"}
_SEVERAL: Final = {"proxyAddresses": ["SMTP:a@contoso.com", "smtp:b@contoso.com"]}

FUNCTIONS: Final = (
    Function(
        "BitAnd", ("value1", "value2"), 2, eager(_bit_and), "The bits that both numbers have.",
        (Example("BitAnd(&HF, &HF7)", "7"),), returns="number",
    ),
    Function(
        "CBool", ("expression",), 1, eager(truth), "True for True and every number but 0, otherwise False.",
        (Example("CBool([a] = [b])", "True", {"a": "x", "b": "x"}), Example('CBool("0")', "False")), returns="boolean",
    ),
    Function(
        "Coalesce", ("source", "source"), 1, _coalesce, "The first source that is neither null nor empty.",
        (Example("Coalesce([mail], [userPrincipalName])", "a@contoso.com", _A),), repeats=1,
    ),
    Function(
        "Contains", ("attribute", "value"), 2, eager(_contains),
        "Which of several values this is, in any letter case; 0 when it is none of them.",
        (Example('Contains([proxyAddresses], "SMTP:b@contoso.com")', "2", _SEVERAL),),
        returns="number", cloud_sync=True,
    ),
    Function(
        "Count", ("attribute",), 1, eager(_count), "How many values there are.",
        (Example("Count([proxyAddresses])", "2", _SEVERAL), Example("Count([nothing])", "0")), returns="number",
    ),
    Function(
        "Error", ("message",), 1, eager(_error), "Nothing is sent for the object; the log says why.",
        (), returns="nothing", cloud_sync=True,
    ),
    Function(
        "IgnoreFlowIfNullOrEmpty", ("expression",), 1, eager(_ignore),
        "The value; when it is null or empty, the attribute is left as it is.",
        (Example("IgnoreFlowIfNullOrEmpty([mail])", None, _A), Example('IgnoreFlowIfNullOrEmpty("a")', "a")),
    ),
    Function(
        "IIF", ("condition", "valueIfTrue", "valueIfFalse"), 3, _iif,
        "The second argument when the condition holds (=, <>, >, >=, <, <=), otherwise the third.",
        (
            Example('IIF([country] = "USA", "here", "abroad")', "here", _A),
            Example('IIF([country] = "USA", IIF([state] = "CA", "True", "False"), "False")', "False", _A),
        ),
    ),
    Function(
        "IsNull", ("expression",), 1, eager(_is_null), "Whether there is no value.",
        (Example("IsNull([mail])", "True", _A),), returns="boolean",
    ),
    Function(
        "IsNullOrEmpty", ("expression",), 1, eager(is_empty), "Whether there is no value or an empty one.",
        (Example('IsNullOrEmpty("")', "True"), Example("IsNullOrEmpty([country])", "False", _A)), returns="boolean",
    ),
    Function(
        "IsPresent", ("expression",), 1, eager(_is_present), "Whether there is a value that is not empty.",
        (Example("IsPresent([country])", "True", _A),), returns="boolean",
    ),
    Function(
        "IsString", ("expression",), 1, eager(_is_string), "Whether the value is one text.",
        (Example('IsString("a")', "True"), Example("IsString([proxyAddresses])", "False", _SEVERAL)), returns="boolean",
    ),
    Function(
        "Item", ("attribute", "index"), 2, eager(_item), "One of several values; the first one is number 1.",
        (Example("Item([proxyAddresses], 1)", "SMTP:a@contoso.com", _SEVERAL),),
    ),
    Function(
        "Not", ("source",), 1, eager(_not), "False for True, and True for everything else.",
        (Example('Not("True")', "False"), Example("Not([IsSoftDeleted])", "True", {"IsSoftDeleted": "False"})),
        returns="boolean",
    ),
    Function(
        "RemoveDuplicates", ("attribute",), 1, eager(_unrepeated), "Several values, each of them once.",
        (Example("RemoveDuplicates([names])", ["a", "b"], {"names": ["a", "b", "a"]}),), returns="list",
    ),
    Function(
        "SelectUniqueValue", ("uniqueValueRule", "uniqueValueRule"), 2, _unique,
        "The first of the values that the target does not have yet; chosen once, for a new account.",
        (), repeats=1,
    ),
    Function(
        "Split", ("source", "delimiter"), 2, eager(_split),
        "The parts between delimiters, without space at their ends.",
        (Example('Split("one, two", ",")', ["one", "two"]),), returns="list",
    ),
    Function(
        "Switch", ("source", "[defaultValue]", "switchValue", "switchValue"), 4, _switch,
        "The value behind the key that is the source, otherwise the default; letter case counts, \"\" is null too.",
        (
            Example('Switch([state], "Sydney", "QLD", "Brisbane", "SA", "Adelaide")', "Brisbane", _A),
            Example('Switch([IsSoftDeleted], , "False", "True", "True", "False")', "True", {"IsSoftDeleted": False}),
            Example('Switch([mail], [userPrincipalName], "", "nobody")', "nobody", _A),
        ),
        repeats=2,
    ),
)  # fmt: skip
