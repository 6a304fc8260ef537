"""The synchronizationSchema documents that applications start from, in Microsoft Graph's form.

``scim``               today's defaults of a non-gallery application
``customappsso-2019``  where the page of 2019 starts: what its portal showed before anything was edited
``dataBricks``         what the page is after, without its two placeholder rows: ready to run

The tables are (source, target, matching precedence); ``=`` in front of a source makes it an expression.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, Final

from provisor.expressions import parse, to_source
from provisor.provisioning.source_names import source_attributes

TEMPLATES: Final = ("scim", "customappsso-2019", "dataBricks")
RULE_ID: Final = "03f7d90d-bf71-41b1-bda6-aaf0ddbee5d8"
SOURCE_DIRECTORY: Final = "Azure Active Directory"
TARGET_USER: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
TARGET_GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
_SOURCE_DIRECTORY_ID: Final = "66e4a8cc-1b7b-435e-95f8-f06cea133828"
_ENTERPRISE = TARGET_USER + ":"
ACTIVE = '=Switch([IsSoftDeleted], , "False", "True", "True", "False")'
FULL_NAME = '=Join(" ", [givenName], [surname])'
WORK_MAIL = 'emails[type eq "work"].value'

Row = tuple[str, str, int]

_SCIM_USERS: Final[list[Row]] = [
    ("userPrincipalName", "userName", 1),
    (ACTIVE, "active", 0),
    ("displayName", "displayName", 0),
    ("jobTitle", "title", 0),
    ("mail", WORK_MAIL, 0),
    ("preferredLanguage", "preferredLanguage", 0),
    ("givenName", "name.givenName", 0),
    ("surname", "name.familyName", 0),
    (FULL_NAME, "name.formatted", 0),
    ("physicalDeliveryOfficeName", 'addresses[type eq "work"].formatted', 0),
    ("streetAddress", 'addresses[type eq "work"].streetAddress', 0),
    ("city", 'addresses[type eq "work"].locality', 0),
    ("state", 'addresses[type eq "work"].region', 0),
    ("postalCode", 'addresses[type eq "work"].postalCode', 0),
    ("country", 'addresses[type eq "work"].country', 0),
    ("telephoneNumber", 'phoneNumbers[type eq "work"].value', 0),
    ("mobile", 'phoneNumbers[type eq "mobile"].value', 0),
    ("facsimileTelephoneNumber", 'phoneNumbers[type eq "fax"].value', 0),
    ("mailNickname", "externalId", 0),
    ("employeeId", _ENTERPRISE + "employeeNumber", 0),
    ("department", _ENTERPRISE + "department", 0),
    ("manager", _ENTERPRISE + "manager", 0),
]
_SCIM_GROUPS: Final[list[Row]] = [
    ("displayName", "displayName", 1),
    ("objectId", "externalId", 0),
    ("members", "members", 0),
]
_2019_USERS: Final[list[Row]] = [
    ("mailNickname", "externalId", 1),
    (ACTIVE, "active", 0),
    ("displayName", "displayName", 0),
    ("facsimileTelephoneNumber", 'phoneNumbers[type eq "fax"].value', 0),
    ("givenName", "name.givenName", 0),
    ("jobTitle", "title", 0),
    ("mail", WORK_MAIL, 0),
    ("manager", _ENTERPRISE + "manager", 0),
    ("mobile", 'phoneNumbers[type eq "mobile"].value', 0),
    ("objectId", "id", 0),
    ("postalCode", 'addresses[type eq "work"].postalCode', 0),
    ("proxyAddresses", 'emails[type eq "other"].value', 0),
    ("physicalDeliveryOfficeName", 'addresses[type eq "other"].formatted', 0),
    ("streetAddress", 'addresses[type eq "work"].streetAddress', 0),
    ("surname", "name.familyName", 0),
    ("telephoneNumber", 'phoneNumbers[type eq "work"].value', 0),
    ("userPrincipalName", "userName", 0),
]
_2019_GROUPS: Final[list[Row]] = [
    ("displayName", "displayName", 1),
    ("objectId", "externalId", 0),
    ("mail", WORK_MAIL, 0),
    ("mailEnabled", "mailEnabled", 0),
    ("securityEnabled", "securityEnabled", 0),
    ("members", "members", 0),
]
DATABRICKS_USERS: Final[list[Row]] = [
    ("userPrincipalName", "userName", 1),
    ("mail", WORK_MAIL, 0),
    (FULL_NAME, "displayName", 0),
    (ACTIVE, "active", 0),
]
DATABRICKS_GROUPS: Final[list[Row]] = [("displayName", "displayName", 1), ("members", "members", 0)]
#: The page's rows that are placeholders: normally null, allowed beside the recommended ones.
PLACEHOLDERS: Final[dict[str, Row]] = {
    "User": ("extensionAttribute1", "id", 0),
    "Group": ("extensionAttribute1", "id", 2),
}

_ROWS: Final = {
    "scim": (_SCIM_USERS, _SCIM_GROUPS),
    "customappsso-2019": (_2019_USERS, _2019_GROUPS),
    "dataBricks": (DATABRICKS_USERS, DATABRICKS_GROUPS),
}

#: What a SCIM target's users and groups have: name → type; ``*`` exact case, ``!`` required.
_TARGET_USERS: Final = (
    "id*! userName! externalId* active:Boolean displayName nickName profileUrl title userType preferredLanguage locale "
    "timezone name.formatted name.givenName name.familyName name.middleName name.honorificPrefix name.honorificSuffix"
)
_TYPED: Final = {
    "emails": (("work", "home", "other"), ("value",)),
    "phoneNumbers": (("work", "mobile", "fax", "home", "other", "pager"), ("value",)),
    "addresses": (
        ("work", "home", "other"),
        ("formatted", "streetAddress", "locality", "region", "postalCode", "country"),
    ),
}
_TARGET_GROUPS: Final = "id*! displayName! externalId* members:Reference[] mailEnabled:Boolean securityEnabled:Boolean"


def template(name: str) -> dict[str, Any]:
    """A fresh copy of the document of template ``name`` (one of :data:`TEMPLATES`)."""
    return copy.deepcopy(_template(name))


@cache
def _template(name: str) -> dict[str, Any]:
    users, groups = _ROWS[name]
    target = "dataBricks" if name == "dataBricks" else "customappsso"
    verb = "Synchronize" if name == "customappsso-2019" else "Provision"
    user = _object_mapping(f"{verb} Azure Active Directory Users", "User", TARGET_USER, users, target)
    group = _object_mapping(f"{verb} Azure Active Directory Groups", "Group", TARGET_GROUP, groups, target)
    return {
        "id": name,
        "version": "1",
        "directories": [_source_directory(), _target_directory(target)],
        "synchronizationRules": [
            {
                "id": RULE_ID,
                "name": "USERGROUP_OUTBOUND_USERGROUP",
                "priority": 1,
                "editable": True,
                "sourceDirectoryName": SOURCE_DIRECTORY,
                "targetDirectoryName": target,
                "objectMappings": [group, user],
                "metadata": [{"key": "supportsProvisionOnDemand", "value": "true"}],
            }
        ],
    }


def _object_mapping(name: str, source: str, target: str, rows: list[Row], directory: str) -> dict[str, Any]:
    return {
        "name": f"{name} to {directory}" if name.startswith("Synchronize") else name,
        "enabled": True,
        "flowTypes": "Add,Update,Delete",
        "scope": None,
        "sourceObjectName": source,
        "targetObjectName": target,
        "attributeMappings": [attribute_mapping(*row) for row in rows],
        "metadata": [],
    }


def attribute_mapping(source: str, target: str, precedence: int = 0, default: str = "") -> dict[str, Any]:
    """One attributeMapping: ``source`` is an attribute's name, or an expression after ``=``."""
    expression = source[1:] if source.startswith("=") else f"[{source}]"
    return {
        "targetAttributeName": target,
        "source": to_source(parse(expression)),
        "defaultValue": default,
        "matchingPriority": precedence,
        "flowBehavior": "FlowWhenChanged",
        "flowType": "Always",
        "exportMissingReferences": False,
    }


