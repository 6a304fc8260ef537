"""Files of people, groups and members as rows: CSV, JSON lines or a page of Microsoft Graph, told apart by what is in
them. Pure.

A CSV says what it is by its header, a JSON line by its keys: ``userPrincipalName`` makes a user, ``group`` and
``member`` a membership, else ``displayName`` a group. Every row keeps its place (file and line), which each sentence
about it begins with. The CSV that the Entra portal gives out under *Download users* is read as it is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from provisor import jsongate
from provisor.directory import attributes
from provisor.refusal import Invalid

Kind = Literal["User", "Group", "Member"]
#: Columns that say where an object stands rather than what it is like, in small letters.
OBJECT_ID: Final = "objectid"
SOFT_DELETED: Final = "issoftdeleted"
#: Other spellings (the portal's, Microsoft Graph's) of directory attributes, in small letters.
_ALIASES: Final = {
    "id": "objectId",
    "object id": "objectId",
    "user principal name": "userPrincipalName",
    "display name": "displayName",
    "officelocation": "physicalDeliveryOfficeName",
    "mobilephone": "mobile",
    "businessphones": "telephoneNumber",
    "faxnumber": "facsimileTelephoneNumber",
    "onpremisesimmutableid": "immutableId",
    "alternateemailaddress": "otherMails",
}
#: What the portal's files say about sign-in, consent and origin: nothing that provisioning reads.
_PASSED_OVER: Final = frozenset(
    {
        "usertype",
        "creationtype",
        "directorysynced",
        "invitationstate",
        "identityissuer",
        "createddatetime",
        "authenticationphonenumber",
        "authenticationalternativephonenumber",
        "authenticationemail",
        "agegroup",
        "consentprovidedforminor",
        "legalagegroupclassification",
        "grouptype",
        "membershiptype",
        "source",
        "objecttype",
        "isuser",
        "isgroup",
        "isguest",
        "isassignabletorole",
        "onpremisessyncenabled",
        "onpremises sync enabled",
        "membershiprule",
        "membershipruleprocessingstate",
        "createdbyappid",
        "expirationdatetime",
        "reneweddatetime",
        "deleteddatetime",
        "visibility",
        "resourceprovisioningoptions",
    }
)
#: Attributes whose values may have several lines.
_SEVERAL_LINES: Final = frozenset({"streetaddress", "description"})
_LONGEST: Final = 64 * 1024
#: A page of Graph has 999 objects at most.
_LONGEST_PAGE: Final = 64 * 1024 * 1024
#: What such a page begins with: what OData says of it, and then its objects.
_PAGE: Final = re.compile(r'\s*\{\s*(?:"@odata\.[^"]*"\s*:\s*(?:"[^"]*"|[0-9]+)\s*,\s*)*"value"\s*:')


@dataclass(frozen=True, slots=True)
class Row:
    """One object or membership of a file. ``values``: attribute → value of its type, None to clear it.

    ``id`` and ``soft_deleted`` are None when the file does not say. A member row has ``group`` and ``member`` only.
    """

    place: str
    kind: Kind
    values: Mapping[str, Any]
    id: UUID | None = None
    soft_deleted: bool | None = None
    group: str = ""
    member: str = ""


def rows(name: str, data: bytes) -> Iterator[Row]:
    """The rows of a file called ``name``. Raises Invalid naming the file and the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid(f"{name}:{line}: this is not UTF-8 text: save the file as UTF-8.") from None
    if (page := _page(name, text)) is not None:
        yield from page
    elif text.lstrip().startswith("{"):
        yield from _json_lines(name, text)
    else:
        yield from _csv(name, text)


def _page(name: str, text: str) -> Iterator[Row] | None:
    """The rows of an answer of Microsoft Graph, ``{"value": [...]}``; None when it is none."""
    if not _PAGE.match(text):
        return None
    try:
        found = jsongate.loads(text.encode(), limit=_LONGEST_PAGE)
    except jsongate.JsonError as error:
        raise Invalid(f"{name}: {error}") from None
    items = found["value"]
    if not isinstance(items, list):
        raise Invalid(f"{name}: its value is no list of users or groups.")
    return (_object(f"{name}, number {number}", item) for number, item in enumerate(items, 1))


def _object(place: str, found: Any) -> Row:
    if not isinstance(found, dict):
        raise Invalid(f"{place}: this is no JSON object.")
    values = _flat(found)
    columns = _columns(place, list(values))
    return _row(place, _kind(place, columns), columns, list(values.values()))


