"""The directory's attributes under the names that provisioning knows them by (``userPrincipalName``, ``mailNickname``).

These are the old Azure AD Graph names that mappings are written with, not Microsoft Graph's. The directory stores
them, imports take them as columns, and every template's source side is made from this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_EXTENSIONS = {f"extensionAttribute{number}": "String" for number in range(1, 16)}

#: Attributes that somebody can set on a user: name → type.
USER_ATTRIBUTES: Final[Mapping[str, str]] = {
    "userPrincipalName": "String",
    "accountEnabled": "Boolean",
    "displayName": "String",
    "givenName": "String",
    "surname": "String",
    "mail": "String",
    "mailNickname": "String",
    "otherMails": "String[]",
    "proxyAddresses": "String[]",
    "jobTitle": "String",
    "department": "String",
    "companyName": "String",
    "employeeId": "String",
    "employeeType": "String",
    "employeeHireDate": "DateTime",
    "employeeLeaveDateTime": "DateTime",
    "employeeOrgData.costCenter": "String",
    "employeeOrgData.division": "String",
    "manager": "Reference",
    "streetAddress": "String",
    "city": "String",
    "state": "String",
    "postalCode": "String",
    "country": "String",
    "usageLocation": "String",
    "preferredLanguage": "String",
    "physicalDeliveryOfficeName": "String",
    "telephoneNumber": "String",
    "mobile": "String",
    "facsimileTelephoneNumber": "String",
    "immutableId": "String",
    "onPremisesSecurityIdentifier": "String",
    "showInAddressList": "Boolean",
    **_EXTENSIONS,
}

#: Attributes that somebody can set on a group.
GROUP_ATTRIBUTES: Final[Mapping[str, str]] = {
    "displayName": "String",
    "mailNickname": "String",
    "description": "String",
    "mail": "String",
    "mailEnabled": "Boolean",
    "securityEnabled": "Boolean",
    "groupTypes": "String[]",
    "proxyAddresses": "String[]",
    "visibility": "String",
    "onPremisesSecurityIdentifier": "String",
    **_EXTENSIONS,
}

#: Attributes that the directory computes: the object's id, and whether it has left the application's scope.
COMPUTED_USER: Final[Mapping[str, str]] = {
    "objectId": "String",
    "IsSoftDeleted": "Boolean",
    "originalUserPrincipalName": "String",
}
COMPUTED_GROUP: Final[Mapping[str, str]] = {"objectId": "String", "members": "Reference[]"}


def source_attributes(object_type: str) -> dict[str, str]:
    """Every attribute that a mapping of ``User`` or ``Group`` may read: name → type."""
    if object_type == "User":
        return {**COMPUTED_USER, **USER_ATTRIBUTES}
    return {**COMPUTED_GROUP, **GROUP_ATTRIBUTES}


def unknown_attribute(names: Iterable[str], object_type: str) -> str | None:
    """A sentence about the first of ``names`` that no ``User`` or ``Group`` has, with what may be meant; None when all
    are known."""
    known = source_attributes(object_type)
    wrong = next((name for name in sorted(names) if name not in known and not name.startswith("extension_")), None)
    if wrong is None:
        return None
    near = next((name for name in known if name.casefold() == wrong.casefold()), None)
    return f"{wrong} is no attribute of a {object_type.lower()}.{f' Did you mean {near}?' if near else ''}"