def attribute_definition(name: str, kind: str = "String", **more: Any) -> dict[str, Any]:
    """One attributeDefinition; ``kind`` may end in ``[]`` for multi-valued."""
    definition = {
        "name": name,
        "type": kind.removesuffix("[]"),
        "anchor": False,
        "required": False,
        "multivalued": kind.endswith("[]"),
        "caseExact": False,
        "mutability": "ReadWrite",
        "defaultValue": None,
        "flowNullValues": False,
        "referencedObjects": [],
        "apiExpressions": [],
        "metadata": [],
    }
    return {**definition, **more}


def _source_directory() -> dict[str, Any]:
    def definition(object_type: str, name: str, kind: str) -> dict[str, Any]:
        return attribute_definition(name, kind, anchor=name == "objectId", caseExact=True)

    objects = [
        {
            "name": object_type,
            "attributes": [definition(object_type, *item) for item in source_attributes(object_type).items()],
            "supportedApis": [],
            "metadata": [],
        }
        for object_type in ("User", "Group")
    ]
    return _directory(_SOURCE_DIRECTORY_ID, SOURCE_DIRECTORY, objects)


def _target_directory(name: str) -> dict[str, Any]:
    users = [_parsed(item) for item in _TARGET_USERS.split()]
    for attribute, (types, parts) in _TYPED.items():
        users += [attribute_definition(f'{attribute}[type eq "{kind}"].{part}') for kind in types for part in parts]
    users += [attribute_definition(f'roles[primary eq "True"].{part}') for part in ("display", "type", "value")]
    for part in ("employeeNumber", "department", "costCenter", "division", "organization"):
        users.append(attribute_definition(_ENTERPRISE + part))
    users.append(attribute_definition(_ENTERPRISE + "manager", "Reference"))
    groups = [_parsed(item) for item in _TARGET_GROUPS.split()]
    groups.append(attribute_definition(WORK_MAIL))
    objects = [
        {"name": TARGET_USER, "attributes": users, "supportedApis": [], "metadata": []},
        {"name": TARGET_GROUP, "attributes": groups, "supportedApis": [], "metadata": []},
    ]
    return _directory(name, name, objects)


def _parsed(item: str) -> dict[str, Any]:
    name, _, kind = item.partition(":")
    bare = name.rstrip("*!")
    return attribute_definition(
        bare, kind or "String", anchor=bare == "id", caseExact="*" in name, required=bare == "id"
    )


def _directory(identity: str, name: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": identity,
        "name": name,
        "readOnly": False,
        "version": "1",
        "discoverabilities": "None",
        "objects": objects,
    }
