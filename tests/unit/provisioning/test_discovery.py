"""What a target's /Schemas adds to the attribute list, and what it leaves alone."""

from __future__ import annotations

from typing import Any

from provisor.provisioning.discovery import add_discovered, discovered
from provisor.provisioning.schema import target_definitions
from provisor.provisioning.templates import template

_USER = {
    "id": "urn:ietf:params:scim:schemas:core:2.0:User",
    "attributes": [
        {"name": "userName", "type": "string", "required": True},
        {"name": "id", "type": "string", "mutability": "readOnly"},
        {"name": "shoeSize", "type": "integer"},
        {"name": "nick", "type": "string", "multiValued": True, "caseExact": True},
        {"name": "pet", "type": "complex", "subAttributes": [{"name": "name", "type": "string"}]},
        {
            "name": "ims",
            "type": "complex",
            "multiValued": True,
            "subAttributes": [
                {"name": "value", "type": "string"},
                {"name": "type", "type": "string", "canonicalValues": ["xmpp", "irc"]},
                {"name": "primary", "type": "boolean"},
            ],
        },
        {"name": "emails", "type": "complex", "multiValued": True, "subAttributes": [{"name": "value"}]},
        {"name": "groups", "type": "complex", "multiValued": True, "mutability": "readOnly"},
    ],
}
_EXTENSION = {
    "id": "urn:contoso:2.0:User",
    "attributes": [{"name": "badge", "type": "boolean"}, {"name": "manager", "type": "complex"}],
}
_OTHER = {"id": "urn:contoso:2.0:Robot", "attributes": [{"name": "serial"}]}


def test_every_shape_of_attribute_becomes_a_target_path() -> None:
    found = {row["name"]: row for row in discovered([_USER, _EXTENSION, _OTHER], "User")}
    assert {name: row["type"] for name, row in found.items()} == {
        "userName": "String",
        "shoeSize": "Integer",
        "nick": "String",
        "pet.name": "String",
        'ims[type eq "xmpp"].value': "String",
        'ims[type eq "irc"].value': "String",
        'emails[type eq "work"].value': "String",
        'emails[type eq "home"].value': "String",
        'emails[type eq "other"].value': "String",
        "urn:contoso:2.0:User:badge": "Boolean",
        "urn:contoso:2.0:User:manager": "Reference",
    }
    assert found["userName"]["required"] is True
    assert (found["nick"]["multivalued"], found["nick"]["caseExact"]) == (True, True)


def test_what_is_on_the_list_stays_and_twice_adds_nothing() -> None:
    before = template("scim")
    document, added = add_discovered(before, [_USER, _EXTENSION])
    assert "User shoeSize" in added and "User userName" not in added
    listed: list[dict[str, Any]] = target_definitions(document, "User")
    assert listed[: len(target_definitions(before, "User"))] == target_definitions(before, "User")
    assert add_discovered(document, [_USER, _EXTENSION]) == (document, [])
