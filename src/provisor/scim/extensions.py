"""An organisation's own attributes: a schema extension as a JSON file (RFC 7643 §3.3, §7) becomes a ``Schema``.

A file may say less than a schema of the RFC can: only what a workspace then does. An attribute that nobody can write or
read, that every user must have although those who are there do not, or whose values are unique, is refused with the
sentence that says why. Pure: plain values in, a schema out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, get_args

from provisor.scim.errors import InvalidValue
from provisor.scim.schema import Attribute, Mutability, Returned, Schema, Type

MOST_ATTRIBUTES: Final = 200
_LONGEST: Final = 200
_URN: Final = re.compile(r"urn:[a-z0-9][a-z0-9-]{0,30}(:[a-z0-9][a-z0-9._-]*)+", re.IGNORECASE)
#: RFC 7643 §2.1.
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.IGNORECASE)
_TAKEN: Final = (
    "urn:ietf:params:scim:schemas:core:",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user",
    "urn:ietf:params:scim:api:",
)
_BOOLEANS: Final = ("multiValued", "required", "caseExact")
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "type": get_args(Type),
    "mutability": get_args(Mutability),
    "returned": get_args(Returned),
    "uniqueness": ("none", "server", "global"),
}
#: RFC 7643 §2.2.
_DEFAULTS: Final = {"type": "string", "mutability": "readWrite", "returned": "default", "uniqueness": "none"}
_KNOWN: Final = frozenset(
    {"name", "description", "subAttributes", "canonicalValues", "referenceTypes", *_BOOLEANS, *_CHOICES}
)


def parse(document: Any) -> Schema:
    """The schema that ``document`` (decoded JSON) describes. Raises InvalidValue naming the first place that cannot be
    done."""
    if not isinstance(document, dict):
        raise InvalidValue("A schema extension is a JSON object with id, name and attributes (RFC 7643 §7).")
    urn = document.get("id")
    if not isinstance(urn, str) or len(urn) > _LONGEST or not _URN.fullmatch(urn):
        raise InvalidValue(
            "A schema extension's id is a URN, like urn:ietf:params:scim:schemas:extension:contoso:2.0:User."
        )
    if urn.lower().startswith(_TAKEN):
        raise InvalidValue(f"{urn} is a schema of SCIM itself: give the extension an id of your own.")
    given = document.get("attributes")
    if not isinstance(given, list) or not given:
        raise InvalidValue(f"{urn} needs attributes: a list with at least one.")
    attributes = _attributes(given, urn)
    return Schema(urn, _text(document, "name", urn) or urn, _text(document, "description", urn), attributes)


def _attributes(given: list[Any], where: str, *, inside: bool = False) -> tuple[Attribute, ...]:
    if len(given) > MOST_ATTRIBUTES:
        raise InvalidValue(f"{where} can have {MOST_ATTRIBUTES} attributes, not {len(given)}.")
    found: dict[str, Attribute] = {}
    for item in given:
        attribute = _attribute(item, where, inside)
        if found.setdefault(attribute.name.lower(), attribute) is not attribute:
            raise InvalidValue(f"{where} names {attribute.name} twice.")
    return tuple(found.values())


def _attribute(item: Any, where: str, inside: bool) -> Attribute:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str) or not (_NAME.fullmatch(name) or (inside and name == "$ref")):
        raise InvalidValue(
            f"{where}: an attribute is an object whose name is a letter and then letters, digits, - and _."
        )
    here = f"{where}{'.' if inside else ':'}{name}"
    if name.lower() == "schemas" or (inside and name.lower() == "primary" and item.get("type") != "boolean"):
        raise InvalidValue(f"{here}: schemas is no name of an attribute, and primary is a boolean.")
    unknown = sorted(item.keys() - _KNOWN)
    if unknown:
        raise InvalidValue(f"{here}: {unknown[0][:80]} is no characteristic of an attribute (RFC 7643 §7).")
    flags = {key: item.get(key, False) for key in _BOOLEANS}
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise InvalidValue(f"{here}: {key} is true or false.")
    chosen = {key: item.get(key, _DEFAULTS[key]) for key in _CHOICES}
    for key, value in chosen.items():
        if value not in _CHOICES[key]:
            raise InvalidValue(f"{here}: {key} is {_listed(_CHOICES[key])}.")
    _check(here, flags, chosen, inside)
    subs: tuple[Attribute, ...] = ()
    if chosen["type"] == "complex":
        parts = item.get("subAttributes")
        if not isinstance(parts, list) or not parts:
            raise InvalidValue(f"{here} is complex and needs subAttributes.")
        subs = _attributes(parts, here, inside=True)
    elif item.get("subAttributes"):
        raise InvalidValue(f"{here}: only a complex attribute has subAttributes.")
    return Attribute(
        name,
        chosen["type"],
        multi_valued=flags["multiValued"],
        case_exact=flags["caseExact"],
        canonical_values=_texts(item, "canonicalValues", here),
        reference_types=_texts(item, "referenceTypes", here),
        sub_attributes=subs,
        description=_text(item, "description", here),
    )


def _check(here: str, flags: Mapping[str, bool], chosen: Mapping[str, str], inside: bool) -> None:
    """What the RFC has and a workspace does not do for an organisation's own attributes."""
    if flags["required"]:
        raise InvalidValue(f"{here} cannot be required: what is there already has no value of it.")
    if chosen["mutability"] != "readWrite":
        raise InvalidValue(f"{here} is readWrite: clients give its values, read them and change them.")
    if chosen["returned"] != "default":
        raise InvalidValue(f"{here} is returned by default.")
    if chosen["uniqueness"] != "none":
        raise InvalidValue(f"{here} cannot be unique: its uniqueness is none.")
    if inside and (chosen["type"] == "complex" or flags["multiValued"]):
        raise InvalidValue(f"{here}: a sub-attribute has one simple value (RFC 7643 §2.3.8).")


def _text(item: Mapping[str, Any], key: str, where: str) -> str:
    value = item.get(key, "")
    if not isinstance(value, str):
        raise InvalidValue(f"{where}: {key} is a text.")
    return value


def _texts(item: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = item.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InvalidValue(f"{where}: {key} is a list of texts.")
    return tuple(value)


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
