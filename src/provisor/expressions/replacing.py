"""``Replace``: by a text, into a template, or by a regular expression of .NET (entra.md §4.3).

Which of the seven arguments are there says what is done. Regular expressions are ``regex``'s, which has .NET's named
groups, with a limit on the time that one may take.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import regex

from provisor.expressions.errors import ExpressionError
from provisor.expressions.function import Example, Function
from provisor.expressions.values import Arguments, Evaluator, Inputs, Value, is_empty, text

_SECONDS: Final = 0.5
_LONGEST: Final = 100_000
_REFERENCE: Final = regex.compile(r"\$(?:\{(?P<named>\w+)\}|(?P<number>\d{1,3})|(?P<sign>[$&]))")
_KEYS: Final = (
    "source", "oldValue", "regexPattern", "regexGroupName", "replacementValue", "replacementAttributeName", "template",
)  # fmt: skip


def _replace(arguments: Arguments) -> Evaluator:
    items = [*arguments, *[None] * (len(_KEYS) - len(arguments))]
    source, old, pattern, group, new, other, template = items
    if old is None and pattern is None:
        raise ExpressionError("Replace needs an oldValue or a regexPattern: what is to be replaced.")
    if new is None and template is None and other is None:
        raise ExpressionError("Replace needs a replacementValue, a replacementAttributeName or a template.")
    if source is None:
        raise ExpressionError("Replace needs a source.")

    def value(item: Evaluator | None, inputs: Inputs) -> str:
        return text(item(inputs)) if item is not None else ""

    def evaluate(inputs: Inputs) -> Value:
        given = source(inputs)
        if pattern is None:
            wanted = value(old, inputs)
            if template is not None:
                return _texts(value(template, inputs), wanted, text(given))
            return None if given is None else _texts(text(given), wanted, value(new, inputs))
        expression, name = value(pattern, inputs), value(group, inputs)
        if other is not None:
            return given if not is_empty(given) else _group(expression, name, value(other, inputs))
        if given is None:
            return None
        if name:
            return _groups(expression, name, text(given), value(new, inputs))
        return _matches(expression, text(given), value(new, inputs))

    return evaluate


def _texts(whole: str, old: str, new: str) -> str:
    if not old:
        return whole
    _check(len(whole) + whole.count(old) * (len(new) - len(old)))
    return whole.replace(old, new)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    try:
        return regex.compile(pattern, regex.VERSION0)
    except regex.error as error:
        raise ExpressionError(f"The regular expression {pattern[:60]} cannot be read: {error}.") from None


def _timed(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except TimeoutError:
        raise ExpressionError(f"The regular expression takes longer than {_SECONDS:g} seconds.") from None


def _matches(pattern: str, source: str, new: str) -> str:
    return _substituted(_compiled(pattern), source, lambda match: _expanded(match, new))


def _substituted(compiled: Any, source: str, part: Callable[[Any], str]) -> str:
    """The source with every match replaced by a part, as long as all that is not too long."""
    length = len(source)

    def counted(match: Any) -> str:
        nonlocal length
        made = part(match)
        length += len(made)
        _check(length)
        return made

    return str(_timed(lambda: compiled.sub(counted, source, timeout=_SECONDS)))


def _expanded(match: Any, new: str) -> str:
    """A replacement of .NET: ``${name}``, ``$1``, ``$&``, ``$$``; what names no group stays as it is."""

    def part(reference: Any) -> str:
        if reference["sign"]:
            return "$" if reference["sign"] == "$" else str(match[0])
        name = str(reference["named"] or reference["number"])
        try:
            return str(match[int(name) if name.isdecimal() else name] or "")
        except (IndexError, KeyError):
            return str(reference[0])

    return str(_REFERENCE.sub(part, new))


def _groups(pattern: str, name: str, source: str, new: str) -> str:
    """The source with what the group matched replaced."""
    compiled = _named(pattern, name)

    def part(match: Any) -> str:
        start, end = match.span(name)
        if start < 0:
            return str(match[0])
        return f"{source[match.start() : start]}{new}{source[end : match.end()]}"

    return _substituted(compiled, source, part)


def _group(pattern: str, name: str, source: str) -> str:
    """What the group matches; the whole text when nothing does."""
    compiled = _named(pattern, name) if name else _compiled(pattern)
    match = _timed(lambda: compiled.search(source, timeout=_SECONDS))
    return source if match is None else str(match[name or 0] or "")


def _named(pattern: str, name: str) -> Any:
    compiled = _compiled(pattern)
    if name not in compiled.groupindex:
        raise ExpressionError(f"The regular expression {pattern[:60]} has no group {name[:40]}.")
    return compiled


def _check(length: int) -> None:
    if length > _LONGEST:
        raise ExpressionError(f"Replace makes more than {_LONGEST} characters.")


_PHONE: Final = {"telephoneNumber": "+91 9998887777"}

FUNCTIONS: Final = (
    Function(
        "Replace", _KEYS, 4, _replace,
        "A text, or what a regular expression or one of its groups matches, replaced; or put into a template.",
        (
            Example('Replace([title], "Dev", , , "Engineer", , )', "Engineer", {"title": "Dev"}),
            Example('Replace([id], "<username>", , , , , "<username>@contoso.com")', "ada@contoso.com", {"id": "ada"}),
            Example(
                r'Replace([telephoneNumber], , "\\+(?<isd>\\d* )(?<phone>\\d{10})", , "${phone}", , )',
                "9998887777",
                _PHONE,
            ),
            Example(r'Replace([upn], , "(?<Suffix>@(.)*)", "Suffix", "", , )', "ada", {"upn": "ada@contoso.com"}),
            Example(
                r'Replace([nothing], , "(?<phone>\\d{10})", "phone", , [telephoneNumber], )', "9998887777", _PHONE
            ),
        ),
    ),
)  # fmt: skip
