"""The changes that an administrator makes to a synchronizationSchema document, one at a time.

Each function takes the document and returns a changed copy, or raises Invalid or Conflict with a sentence. What the
document holds beyond what is edited stays as it is.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, Final

from provisor.expressions import ExpressionError, compile_expression, parse, to_source
from provisor.provisioning import templates
from provisor.provisioning.schema import OBJECT_TYPES, compile_schema, object_mapping, target_definitions
from provisor.provisioning.source_names import unknown_attribute
from provisor.refusal import Conflict, Invalid

Document = Mapping[str, Any]
TYPES: Final = ("Binary", "Boolean", "DateTime", "Integer", "Reference", "String")
#: What an attribute of the target is called: RFC 7644 §3.5.2, with at most one filter.
_PATH: Final = re.compile(r"[A-Za-z$_]([\w$:.-]*[\w$])?(\[[A-Za-z][\w.]* eq (\"[^\"]*\"|[\w.-]+)\])?(\.[\w$-]+)?")
#: Parts of an object mapping beside its attribute mappings, and how a sentence says that one changed.
_WHOLE: Final = {"scope": "the scoping filters are", "flowTypes": "what it may do is", "enabled": "whether it is on is"}
#: *Apply this mapping*: the portal's words → the document's flowType.
APPLY: Final = {"always": "Always", "only during object creation": "ObjectAddOnly"}


def rows(document: Document, object_type: str) -> list[dict[str, Any]]:
    """The mappings with the portal's seven columns, in the document's order."""
    return [_row(mapping) for mapping in object_mapping(document, object_type)["attributeMappings"]]


def add_mapping(
    document: Document,
    object_type: str,
    target: str,
    *,
    attribute: str | None = None,
    expression: str | None = None,
    constant: str | None = None,
    default: str = "",
    precedence: int = 0,
    apply: str = "always",
) -> dict[str, Any]:
    """*Add New Mapping*: Direct (``attribute``), Expression, Constant, or None when there is only a default."""
    changed = copy.deepcopy(dict(document))
    mappings = object_mapping(changed, object_type)["attributeMappings"]
    target = _defined(changed, object_type, target)
    if any(_is(row, target) for row in mappings):
        raise Conflict(f"{target} is mapped already: edit that mapping or delete it first.")
    if attribute is expression is constant is None and not default:
        raise Invalid(f"Say what {target} is made from: a source attribute, an expression, a constant or a default.")
    row = templates.attribute_mapping("objectId", target, precedence, default)
    row["source"] = _source(object_type, attribute, expression, constant)
    row["flowType"] = _flow(apply)
    _precedence_is_free(mappings, row)
    mappings.append(row)
    return _checked(changed)


def edit_mapping(
    document: Document,
    object_type: str,
    target: str,
    *,
    new_target: str | None = None,
    attribute: str | None = None,
    expression: str | None = None,
    constant: str | None = None,
    default: str | None = None,
    precedence: int | None = None,
    apply: str | None = None,
    sourceless: bool = False,
) -> dict[str, Any]:
    """Change the mapping of ``target`` in place; what is not named stays, matching precedence included.

    ``sourceless``: it becomes one of type None, of which only the default counts.
    """
    changed = copy.deepcopy(dict(document))
    mappings = object_mapping(changed, object_type)["attributeMappings"]
    row = _mapped(mappings, target)
    if new_target is not None:
        new_target = _defined(changed, object_type, new_target)
        if not _is(row, new_target) and any(_is(other, new_target) for other in mappings):
            raise Conflict(f"{new_target} is mapped already: edit that mapping or delete it first.")
        row["targetAttributeName"] = new_target
    if attribute is not None or expression is not None or constant is not None:
        row["source"] = _source(object_type, attribute, expression, constant)
    elif sourceless:
        row["source"] = None
    if default is not None:
        row["defaultValue"] = default
    if precedence is not None:
        if precedence == 0 and _last_matching(mappings, row):
            raise Conflict(f"{target} is the last matching attribute: give another mapping a precedence first.")
        row["matchingPriority"] = precedence
        _precedence_is_free(mappings, row)
    if apply is not None:
        row["flowType"] = _flow(apply)
    if row["source"] is None and not row.get("defaultValue"):
        raise Invalid(f"Say what {target} is made from: a source attribute, an expression, a constant or a default.")
    return _checked(changed)


def delete_mapping(document: Document, object_type: str, target: str) -> dict[str, Any]:
    """Delete the mapping of ``target``; the last matching one cannot be deleted, only edited."""
    changed = copy.deepcopy(dict(document))
    mappings = object_mapping(changed, object_type)["attributeMappings"]
    row = _mapped(mappings, target)
    if _last_matching(mappings, row):
        raise Conflict(f"{row['targetAttributeName']} is the last matching attribute and cannot be deleted: edit it.")
    mappings.remove(row)
    return changed


def delete_all_deletable(document: Document, object_type: str) -> tuple[dict[str, Any], list[str]]:
    """Delete every mapping that can be deleted; returns the copy and the targets deleted. One matching one stays."""
    changed = copy.deepcopy(dict(document))
    mapping = object_mapping(changed, object_type)
    matching = [row for row in mapping["attributeMappings"] if row.get("matchingPriority")]
    stays = min(matching, key=lambda row: row["matchingPriority"])
    deleted = [row["targetAttributeName"] for row in mapping["attributeMappings"] if row is not stays]
    mapping["attributeMappings"] = [stays]
    return changed, deleted


def add_attribute(document: Document, object_type: str, name: str, *, kind: str = "String") -> dict[str, Any]:
    """*Edit attribute list*: a new target attribute; :func:`set_attribute` sets its columns."""
    changed = copy.deepcopy(dict(document))
    definitions = target_definitions(changed, object_type)
    if any(row["name"].casefold() == name.casefold() for row in definitions):
        raise Conflict(f"The attribute list has {name} already.")
    if not name.strip():
        raise Invalid("An attribute needs a name.")
    if not _PATH.fullmatch(name) or len(name) > 200:
        raise Invalid(f'{name} is no attribute path like title, name.givenName or emails[type eq "work"].value.')
    definitions.append(templates.attribute_definition(name, _kind(kind)))
    return changed


def set_attribute(
    document: Document,
    object_type: str,
    name: str,
    *,
    kind: str | None = None,
    primary: bool | None = None,
    required: bool | None = None,
    multi_valued: bool | None = None,
    exact_case: bool | None = None,
    referenced: str | None = None,
) -> dict[str, Any]:
    """Change an attribute's columns; at least one attribute stays *Primary*. ``referenced`` is the object type that a
    Reference points at (*Referenced object attribute*: its id), or empty for none."""
    changed = copy.deepcopy(dict(document))
    definitions = target_definitions(changed, object_type)
    row = _listed(definitions, name)
    given = {"anchor": primary, "required": required, "multivalued": multi_valued, "caseExact": exact_case}
    row.update({key: value for key, value in given.items() if value is not None})
    if kind is not None:
        row["type"] = _kind(kind)
    if referenced is not None:
        row["referencedObjects"] = _referenced(changed, referenced)
    if not any(other.get("anchor") for other in definitions):
        raise Conflict(f"{name} is the only Primary attribute: mark another one Primary first.")
    return _checked(changed)


def delete_attribute(document: Document, object_type: str, name: str) -> dict[str, Any]:
    """Take an attribute off the list; refused while a mapping uses it, naming the mapping."""
    changed = copy.deepcopy(dict(document))
    definitions = target_definitions(changed, object_type)
    row = _listed(definitions, name)
    user = next((m for m in object_mapping(changed, object_type)["attributeMappings"] if _is(m, row["name"])), None)
    if user is not None:
        shown = (user.get("source") or {}).get("expression") or "None"
        raise Conflict(f"{row['name']} is used by the mapping {shown} → {row['name']}: delete or edit that one first.")
    if row.get("anchor") and sum(bool(other.get("anchor")) for other in definitions) == 1:
        raise Conflict(f"{name} is the only Primary attribute and cannot be deleted.")
    definitions.remove(row)
    return changed


def differences(before: Document, after: Document) -> list[str]:
    """What edits have changed, a sentence each: mappings added, changed and deleted, and the attribute list."""
    found = []
    for object_type in OBJECT_TYPES:
        old = {row["target"]: row for row in rows(before, object_type)}
        new = {row["target"]: row for row in rows(after, object_type)}
        found += [f"{object_type}: deleted {row['source']} → {name}" for name, row in old.items() if name not in new]
        found += [f"{object_type}: added {row['source']} → {name}" for name, row in new.items() if name not in old]
        found += [
            f"{object_type}: changed {row['source']} → {name}"
            for name, row in new.items()
            if name in old and old[name] != row
        ]
        was, now = object_mapping(before, object_type), object_mapping(after, object_type)
        for part, words in _WHOLE.items():
            if (was.get(part) or None) != (now.get(part) or None):
                found.append(f"{object_type}: {words} changed")
        if target_definitions(before, object_type) != target_definitions(after, object_type):
            found.append(f"{object_type}: the attribute list is changed")
    return found


def recommended(document: Document) -> list[str]:
    """How the mappings differ from the recommended ones: a sentence each; none when they are as the page shows."""
    findings = []
    wanted = {"User": templates.DATABRICKS_USERS, "Group": templates.DATABRICKS_GROUPS}
    for object_type, expected in wanted.items():
        has = {row["target"]: row for row in rows(document, object_type)}
        for row in expected:
            shown = _row(templates.attribute_mapping(*row))
            found = has.pop(shown["target"], None)
            if found is None:
                findings.append(f"{object_type}: missing {shown['source']} → {shown['target']}")
            elif (found["source"], found["precedence"]) != (shown["source"], shown["precedence"]):
                findings.append(
                    f"{object_type}: {found['target']} comes from {found['source']} with matching precedence "
                    f"{found['precedence']}, recommended is {shown['source']} with {shown['precedence']}"
                )
        placeholder = templates.PLACEHOLDERS[object_type]
        for target, found in has.items():
            if (found["source"], target) != (placeholder[0], placeholder[1]):
                findings.append(f"{object_type}: too much: {found['source']} → {target}")
    return findings


def _row(mapping: Mapping[str, Any]) -> dict[str, Any]:
    source = mapping.get("source") or {}
    kind = {"Attribute": "Direct", "Constant": "Constant", "Function": "Expression"}.get(source.get("type", ""), "None")
    shown = source.get("name") if kind == "Direct" else source.get("expression")
    apply = {flow: words for words, flow in APPLY.items()}.get(mapping.get("flowType") or "Always")
    return {
        "type": kind,
        "source": shown or "",
        "default": mapping.get("defaultValue") or "",
        "target": mapping.get("targetAttributeName"),
        "match": bool(mapping.get("matchingPriority")),
        "precedence": mapping.get("matchingPriority") or 0,
        "apply": apply or mapping.get("flowType"),
    }


def _source(
    object_type: str, attribute: str | None, expression: str | None, constant: str | None
) -> dict[str, Any] | None:
    given = [part for part in (attribute, expression, constant) if part is not None]
    if len(given) > 1:
        raise Invalid("A mapping has one source: an attribute, an expression or a constant.")
    if not given:
        return None
    if attribute is not None:
        problem = unknown_attribute([attribute], object_type)
        if problem is not None:
            raise Invalid(problem)
        expression = f"[{attribute}]"
    elif constant is not None:
        escaped = constant.replace("\\", "\\\\").replace('"', '\\"')
        expression = f'"{escaped}"'
    try:
        compile_expression(expression or "")
        return to_source(parse(expression or ""))
    except ExpressionError as error:
        raise Invalid(f"{error}\n{error.caret()}") from None


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    compile_schema(document)
    return document


def _mapped(mappings: list[dict[str, Any]], target: str) -> dict[str, Any]:
    row = next((row for row in mappings if _is(row, target)), None)
    if row is None:
        raise Invalid(f"No mapping has the target {target}.")
    return row


def _is(row: Mapping[str, Any], target: str) -> bool:
    return str(row["targetAttributeName"]).casefold() == target.casefold()


def _last_matching(mappings: list[dict[str, Any]], row: dict[str, Any]) -> bool:
    others = [other for other in mappings if other is not row and other.get("matchingPriority")]
    return bool(row.get("matchingPriority")) and not others


def _precedence_is_free(mappings: list[dict[str, Any]], row: dict[str, Any]) -> None:
    if row["matchingPriority"] < 0:
        raise Invalid("A matching precedence is 1 or more; 0 means that the attribute does not match objects.")
    for other in mappings:
        if other is not row and row["matchingPriority"] and other.get("matchingPriority") == row["matchingPriority"]:
            raise Conflict(f"{other['targetAttributeName']} has matching precedence {row['matchingPriority']} already.")


def _flow(apply: str) -> str:
    flow = APPLY.get(apply.casefold()) or next((f for f in APPLY.values() if f.casefold() == apply.casefold()), None)
    if flow is None:
        raise Invalid(f"{apply!r} is not one of: {', '.join(APPLY)}.")
    return flow


def _defined(document: dict[str, Any], object_type: str, target: str) -> str:
    name: str = _listed(target_definitions(document, object_type), target)["name"]
    return name


def _listed(definitions: list[dict[str, Any]], name: str) -> dict[str, Any]:
    row = next((row for row in definitions if row["name"].casefold() == name.casefold()), None)
    if row is None:
        raise Invalid(f"The attribute list has no {name}: add it there first.")
    return row


def referenced(document: Document, row: Mapping[str, Any]) -> str:
    """The object type that an attribute of the list points at; empty when it says none that is mapped."""
    names = {object_mapping(document, kind).get("targetObjectName"): kind for kind in OBJECT_TYPES}
    for item in row.get("referencedObjects") or ():
        if item.get("referencedObjectName") in names:
            return names[item["referencedObjectName"]]
    return ""


def _referenced(document: Document, object_type: str) -> list[dict[str, Any]]:
    if not object_type:
        return []
    if object_type not in OBJECT_TYPES:
        raise Invalid(f"{object_type!r} is no object type: {', '.join(OBJECT_TYPES)}.")
    name = object_mapping(document, object_type).get("targetObjectName")
    return [{"referencedObjectName": name, "referencedProperty": "id"}]


def _kind(kind: str) -> str:
    known = next((name for name in TYPES if name.casefold() == kind.casefold()), None)
    if known is None:
        raise Invalid(f"{kind!r} is not a type: {', '.join(TYPES)}.")
    return known
