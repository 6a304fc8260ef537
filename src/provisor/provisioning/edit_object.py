"""The changes that an administrator makes to an object mapping as a whole: whether it is on, what it may do at the
target, whom its scoping filters let through; and starting over from the template.

As in ``edit``, each takes the document and returns a changed copy, or raises Invalid or Conflict with a sentence.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from provisor.provisioning import filters, templates
from provisor.provisioning.edit import Document
from provisor.provisioning.filters import Clause, Filter
from provisor.provisioning.schema import compile_schema, object_mapping
from provisor.refusal import Conflict, Invalid

#: *Target Object Actions*: the portal's words → the document's flowTypes.
ACTIONS: Final = {"create": "Add", "update": "Update", "delete": "Delete"}
LONGEST_TITLE: Final = 200


def settings(document: Document, object_type: str) -> dict[str, Any]:
    """``name``, ``enabled``, ``actions`` (of create, update, delete) and ``filters`` of an object mapping."""
    mapping = object_mapping(document, object_type)
    flow = {part.strip() for part in str(mapping.get("flowTypes") or "").split(",")}
    return {
        "name": mapping.get("name"),
        "enabled": bool(mapping.get("enabled", True)),
        "actions": [action for action, kind in ACTIONS.items() if kind in flow],
        "filters": filters.compile_filters(mapping.get("scope"), object_type),
    }


def set_object(
    document: Document,
    object_type: str,
    *,
    enabled: bool | None = None,
    actions: Mapping[str, bool | None] | None = None,
) -> dict[str, Any]:
    """*Enabled*, and *Target Object Actions*: action → whether it is done; None and what is not named stay."""
    changed = copy.deepcopy(dict(document))
    mapping = object_mapping(changed, object_type)
    if enabled is not None:
        if object_type == "User" and not enabled:
            raise Conflict("The mapping of users cannot be disabled: set Provisioning Status Off instead.")
        mapping["enabled"] = enabled
    done = set(settings(document, object_type)["actions"])
    for action, wanted in (actions or {}).items():
        if wanted is not None:
            done = done | {action} if wanted else done - {action}
    mapping["flowTypes"] = ",".join(kind for action, kind in ACTIONS.items() if action in done)
    compile_schema(changed)
    return changed


def add_filter(document: Document, object_type: str, title: str, clauses: Sequence[Clause]) -> dict[str, Any]:
    """*Add new filter group*: whoever passes it is in scope, beside those whom other filters let through."""
    found = settings(document, object_type)["filters"]
    title = title.strip()
    if not title or len(title) > LONGEST_TITLE:
        raise Invalid(f"A scoping filter has a title of 1 to {LONGEST_TITLE} characters.")
    if any(item.title.casefold() == title.casefold() for item in found):
        raise Conflict(f"There is a scoping filter {title} already: delete it first, or choose another title.")
    if not clauses:
        raise Invalid("A scoping filter needs at least one clause, like department EQUALS Sales.")
    return _with(document, object_type, (*found, Filter(title, tuple(clauses))))


def delete_filter(document: Document, object_type: str, title: str) -> dict[str, Any]:
    """Delete a scoping filter; without any, everybody who is assigned is in scope."""
    found = settings(document, object_type)["filters"]
    left = tuple(item for item in found if item.title.casefold() != title.casefold())
    if len(left) == len(found):
        raise Invalid(f"There is no scoping filter {title}.")
    return _with(document, object_type, left)


def restored(document: Document, template: str) -> dict[str, Any]:
    """*Restore default mappings*: the template's, filters and attribute list included; the document's own id stays."""
    fresh = templates.template(template)
    fresh["id"] = document.get("id", fresh["id"])
    return fresh


def _with(document: Document, object_type: str, left: Sequence[Filter]) -> dict[str, Any]:
    changed = copy.deepcopy(dict(document))
    mapping = object_mapping(changed, object_type)
    # What else the scope holds, like a tenant's experimental filters, stays as it came.
    scope = {**(mapping.get("scope") or {}), "groups": filters.to_json(left)}
    mapping["scope"] = scope if left or len(scope) > 1 else None
    compile_schema(changed)
    return changed
