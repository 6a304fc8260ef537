"""What SCIM says about its attributes (RFC 7643 §2, §6, §7), compiled once for fast lookup.

``profiles`` writes the definitions; everything else asks ``ResourceType.resolve`` which attribute a name means. All
spellings of a name stand in one dict: with and without the schema's URN, in small letters, sub-attributes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Type = Literal["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"]
Mutability = Literal["readOnly", "readWrite", "immutable", "writeOnly"]
Returned = Literal["always", "never", "default", "request"]
Uniqueness = Literal["none", "server", "global"]

SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:Schema"
RESOURCE_TYPE: Final = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute with its characteristics (RFC 7643 §2.2, §7)."""

    name: str
    type: Type = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: Mutability = "readWrite"
    returned: Returned = "default"
    uniqueness: Uniqueness = "none"
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple[Attribute, ...] = ()
    description: str = ""
    _subs: Mapping[str, Attribute] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_subs", {sub.name.lower(): sub for sub in self.sub_attributes})

    def sub(self, name: str) -> Attribute | None:
        """The sub-attribute of this name, in any case."""
        return self._subs.get(name.lower())

    def to_json(self) -> dict[str, Any]:
        """The attribute as /Schemas shows it (RFC 7643 §7)."""
        shown: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "multiValued": self.multi_valued,
            "description": self.description,
            "required": self.required,
            "caseExact": self.case_exact,
            "mutability": self.mutability,
            "returned": self.returned,
            "uniqueness": self.uniqueness,
        }
        if self.canonical_values:
            shown["canonicalValues"] = list(self.canonical_values)
        if self.reference_types:
            shown["referenceTypes"] = list(self.reference_types)
        if self.sub_attributes:
            shown["subAttributes"] = [sub.to_json() for sub in self.sub_attributes]
        return shown


@dataclass(frozen=True, slots=True)
class Schema:
    """A named set of attributes (RFC 7643 §7).

    ``short_names``: those of an extension are also understood without its URN, as clients of old write them.
    """

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]
    short_names: bool = False

    def to_json(self, location: str) -> dict[str, Any]:
        """The schema as /Schemas shows it; ``location`` is its own address."""
        return {
            "schemas": [SCHEMA],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": [attribute.to_json() for attribute in self.attributes],
            "meta": {"resourceType": "Schema", "location": location},
        }


@dataclass(frozen=True, slots=True)
class Named:
    """What a name means: an attribute of the core or of an extension (its URN), and perhaps a sub-attribute of it."""

    extension: str | None
    attribute: Attribute
    sub: Attribute | None = None

    @property
    def leaf(self) -> Attribute:
        """The attribute whose values are compared; a complex one stands for its ``value`` (RFC 7643 §2.4)."""
        if self.sub is not None:
            return self.sub
        return self.attribute.sub("value") or self.attribute

    @property
    def path(self) -> str:
        """The name in its canonical spelling."""
        start = f"{self.extension}:" if self.extension else ""
        end = f".{self.sub.name}" if self.sub else ""
        return f"{start}{self.attribute.name}{end}"


#: The attributes every resource has (RFC 7643 §3.1).
COMMON: Final = (
    Attribute("schemas", "reference", multi_valued=True, case_exact=True, returned="always", reference_types=("uri",)),
    Attribute("id", case_exact=True, mutability="readOnly", returned="always", uniqueness="server"),
    Attribute("externalId", case_exact=True),
    Attribute(
        "meta",
        "complex",
        mutability="readOnly",
        sub_attributes=(
            Attribute("resourceType", case_exact=True, mutability="readOnly"),
            Attribute("created", "dateTime", mutability="readOnly"),
            Attribute("lastModified", "dateTime", mutability="readOnly"),
            Attribute("location", "reference", case_exact=True, mutability="readOnly", reference_types=("uri",)),
            Attribute("version", case_exact=True, mutability="readOnly"),
        ),
    ),
)


@dataclass(frozen=True, eq=False)
class ResourceType:
    """Users or groups: an endpoint, a schema, its extensions (RFC 7643 §6).

    ``meta_name`` is what ``meta.resourceType`` says to clients of another world, when that is not the name.
    """

    name: str
    endpoint: str
    schema: Schema = field(repr=False)
    extensions: tuple[Schema, ...] = field(default=(), repr=False)
    meta_name: str | None = None
    required: tuple[Attribute, ...] = field(init=False, repr=False)
    _names: Mapping[str, Named] = field(init=False, repr=False)
    _extensions: Mapping[str, Schema] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", tuple(item for item in self.schema.attributes if item.required))
        object.__setattr__(self, "_extensions", {item.id.lower(): item for item in self.extensions})
        object.__setattr__(self, "_names", dict(self._spellings()))

    @property
    def id(self) -> str:
        return self.name

    @property
    def core(self) -> tuple[Attribute, ...]:
        """The attributes that stand at the top of a resource."""
        return (*COMMON, *self.schema.attributes)

    def resolve(self, path: str) -> Named | None:
        """The attribute that ``path`` names (``name.givenName``, ``urn:…:User:department``), in any case."""
        return self._names.get(path.lower())

    def attribute(self, path: str) -> Attribute | None:
        """The attribute or sub-attribute that ``path`` names, in any case."""
        named = self.resolve(path)
        return (named.sub or named.attribute) if named else None

    def extension(self, urn: str) -> Schema | None:
        """The extension with this URN, in any case."""
        return self._extensions.get(urn.lower())

    def to_json(self, location: str) -> dict[str, Any]:
        """The resource type as /ResourceTypes shows it; ``location`` is its own address."""
        shown: dict[str, Any] = {
            "schemas": [RESOURCE_TYPE],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.schema.description,
            "schema": self.schema.id,
        }
        if self.extensions:
            shown["schemaExtensions"] = [{"schema": item.id, "required": False} for item in self.extensions]
        shown["meta"] = {"resourceType": "ResourceType", "location": location}
        return shown

    def _spellings(self) -> Iterator[tuple[str, Named]]:
        for extension in self.extensions:
            for attribute in extension.attributes:
                for text, named in _paths(attribute, extension.id):
                    # The legacy template of Azure AD names extension attributes without their URN ("manager"), and
                    # until 2018 it wrote a dot where the colon belongs.
                    starts = [f"{extension.id}:", *([f"{extension.id}.", ""] if extension.short_names else [])]
                    for start in starts:
                        yield f"{start}{text}".lower(), named
        for attribute in self.core:
            for text, named in _paths(attribute, None):
                yield f"{self.schema.id}:{text}".lower(), named
                yield text.lower(), named


def _paths(attribute: Attribute, extension: str | None) -> Iterator[tuple[str, Named]]:
    yield attribute.name, Named(extension, attribute)
    for sub in attribute.sub_attributes:
        yield f"{attribute.name}.{sub.name}", Named(extension, attribute, sub)
