"""The mapping language: ``Join(" ", [givenName], [surname])`` as a function of an object's attributes.

Who calls: ``provisioning.schema`` compiles each mapping once, ``provisioning.map`` evaluates it for every object,
``provisioning.edit`` and ``templates`` write expressions into documents.

* ``parser`` reads a text into the ``tree``; what is wrong with it is an ``ExpressionError`` that knows its place.
* ``functions`` is the table of functions, each an entry (``function``) with its documentation and examples, from
  ``texts``, ``logic``, ``moments``, ``replacing``, ``generating`` and ``directory``; ``evaluate`` turns a tree into one
  closure, ``values`` says what it works with, ``dates`` reads and writes dates as .NET does.
* ``source`` is Microsoft Graph's form of an expression (*attributeMappingSource*), in both directions.

Nothing here reads a clock or a random number: who evaluates brings both in ``Inputs``.
"""

from provisor.expressions.errors import ExpressionError
from provisor.expressions.evaluate import Compiled, compile_expression
from provisor.expressions.parser import parse
from provisor.expressions.source import from_source, to_source
from provisor.expressions.values import Flow, Inputs

__all__ = ["Compiled", "ExpressionError", "Flow", "Inputs", "compile_expression", "from_source", "parse", "to_source"]