def _flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """An object with Graph's lists and structures as the directory has them, and without what OData says about it."""
    flat: dict[str, Any] = {}
    for name, value in found.items():
        lower = name.casefold()
        if "@odata." in name:
            continue
        if lower == "businessphones" and isinstance(value, list):
            flat[name] = value[0] if value else None
        elif lower == "manager" and isinstance(value, dict):
            flat[name] = value.get("id")
        elif lower == "employeeorgdata" and isinstance(value, dict):
            flat |= {f"employeeOrgData.{part}": item for part, item in value.items() if "@odata." not in part}
        elif lower == "onpremisesextensionattributes" and isinstance(value, dict):
            flat |= {part: item for part, item in value.items() if "@odata." not in part}
        else:
            flat[name] = value
    return flat


def _json_lines(name: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            found = jsongate.loads(line.encode(), limit=_LONGEST)
        except jsongate.JsonError as error:
            raise Invalid(f"{place}: {error}") from None
        if not isinstance(found, dict):
            raise Invalid(f"{place}: a line must be one JSON object.")
        yield _object(place, found)


def _csv(name: str, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = next(reader, [])
        place = f"{name}:1"
        columns = _columns(place, [cell.strip() for cell in header])
        kind = _kind(place, columns)
        _refuse_unknown(place, kind, columns)
        for cells in reader:
            place = f"{name}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                raise Invalid(f"{place}: this row has {len(cells)} cells, the header has {len(columns)}.")
            values = [cell.strip() for cell in cells]
            for column, value in zip(columns, values, strict=True):
                if "\n" in value and column.casefold() not in _SEVERAL_LINES:
                    raise Invalid(f"{place}: {column} has several lines: a quotation mark is not closed.")
            yield _row(place, kind, columns, values)
    except csv.Error as error:
        raise Invalid(f"{name}:{reader.line_num}: this is not CSV: {error}.") from None


def _delimiter(text: str) -> str:
    """Excel writes a semicolon where the comma is the decimal sign."""
    header = text.split("\n", 1)[0]
    return ";" if header.count(";") > header.count(",") else ","


def _refuse_unknown(place: str, kind: Kind, columns: Sequence[str]) -> None:
    if kind != "Member":
        try:
            for column in columns:
                if not _apart(column):
                    attributes.canonical(kind, column)
        except Invalid as error:
            raise Invalid(f"{place}: {error}") from None


def _apart(column: str) -> bool:
    """Whether a column is no attribute, and is read for itself or passed over."""
    return column.casefold() in (OBJECT_ID, SOFT_DELETED) or column.casefold() in _PASSED_OVER


def _columns(place: str, names: Sequence[str]) -> list[str]:
    columns = [_ALIASES.get(name.casefold(), name) for name in names]
    seen: set[str] = set()
    for column in columns:
        if column.casefold() in seen:
            raise Invalid(f"{place}: the column {column} is there twice.")
        seen.add(column.casefold())
    return columns


def _kind(place: str, columns: Sequence[str]) -> Kind:
    has = {column.casefold() for column in columns}
    if {"group", "member"} <= has:
        return "Member"
    if "userprincipalname" in has:
        return "User"
    if "displayname" in has:
        return "Group"
    raise Invalid(
        f"{place}: users have a column userPrincipalName, groups displayName, members group and member; this has "
        f"{', '.join(columns) or 'no header'}."
    )


def _row(place: str, kind: Kind, columns: Sequence[str], cells: Sequence[Any]) -> Row:
    given = dict(zip(columns, cells, strict=True))
    by_name = {name.casefold(): value for name, value in given.items()}
    if kind == "Member":
        group, member = (str(by_name[name] or "").strip() for name in ("group", "member"))
        if not group or not member:
            raise Invalid(f"{place}: a membership needs a group and a member.")
        return Row(place, kind, {}, group=group, member=member)
    values = {}
    try:
        for name, value in given.items():
            if _apart(name):
                continue
            attribute = attributes.canonical(kind, name)
            values[attribute] = attributes.parse(kind, attribute, value)
    except Invalid as error:
        raise Invalid(f"{place}: {error}") from None
    needed = "userPrincipalName" if kind == "User" else "displayName"
    if not values.get(needed):
        raise Invalid(f"{place}: {needed} is empty.")
    return Row(
        place,
        kind,
        values,
        id=_object_id(place, by_name.get(OBJECT_ID)),
        soft_deleted=_soft_deleted(place, by_name.get(SOFT_DELETED)),
    )


def _object_id(place: str, value: Any) -> UUID | None:
    if not value:
        return None
    try:
        return UUID(str(value))
    except ValueError:
        raise Invalid(f"{place}: objectId is no GUID: {str(value)[:60]}.") from None


def _soft_deleted(place: str, value: Any) -> bool | None:
    if value is None or value == "":
        return None
    found = {"true": True, "false": False}.get(str(value).casefold())
    if found is None:
        raise Invalid(f"{place}: IsSoftDeleted must be True or False, not {str(value)[:60]!r}.")
    return found
