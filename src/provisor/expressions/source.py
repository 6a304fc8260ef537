"""Microsoft Graph's form of an expression (attributeMappingSource), in both directions.

A document carries the text and, beside it, the same as nested parameters. The text counts where there is one; the
parameters alone are enough to write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisor.expressions.errors import ExpressionError
from provisor.expressions.functions import FUNCTIONS
from provisor.expressions.tree import Attribute, Call, Constant, Node


def to_source(node: Node) -> dict[str, Any]:
    """``node`` as expression, name, type and parameters; arguments that were left out have no entry."""
    source: dict[str, Any] = {"expression": str(node), "name": str(node), "type": "Function", "parameters": []}
    if isinstance(node, Attribute):
        return {**source, "name": node.name, "type": "Attribute"}
    if isinstance(node, Constant):
        return {**source, "name": node.value, "type": "Constant"}
    if isinstance(node, Call):
        function = FUNCTIONS.get(node.name)
        parameters = [
            {"key": function.key(place) if function else "source", "value": to_source(argument)}
            for place, argument in enumerate(node.arguments)
            if argument is not None
        ]
        return {**source, "name": node.name, "parameters": parameters}
    return source


def from_source(source: Mapping[str, Any]) -> str:
    """The expression's text. Raises ExpressionError when the document says neither text nor parameters."""
    expression = source.get("expression")
    if isinstance(expression, str) and expression.strip():
        return expression
    return _written(source)


def _written(source: Mapping[str, Any]) -> str:
    name, kind = source.get("name"), source.get("type")
    if not isinstance(name, str):
        raise ExpressionError("the source has neither an expression nor a name.")
    if kind == "Attribute":
        return str(Attribute(name))
    if kind == "Constant":
        return str(Constant(name))
    if not name.isidentifier():
        # A comparison: its name is its text.
        return name
    parameters = [item for item in source.get("parameters") or () if isinstance(item, Mapping)]
    values = [item.get("value") or {} for item in parameters]
    if not all(isinstance(value, Mapping) for value in values):
        raise ExpressionError(f"a parameter of {name} is no source with an expression or a name.")
    arguments = [from_source(value) for value in values]
    function = FUNCTIONS.get(name)
    if function is not None:
        # An argument that was left out is missing among the keys: its place stays empty.
        for place, key in enumerate(function.keys[: len(function.keys) - function.repeats]):
            if place >= len(parameters) or parameters[place].get("key") != key:
                parameters.insert(place, {})
                arguments.insert(place, "")
    return f"{name}({', '.join(arguments)})"
