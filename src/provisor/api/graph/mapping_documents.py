"""The mappings of a job as a synchronizationSchema, whole: read, written, taken back to the template; what the language
of mappings has, and the directories on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from provisor.api.graph import lists, objects
from provisor.api.graph.call import DONE, Answer, Call
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.jobs import found, of_template
from provisor.api.graph.paths import segments
from provisor.api.graph.restoring import restored
from provisor.connectors.base import TargetError
from provisor.directory import applications
from provisor.directory.applications import Application
from provisor.expressions import ExpressionError, Inputs, compile_expression, parse, to_source
from provisor.expressions.cases import shown
from provisor.expressions.functions import FUNCTIONS
from provisor.provisioning.discovery import add_discovered
from provisor.provisioning.filters import OPERATORS
from provisor.provisioning.templates import template
from provisor.refusal import Invalid, NotFound

_CONTEXT: Final = "synchronizationSchema"
_NAMED: Final = {"id": Field("text"), "name": Field("text")}
_DIRECTORIES: Final = Fields("directoryDefinition", _NAMED)
_FUNCTIONS: Final = Fields("attributeMappingFunctionSchema", _NAMED)
_OPERATORS: Final = Fields("filterOperatorSchema", _NAMED)
#: What an operator takes → the types of attributes that it is asked of.
_SUPPORTED: Final = {"whole number": ["Integer", "String"]}


async def get(call: Call) -> Answer:
    app = await found(call)
    return Answer(body={"@odata.context": call.context(_CONTEXT), **app.schema})


async def put(call: Call) -> Answer:
    """Other mappings, whole. PUT and PATCH are one: Graph documents the one, and its SDKs send the other."""
    app = await found(call, "provisioning.write")
    given = call.given
    if not any(given.get(name) is not None for name in ("synchronizationRules", "directories")):
        raise Invalid("A synchronizationSchema has synchronizationRules and directories: send the whole document.")
    async with call.edit() as work:
        before = await applications.locked(work, app.id)
        await applications.set_schema(work, before, restored(given, before.schema), "import mappings")
    return DONE


async def reset(call: Call) -> Answer:
    """The mappings of the template again."""
    app = await found(call, "provisioning.write")
    async with call.edit() as work:
        before = await applications.locked(work, app.id)
        await applications.set_schema(work, before, template(before.template), "reset mappings")
    return DONE


async def directories(call: Call) -> Answer:
    document = await _document(call)
    return lists.in_memory_of(call, _DIRECTORIES, document.get("directories") or [], "directoryDefinitions")


async def directory(call: Call) -> Answer:
    return objects.single(call, "directoryDefinitions/$entity", _directory(await _document(call), call.keys[2]), None)


async def discover(call: Call) -> Answer:
    """Put on the attribute lists what the target's /Schemas names; what is on them stays as it is."""
    app = await found(call, "provisioning.write")
    _directory(app.schema, call.keys[2])
    schemas = await _schemas(call, app)
    async with call.edit() as work:
        before = await applications.locked(work, app.id)
        document, added = add_discovered(before.schema, schemas)
        if added:
            await applications.set_schema(work, before, document, "discover attributes")
    return objects.single(call, "directoryDefinitions/$entity", _directory(document, call.keys[2]), None)


async def discover_for_template(call: Call) -> Answer:
    """The same for a template, which is everybody's: the answer has what was found, and nothing is kept."""
    app = await of_template(call, "provisioning.write")
    _directory(template(app.template), call.keys[2])
    document, _ = add_discovered(template(app.template), await _schemas(call, app))
    return objects.single(call, "directoryDefinitions/$entity", _directory(document, call.keys[2]), None)


async def _document(call: Call) -> Mapping[str, Any]:
    """The mappings of the job, or of the template, that an address names."""
    if _is_template(call):
        return template((await of_template(call)).template)
    return (await found(call)).schema


async def _schemas(call: Call, app: Application) -> Sequence[Mapping[str, Any]]:
    """What the target's /Schemas has. Raises Invalid when there is none to ask, or it has none."""
    target = call.house.target(app, read_only=True)
    try:
        schemas = await target.schemas()
    except TargetError as error:
        raise Invalid(f"The target cannot be asked: {error}") from None
    finally:
        await target.close()
    if not schemas:
        raise Invalid(f"The target of {app.name} has no /Schemas to discover attributes from.")
    return schemas


def _directory(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    for item in document.get("directories") or ():
        if key in (item.get("id"), item.get("name")):
            found_: dict[str, Any] = item
            return found_
    raise NotFound(f"The mappings have no directory {key!r}.")


async def _around(call: Call) -> None:
    """Look whether the job or the template is there whose language is asked about. Raises NotFound."""
    await (of_template if _is_template(call) else found)(call)


def _is_template(call: Call) -> bool:
    return "templates" in map(str.lower, segments(call.path))


async def functions(call: Call) -> Answer:
    """The functions of the language of mappings."""
    await _around(call)
    value = [
        {
            "name": item.name,
            "parameters": [
                {
                    "name": key,
                    "type": "String",
                    "required": place < item.least,
                    "allowMultipleOccurrences": place >= len(item.keys) - item.repeats,
                }
                for place, key in enumerate(item.keys)
            ],
        }
        for item in FUNCTIONS.values()
    ]
    return lists.in_memory_of(call, _FUNCTIONS, [{"id": item["name"], **item} for item in value], "functions")


async def filter_operators(call: Call) -> Answer:
    """The operators of scoping filters."""
    await _around(call)
    value = [
        {
            "id": item.name,
            "name": item.name,
            "arity": "Unary" if item.takes == "nothing" else "Binary",
            "multivaluedComparisonType": "Any",
            "supportedAttributeTypes": _SUPPORTED.get(item.takes, ["String", "Boolean", "Integer", "Reference"]),
        }
        for item in OPERATORS
    ]
    return lists.in_memory_of(call, _OPERATORS, value, "filterOperators")


async def parse_expression(call: Call) -> Answer:
    """An expression as a tree, and what it gives for an object that comes along."""
    await _around(call)
    text, tested = call.given.get("expression"), call.given.get("testInputObject")
    if not isinstance(text, str):
        raise Invalid("expression must be the text of an expression.")
    body: dict[str, Any] = {
        "@odata.context": call.context("microsoft.graph.parseExpressionResponse"),
        "parsingSucceeded": False,
        "parsedExpression": None,
        "evaluationSucceeded": False,
        "evaluationResult": [],
        "error": None,
    }
    try:
        body["parsedExpression"] = to_source(parse(text))
        compiled = compile_expression(text)
        body["parsingSucceeded"] = True
        if isinstance(tested, dict):
            inputs = call.house.inputs(call.tenant)
            result = shown(compiled.evaluate(_with(inputs, tested)))
            body["evaluationSucceeded"] = True
            body["evaluationResult"] = result if isinstance(result, list) else [] if result is None else [result]
    except ExpressionError as error:
        body["error"] = {"code": "InvalidExpression", "message": str(error), "tenantActionable": True}
    return Answer(body=body)


def _with(inputs: Inputs, tested: Mapping[str, Any]) -> Inputs:
    pairs = tested.get("properties")
    given = pairs if isinstance(pairs, list) else []
    values = {str(item["key"]): item.get("value") for item in given if isinstance(item, dict) and "key" in item}
    return replace(inputs, attributes=values, taken=lambda _: False)
