"""PATCH (RFC 7644 §3.5.2) as a pure function: the resource before, operations, the resource after.

``workspace`` calls ``apply`` with what ``dialects.patch_operations`` read. Values are never changed in place, so an
operation that is refused leaves nothing behind, and the resource that came in stays what it was. How lists are edited
stands in ``elements``; members of a group, which nobody wants to load, are set apart by ``member_changes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from provisor.scim import dialects, elements
from provisor.scim import path as paths
from provisor.scim.dialects import Operation
from provisor.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget
from provisor.scim.filter import Filter, conjuncts
from provisor.scim.filter_tree import Comparison
from provisor.scim.membership import MemberChanges, member_changes
from provisor.scim.path import Path
from provisor.scim.resource import listed_schemas
from provisor.scim.schema import Attribute, ResourceType
from provisor.scim.values import MOST_ELEMENTS, coerce, element

__all__ = ["MemberChanges", "apply", "member_changes"]

#: Sub-attributes that say nothing once the value they describe is gone.
_DESCRIBING: Final = frozenset({"type", "primary", "display"})
#: An element is not made up from its identity: there it is a target that is missing.
_IDENTITY: Final = frozenset({"value", "$ref"})


def apply(
    resource_type: ResourceType,
    resource: Mapping[str, Any],
    operations: Iterable[Operation],
    *,
    ignore: frozenset[str] = frozenset(),
) -> tuple[dict[str, Any], frozenset[str]]:
    """The resource after ``operations``, and the names (in small letters) whose change was asked and ignored.

    ``ignore`` are attributes of the core, in small letters, that keep the value they have whatever is asked; ``id`` is
    always one. An element that a filter names by its ``type`` and that is not there is made by add and replace, as
    Entra ID expects. Removing what is not there changes nothing. Raises InvalidPath, InvalidFilter, InvalidValue,
    NoTarget, and Mutability for read-only, immutable and required attributes.
    """
    edit = _Edit(resource_type, dict(resource), ignore | {"id"})
    for operation in operations:
        edit.apply(operation)
    if "schemas" in edit.resource:
        edit.resource["schemas"] = listed_schemas(resource_type, edit.resource)
    return edit.resource, frozenset(edit.ignored)


class _Edit:
    """The resource while operations are applied; ``resource`` is a copy whose values are replaced, never changed."""

    def __init__(self, resource_type: ResourceType, resource: dict[str, Any], ignore: frozenset[str]) -> None:
        self.resource = resource
        self.ignored: set[str] = set()
        self._type = resource_type
        self._ignore = ignore

    def apply(self, operation: Operation) -> None:
        if operation.path is None:
            if operation.op == "remove":
                raise NoTarget("A remove needs a path.")
            self._merge(operation, Path(None, None))
            return
        try:
            path = paths.parse(operation.path, self._type)
        except InvalidPath:
            if operation.strict:
                raise
            return
        if path.attribute is None:
            self._merge(operation, path)
        else:
            self._change(path, path.attribute, operation)

    def _merge(self, operation: Operation, path: Path) -> None:
        """A whole resource, or a whole extension, as the value: each of its attributes by itself."""
        if operation.op == "remove" or (operation.value is None and path.extension):
            if path.extension is None:
                raise NoTarget("A remove needs the path of an attribute.")
            names = list(self.resource.get(path.extension) or ())
            parts: Iterable[tuple[str, Any]] = ((name, None) for name in names)
        elif isinstance(operation.value, dict):
            parts = operation.value.items()
        else:
            raise InvalidValue(f"The {operation.op} of {path.where} needs an object as its value.")
        start = f"{path.extension}:" if path.extension else ""
        for name, value in parts:
            if name.lower() != "schemas":
                self.apply(Operation(operation.op, f"{start}{name}", value, strict=False))

    def _change(self, path: Path, attribute: Attribute, operation: Operation) -> None:
        fixed = path.extension is None and attribute.name.lower() in self._ignore
        readonly = attribute.mutability == "readOnly" or (path.sub is not None and path.sub.mutability == "readOnly")
        if readonly and not fixed:
            if operation.strict:
                raise Mutability(f"{path.where} is read-only.")
            return
        holder = self.resource if path.extension is None else self.resource.get(path.extension) or {}
        before = holder.get(attribute.name)
        try:
            after = _after(path, attribute, before, operation)
        except Mutability:
            if not fixed:
                raise
            self.ignored.add(attribute.name.lower())
            return
        if isinstance(after, list) and len(after) > MOST_ELEMENTS:
            raise InvalidValue(f"{path.where} can have {MOST_ELEMENTS} values, not {len(after)}.")
        if elements.equal(attribute, before, after) and (fixed or attribute.mutability == "immutable"):
            return
        if fixed and (before is not None or attribute.name == "id"):
            self.ignored.add(attribute.name.lower())
            return
        if attribute.mutability == "immutable" and before is not None:
            raise Mutability(f"{path.where} cannot be changed.")
        if after is None and attribute.required and path.extension is None:
            raise Mutability(f"{path.where} is required and cannot be removed.")
        self._store(path.extension, attribute.name, after)

    def _store(self, extension: str | None, name: str, value: Any) -> None:
        holder = self.resource if extension is None else dict(self.resource.get(extension) or {})
        if value is None:
            holder.pop(name, None)
        else:
            holder[name] = value
        if extension is None:
            return
        if holder:
            self.resource[extension] = holder
        else:
            self.resource.pop(extension, None)


def _after(path: Path, attribute: Attribute, before: Any, operation: Operation) -> Any:
    """The value of ``attribute`` after one operation on it, its elements or its sub-attributes; None for none."""
    if path.meets is not None:
        return _chosen(path, path.meets, attribute, before, operation)
    if path.sub is not None:
        return _part(path, path.sub, attribute, before, operation)
    if operation.op == "remove":
        return _removed(path, attribute, before, operation)
    value = coerce(attribute, operation.value, path.where)
    if attribute.multi_valued:
        if operation.op == "replace":
            return value
        return elements.added(attribute, before or (), value or ()) or None
    return _completed(attribute, before, value, operation.value)


def _completed(attribute: Attribute, before: Any, value: Any, said: Any) -> Any:
    """A singular value; a complex one keeps the sub-attributes that ``said``, as it came in, does not name."""
    if attribute.type != "complex" or before is None:
        return value
    said = dialects.single(said)
    nulls = {name.lower() for name, part in said.items() if part is None} if isinstance(said, dict) else set()
    if value is None and (not isinstance(said, dict) or "value" in nulls):
        return None
    if value is not None and value.get("value") not in (None, before.get("value")):
        # Another manager has another address and name.
        return value
    fixed = {sub.name for sub in attribute.sub_attributes if sub.mutability == "readOnly"}
    merged = {**before, **(value or {})}
    return {name: part for name, part in merged.items() if name in fixed or name.lower() not in nulls} or None


def _removed(path: Path, attribute: Attribute, before: Any, operation: Operation) -> Any:
    """Remove of a whole attribute; with a value list only of what it lists (Entra ID, Databricks before 2024)."""
    if before is None or operation.value is None or not attribute.multi_valued:
        return None
    listed = coerce(attribute, operation.value, path.where)
    return elements.without(attribute, before, listed or ()) or None


def _part(path: Path, sub: Attribute, attribute: Attribute, before: Any, operation: Operation) -> Any:
    """A sub-attribute, of the one value or of all elements."""
    value = None if operation.op == "remove" else coerce(sub, operation.value, path.where)
    if attribute.multi_valued:
        items = [_with(path, sub, item, value) for item in before or ()]
        if not items and value is not None:
            items = [{sub.name: value}]
        if sub.name == "primary" and value is True and len(items) > 1:
            raise InvalidValue(f"{attribute.name} can have one primary value, not several.")
        return _lasting(items)
    return _with(path, sub, before or {}, value) or None


def _chosen(
    path: Path,
    meets: Callable[[dict[str, Any]], bool],
    attribute: Attribute,
    before: Any,
    operation: Operation,
) -> Any:
    """The elements that a filter chooses, or a sub-attribute of each."""
    items = before if isinstance(before, list) else [before] if before else []
    chosen = [index for index, item in enumerate(items) if meets(item)]
    value = None
    if operation.op != "remove":
        value = _new_value(path, attribute, operation)
    if value is None:
        if path.sub is None:
            result = [item for item in items if not meets(item)]
        else:
            result = [_with(path, path.sub, item, None) if meets(item) else item for item in items]
        return _joined(attribute, _lasting(result) or [])
    if not chosen:
        if not operation.makes:
            raise NoTarget(f"There is no {path.where}.")
        made = {**_described(path), **value}
        return _joined(attribute, elements.added(attribute, items, [made]))
    result = list(items)
    for index in chosen:
        result[index] = _edited(path, items[index], value, operation)
    if value.get("primary") is True:
        result = elements.one_primary(result, [result[chosen[-1]]])
    return _joined(attribute, elements.distinct(attribute, result))


def _new_value(path: Path, attribute: Attribute, operation: Operation) -> dict[str, Any] | None:
    """What an operation says of each chosen element, as parts of it."""
    if path.sub is not None:
        part = coerce(path.sub, operation.value, path.where)
        return None if part is None else {path.sub.name: part}
    value = operation.value
    # For the one element that is meant, some clients send a list of it.
    if isinstance(value, list):
        if len(value) > 1:
            raise InvalidValue(f"{path.where} needs one value, not {len(value)}.")
        value = value[0] if value else None
    found: dict[str, Any] | None = element(attribute, value, path.where)
    return found


def _edited(path: Path, item: dict[str, Any], value: dict[str, Any], operation: Operation) -> dict[str, Any]:
    if path.sub is not None:
        return _with(path, path.sub, item, value[path.sub.name])
    if operation.op == "add":
        return {**item, **value}
    kept = {name: part for name, part in _equalities(path.filter).items() if name not in value}
    return {**{name: part for name, part in item.items() if name in kept}, **value}


def _with(path: Path, sub: Attribute, item: dict[str, Any], value: Any) -> dict[str, Any]:
    """``item`` with another value of one sub-attribute."""
    before = item.get(sub.name)
    if sub.mutability == "immutable" and before is not None and not elements.equal(sub, before, value):
        raise Mutability(f"{path.where} cannot be changed.")
    rest = {name: part for name, part in item.items() if name != sub.name}
    return rest if value is None else {**rest, sub.name: value}


def _described(path: Path) -> dict[str, Any]:
    """The element that a filter describes. Raises NoTarget when it does not."""
    parts = _equalities(path.filter)
    whole = path.filter is not None and len(parts) == len(list(conjuncts(path.filter)))
    if not whole or not parts or _IDENTITY & parts.keys():
        raise NoTarget(f"There is no {path.where}.")
    return parts


def _equalities(tree: Filter | None) -> dict[str, Any]:
    return {
        item.attribute.attribute.name: item.value
        for item in (conjuncts(tree) if tree is not None else ())
        if isinstance(item, Comparison) and item.operator == "eq" and item.value is not None
    }


def _lasting(items: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """``items`` without those of which nothing but a description is left."""
    return [item for item in items if not item.keys() <= _DESCRIBING] or None


def _joined(attribute: Attribute, items: list[Any]) -> Any:
    """A list of elements as the value of its attribute."""
    if attribute.multi_valued:
        return items or None
    return items[0] if items else None
