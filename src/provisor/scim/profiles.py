"""The two rule books of a workspace: ``standard`` is RFC 7643, ``databricks`` what Azure Databricks makes of it.

Databricks differs in what may be written: groups of a user can, user names and e-mail addresses stay as they were
created, a group keeps its name; groups have entitlements, roles and parents. A workspace's own extensions stand beside
the enterprise extension in either.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final

from provisor.scim.extensions import parse
from provisor.scim.schema import Attribute, Mutability, ResourceType, Returned, Schema

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
SERVICE_PRINCIPAL: Final = "urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@lru_cache(maxsize=256)
def resource_types(profile: str, extensions: str = "", *, renamable: bool = False) -> Mapping[str, ResourceType]:
    """``User``, ``Group`` and, in ``databricks``, ``ServicePrincipal`` as ``profile`` (``standard`` or ``databricks``)
    has them. Raises KeyError for others.

    ``extensions`` is JSON: by the name of a resource type, schemas that ``extensions.parse`` takes. ``renamable``:
    groups of ``databricks`` can get another name.
    """
    kinds = dict({"standard": _standard, "databricks": _databricks}[profile]())
    if renamable:
        kinds["Group"] = _renamable(kinds["Group"])
    for name, documents in json.loads(extensions or "{}").items():
        own = tuple(map(parse, documents))
        kinds[name] = replace(kinds[name], extensions=(*kinds[name].extensions, *own))
    return kinds


def schemas(kinds: Mapping[str, ResourceType], *, native: bool = False) -> tuple[Schema, ...]:
    """All schemas of resource types as they are declared: core first, extensions after.

    That groups of a user can be written is a habit of Databricks' clients: it is understood everywhere and declared
    to them (``native``) only, since to RFC 7643 groups are read-only.
    """
    core = [kind.schema for kind in kinds.values()]
    if not native:
        core = [replace(item, attributes=tuple(map(_as_rfc, item.attributes))) for item in core]
    return (*core, *(item for kind in kinds.values() for item in kind.extensions))


def _as_rfc(attribute: Attribute) -> Attribute:
    return replace(attribute, mutability="readOnly") if attribute.name == "groups" else attribute


def _strings(*names: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name) for name in names)


def _plural(
    name: str,
    description: str,
    *,
    value: Attribute | None = None,
    types: tuple[str, ...] = (),
    more: Iterable[Attribute] = (),
) -> Attribute:
    """A multi-valued attribute with the sub-attributes that RFC 7643 §2.4 gives them all."""
    subs = (
        value or Attribute("value", description="The value itself."),
        Attribute("display", description="The value as people read it."),
        Attribute("type", canonical_values=types, description="What the value is for."),
        Attribute("primary", "boolean", description="Whether this is the preferred one; at most one is."),
        *more,
    )
    return Attribute(name, "complex", multi_valued=True, sub_attributes=subs, description=description)


def _references(
    name: str, description: str, *types: str, kinds: tuple[str, ...], named: Returned = "default"
) -> Attribute:
    """A multi-valued attribute whose values are ids of other resources; ``kinds`` are the values of ``type``,
    ``named`` says when their names are returned."""
    return Attribute(
        name,
        "complex",
        multi_valued=True,
        description=description,
        sub_attributes=(
            Attribute("value", case_exact=True, mutability="immutable", description="The id."),
            Attribute(
                "$ref",
                "reference",
                case_exact=True,
                mutability="immutable",
                reference_types=types,
                description="The address.",
            ),
            Attribute(
                "type",
                mutability="immutable",
                canonical_values=kinds,
                description="The kind of resource, or how the link came about; the server knows it.",
            ),
            Attribute("display", mutability="readOnly", returned=named, description="The name as people read it."),
        ),
    )


_ENTITLEMENTS: Final = _plural(
    "entitlements",
    "What the principal may do, granted directly.",
    value=Attribute("value", case_exact=True, description="The name of the entitlement."),
)
_ROLES: Final = _plural(
    "roles",
    "Roles granted directly.",
    value=Attribute("value", case_exact=True, description="The name of the role."),
)
_NAME: Final = Attribute(
    "name",
    "complex",
    description="The parts of a person's name.",
    sub_attributes=_strings("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"),
)
_ADDRESSES: Final = Attribute(
    "addresses",
    "complex",
    multi_valued=True,
    description="Postal addresses.",
    sub_attributes=(
        *_strings("formatted", "streetAddress", "locality", "region", "postalCode", "country"),
        Attribute("type", canonical_values=("work", "home", "other")),
        Attribute("primary", "boolean"),
    ),
)
_USER_GROUPS: Final = replace(
    _references("groups", "The groups the user is a direct member of.", "Group", kinds=("direct",)),
    mutability="readOnly",
)
_USER_ATTRIBUTES: Final = (
    Attribute(
        "userName",
        required=True,
        uniqueness="server",
        description="The name to sign in with, unique.",
    ),
    _NAME,
    Attribute("displayName", description="The name to show."),
    Attribute("nickName", description="What the user is called."),
    Attribute("profileUrl", "reference", reference_types=("external",), description="A page about the user."),
    Attribute("title", description="The job title."),
    Attribute("userType", description="The relation to the organisation."),
    Attribute("preferredLanguage", description="The language for texts."),
    Attribute("locale", description="How numbers, dates and currencies are shown."),
    Attribute("timezone", description="The time zone by its IANA name."),
    Attribute("active", "boolean", description="Whether the user may sign in."),
    Attribute(
        "password", case_exact=True, mutability="writeOnly", returned="never", description="Taken, kept nowhere."
    ),
    _plural("emails", "E-mail addresses.", types=("work", "home", "other")),
    _plural("phoneNumbers", "Telephone numbers.", types=("work", "home", "mobile", "fax", "pager", "other")),
    _plural("ims", "Names in instant messengers."),
    _plural(
        "photos",
        "Addresses of pictures.",
        value=Attribute("value", "reference", case_exact=True, reference_types=("external",)),
        types=("photo", "thumbnail"),
    ),
    _ADDRESSES,
    _USER_GROUPS,
    _ENTITLEMENTS,
    _ROLES,
    _plural("x509Certificates", "Certificates.", value=Attribute("value", "binary", case_exact=True)),
)
_MANAGER: Final = Attribute(
    "manager",
    "complex",
    description="The user's manager.",
    sub_attributes=(
        Attribute("value", case_exact=True, description="The manager's id."),
        Attribute("$ref", "reference", case_exact=True, reference_types=("User",), description="Their address."),
        Attribute("displayName", mutability="readOnly", description="The manager's name."),
    ),
)
_ENTERPRISE: Final = Schema(
    ENTERPRISE,
    "EnterpriseUser",
    "What an organisation knows of its people",
    (*_strings("employeeNumber", "costCenter", "organization", "division", "department"), _MANAGER),
    short_names=True,
)
_APPLICATION_ID: Final = Attribute(
    "applicationId",
    required=True,
    uniqueness="server",
    mutability="immutable",
    description="The application's id, unique; made here for who gives none.",
)
_DISPLAY_NAME: Final = Attribute(
    "displayName", required=True, uniqueness="server", description="The group's name, unique."
)
_MEMBERS: Final = _references(
    "members", "The direct members.", "User", "Group", kinds=("User", "Group"), named="request"
)


@cache
def _standard() -> Mapping[str, ResourceType]:
    user = Schema(USER, "User", "User account", _USER_ATTRIBUTES)
    group = Schema(GROUP, "Group", "Group", (_DISPLAY_NAME, _MEMBERS))
    return {
        "User": ResourceType("User", "/Users", user, (_ENTERPRISE,)),
        "Group": ResourceType("Group", "/Groups", group),
    }


def _with(attribute: Attribute, mutability: Mutability) -> Attribute:
    """An attribute that changes as said; what never changes has no parts that do."""
    parts = attribute.sub_attributes
    if mutability == "immutable":
        parts = tuple(replace(part, mutability=mutability) for part in parts)
    return replace(attribute, mutability=mutability, sub_attributes=parts)


@cache
def _databricks() -> Mapping[str, ResourceType]:
    changed: dict[str, Mutability] = {"userName": "immutable", "emails": "immutable", "groups": "readWrite"}
    attributes = tuple(_with(item, changed.get(item.name, item.mutability)) for item in _USER_ATTRIBUTES)
    user = Schema(USER, "User", "User of the workspace", attributes)
    parents = replace(
        _references("groups", "The groups it is a direct member of.", "Group", kinds=("direct",)), mutability="readOnly"
    )
    name = replace(_DISPLAY_NAME, mutability="immutable")
    kinds = ("User", "ServicePrincipal", "Group")
    inside = _references("members", "The direct members.", *kinds, kinds=kinds, named="request")
    group = Schema(GROUP, "Group", "Group of the workspace", (name, inside, parents, _ENTITLEMENTS, _ROLES))
    shared = ("displayName", "active", "groups", "entitlements", "roles")
    application = Schema(
        SERVICE_PRINCIPAL,
        "ServicePrincipal",
        "Account of an application in the workspace",
        (_APPLICATION_ID, *(item for item in attributes if item.name in shared)),
    )
    return {
        "User": ResourceType("User", "/Users", user, (_ENTERPRISE,)),
        "Group": ResourceType("Group", "/Groups", group, meta_name="WorkspaceGroup"),
        "ServicePrincipal": ResourceType("ServicePrincipal", "/ServicePrincipals", application),
    }


def _renamable(group: ResourceType) -> ResourceType:
    attributes = tuple(
        _with(item, "readWrite") if item.name == "displayName" else item for item in group.schema.attributes
    )
    return replace(group, schema=replace(group.schema, attributes=attributes))
