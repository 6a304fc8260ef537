"""A synchronizationSchema document (Microsoft Graph's JSON) made ready to run.

``compile_schema(document)`` checks it and returns the rules of users and of groups: each attribute with its compiled
expression and the definition of its target. Done once per version of the document, not per object. The document
itself stays as it came: what is exported is what was imported, unknown fields included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from provisor.expressions import Compiled, ExpressionError, compile_expression, from_source
from provisor.provisioning.filters import Filter, compile_filters
from provisor.provisioning.source_names import unknown_attribute
from provisor.refusal import Invalid

ObjectType = Literal["User", "Group"]
OBJECT_TYPES: Final[tuple[ObjectType, ...]] = ("User", "Group")


@dataclass(frozen=True, slots=True)
class Target:
    """What the attribute list says of a target attribute."""

    name: str
    type: str = "String"
    multi_valued: bool = False
    case_exact: bool = False
    required: bool = False
    anchor: bool = False


# Not slots: what follows from the mappings is found once and kept, because it is asked for every object.
@dataclass(frozen=True)
class AttributeRule:
    """One attribute mapping. ``compiled`` is None for a mapping of type None (only its default counts)."""

    target: Target
    compiled: Compiled | None
    expression: str
    default: str | None
    precedence: int
    flow: str

    @cached_property
    def reference(self) -> bool:
        return self.target.type == "Reference"

    @cached_property
    def unique(self) -> bool:
        """Its value is one that the target does not have yet: chosen once, when an account is created."""
        return self.compiled is not None and "SelectUniqueValue" in self.compiled.functions

    @cached_property
    def redacted(self) -> bool:
        """Its value is sent, and shown nowhere."""
        return self.compiled is not None and "Redact" in self.compiled.functions

    @cached_property
    def reads_soft_deletion(self) -> bool:
        return self.compiled is not None and "IsSoftDeleted" in self.compiled.attributes


@dataclass(frozen=True)
class ObjectRules:
    """The object mapping of users or of groups."""

    object_type: ObjectType
    name: str
    target_object: str
    enabled: bool
    flow: frozenset[str]
    filters: tuple[Filter, ...]
    attributes: tuple[AttributeRule, ...]

    @cached_property
    def matching(self) -> tuple[AttributeRule, ...]:
        """The matching attributes, lowest precedence number first."""
        return tuple(sorted((rule for rule in self.attributes if rule.precedence > 0), key=lambda r: r.precedence))

    @cached_property
    def values(self) -> tuple[AttributeRule, ...]:
        return tuple(rule for rule in self.attributes if not rule.reference)

    @cached_property
    def closing(self) -> tuple[AttributeRule, ...]:
        """The mappings that disable an account: they read IsSoftDeleted, and not only when it is created."""
        return tuple(rule for rule in self.values if rule.reads_soft_deletion and rule.flow != "ObjectAddOnly")

    @cached_property
    def redacted(self) -> frozenset[str]:
        return frozenset(rule.target.name for rule in self.attributes if rule.redacted)

    @cached_property
    def references(self) -> tuple[AttributeRule, ...]:
        return tuple(rule for rule in self.attributes if rule.reference)


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole document: both object mappings. ``fits`` are the targets' definitions by object type."""

    users: ObjectRules
    groups: ObjectRules

    def of(self, object_type: str) -> ObjectRules:
        return self.users if object_type == "User" else self.groups


def compile_schema(document: Mapping[str, Any]) -> Rules:
    """The rules of ``document``. Raises Invalid, naming the mapping and what to do."""
    _refuse_other_shapes(document, _LISTS)
    return Rules(users=_compile_object(document, "User"), groups=_compile_object(document, "Group"))


def object_mapping(document: Mapping[str, Any], object_type: str) -> dict[str, Any]:
    """The objectMapping whose source is ``object_type``. Raises Invalid when the document has none."""
    for rule in document.get("synchronizationRules") or ():
        for mapping in rule.get("objectMappings") or ():
            if mapping.get("sourceObjectName") == object_type:
                found: dict[str, Any] = mapping
                return found
    raise Invalid(f"The schema has no object mapping for {object_type}.")


