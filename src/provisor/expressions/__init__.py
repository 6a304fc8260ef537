"""The mapping language: ``Join(" ", [givenName], [surname])`` as a function of an object's attributes.

Who calls: ``provisioning.schema`` compiles each mapping once, ``provisioning.map`` evaluates it for every object,
``provisioning.edit`` and ``templates`` write expressions into documents.

* ``parser`` reads a text into the ``tree``; what is wrong with it is an ``ExpressionError`` that knows its place.
* ``functions`` is the table of functions; ``evaluate`` turns a tree into one closure.
* ``source`` is Microsoft Graph's form of an expression (*attributeMappingSource*), in both directions.

Values are texts, lists of texts, booleans and None (entra.md §4.2). Nothing here reads a clock or a random number.
"""

from provisor.expressions.errors import ExpressionError
from provisor.expressions.evaluate import Compiled, compile_expression
from provisor.expressions.parser import parse
from provisor.expressions.source import from_source, to_source

__all__ = ["Compiled", "ExpressionError", "compile_expression", "from_source", "parse", "to_source"]