def target_definitions(document: Mapping[str, Any], object_type: str) -> list[dict[str, Any]]:
    """The attribute list of the target object that ``object_type`` is mapped to (the list itself, not a copy)."""
    name = object_mapping(document, object_type).get("targetObjectName")
    rule = (document.get("synchronizationRules") or [{}])[0]
    for directory in document.get("directories") or ():
        if directory.get("name") == rule.get("sourceDirectoryName"):
            continue
        for described in directory.get("objects") or ():
            if described.get("name") == name:
                if described.get("attributes") is None:
                    described["attributes"] = []
                attributes: list[dict[str, Any]] = described["attributes"]
                return attributes
    raise Invalid(f"The schema describes no target object {name!r}: its directories must list it with its attributes.")


def _compile_object(document: Mapping[str, Any], object_type: ObjectType) -> ObjectRules:
    mapping = object_mapping(document, object_type)
    definitions = {row["name"].casefold(): _target(row) for row in target_definitions(document, object_type)}
    rows = tuple(_compile_row(row, object_type, definitions) for row in mapping.get("attributeMappings") or ())
    if mapping.get("enabled", True) and not any(row.precedence > 0 for row in rows):
        raise Invalid(f"{mapping.get('name')} has no matching attribute: give one mapping a matching precedence of 1.")
    return ObjectRules(
        object_type=object_type,
        name=str(mapping.get("name") or ""),
        target_object=str(mapping.get("targetObjectName") or ""),
        enabled=bool(mapping.get("enabled", True)),
        flow=frozenset(part.strip() for part in str(mapping.get("flowTypes") or "").split(",") if part.strip()),
        filters=compile_filters(mapping.get("scope"), object_type),
        attributes=rows,
    )


#: The lists of objects that a synchronizationSchema document is made of, within each other.
_LISTS: Final[Mapping[str, Any]] = {
    "synchronizationRules": {"objectMappings": {"attributeMappings": {}}},
    "directories": {"objects": {"attributes": {}}},
}


def _refuse_other_shapes(document: Mapping[str, Any], lists: Mapping[str, Any]) -> None:
    for name, within in lists.items():
        items = document.get(name)
        if items is None:
            continue
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Invalid(f"This is no synchronizationSchema document: {name} must be a list of objects.")
        for item in items:
            _refuse_other_values(name, item)
            _refuse_other_shapes(item, within)


def _refuse_other_values(within: str, item: Mapping[str, Any]) -> None:
    """What of a document is read as text, number or object must be one."""
    if within == "attributes" and not (isinstance(item.get("name"), str) and item["name"]):
        raise Invalid("This is no synchronizationSchema document: every attribute of a directory has a name.")
    if within == "objectMappings" and not isinstance(item.get("scope"), Mapping | None):
        raise Invalid("This is no synchronizationSchema document: the scope of an object mapping is an object.")
    if within == "attributeMappings":
        name, precedence = item.get("targetAttributeName"), item.get("matchingPriority") or 0
        if not isinstance(item.get("source"), Mapping | None):
            raise Invalid(f"The mapping of {name} has a source that is no object.")
        if not isinstance(precedence, int) and not str(precedence).isdecimal():
            raise Invalid(
                f"The mapping of {name} has the matching precedence {precedence!r}, which is no whole number."
            )


def _compile_row(row: Mapping[str, Any], object_type: str, definitions: Mapping[str, Target]) -> AttributeRule:
    name = str(row.get("targetAttributeName") or "")
    source = row.get("source")
    try:
        compiled = compile_expression(from_source(source)) if source else None
    except ExpressionError as error:
        raise Invalid(f"The mapping of {name} has a wrong expression: {error}\n{error.caret()}") from None
    problem = unknown_attribute(compiled.attributes, object_type) if compiled else None
    if problem is not None:
        raise Invalid(f"The mapping of {name} reads what is not there: {problem}")
    return AttributeRule(
        target=definitions.get(name.casefold()) or Target(name),
        compiled=compiled,
        expression=str((source or {}).get("expression") or ""),
        default=row.get("defaultValue") or None,
        precedence=int(row.get("matchingPriority") or 0),
        flow=str(row.get("flowType") or "Always"),
    )


def _target(row: Mapping[str, Any]) -> Target:
    return Target(
        name=row["name"],
        type=str(row.get("type") or "String"),
        multi_valued=bool(row.get("multivalued")),
        case_exact=bool(row.get("caseExact")),
        required=bool(row.get("required")),
        anchor=bool(row.get("anchor")),
    )
