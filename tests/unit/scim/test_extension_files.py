"""A schema extension from a JSON file: what it may say, and the sentence for what it may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provisor.scim.errors import InvalidValue
from provisor.scim.extensions import parse
from provisor.scim.profiles import ENTERPRISE, resource_types

URN = "urn:ietf:params:scim:schemas:extension:contoso:2.0:User"
SAMPLE = json.loads((Path(__file__).parents[3] / "docs/howto/contoso-user.json").read_text())


def having(**characteristics: Any) -> dict[str, Any]:
    return {"id": URN, "attributes": [{"name": "badge", **characteristics}]}


def test_what_is_shown_is_what_was_given() -> None:
    shown = parse(SAMPLE).to_json("here")
    assert [item["name"] for item in shown["attributes"]] == [item["name"] for item in SAMPLE["attributes"]]
    for given, found in zip(SAMPLE["attributes"], shown["attributes"], strict=True):
        assert {**found, **{k: v for k, v in given.items() if k != "subAttributes"}} == found
    assert parse(shown) == parse(SAMPLE)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "is a JSON object"),
        ({}, "id is a URN"),
        ({"id": "contoso", "attributes": []}, "id is a URN"),
        ({"id": "urn:x:a b", "attributes": []}, "id is a URN"),
        ({"id": ENTERPRISE.upper(), "attributes": [{"name": "a"}]}, "a schema of SCIM itself"),
        ({"id": URN}, "needs attributes"),
        ({"id": URN, "attributes": []}, "needs attributes"),
        ({"id": URN, "attributes": ["badge"]}, "an attribute is an object whose name"),
        ({"id": URN, "attributes": [{"name": "1st"}]}, "an attribute is an object whose name"),
        ({"id": URN, "attributes": [{"name": "$ref"}]}, "an attribute is an object whose name"),
        ({"id": URN, "name": 1, "attributes": [{"name": "a"}]}, "name is a text"),
        ({"id": URN, "attributes": [{"name": "a"}, {"name": "A"}]}, "names A twice"),
        ({"id": URN, "attributes": [{"name": f"a{n}"} for n in range(201)]}, "can have 200 attributes, not 201"),
        ({"id": URN, "attributes": [{"name": "Schemas"}]}, "is no name of an attribute"),
        (having(type="complex", multiValued=True, subAttributes=[{"name": "primary"}]), "primary is a boolean"),
        (having(typ="string"), ":badge: typ is no characteristic"),
        (having(type="text"), ":badge: type is string, boolean"),
        (having(type=["string"]), ":badge: type is string, boolean"),
        (having(multiValued="yes"), "multiValued is true or false"),
        (having(required=True), "cannot be required"),
        (having(mutability="readOnly"), "is readWrite"),
        (having(mutability="immutable"), "is readWrite"),
        (having(returned="never"), "is returned by default"),
        (having(uniqueness="server"), "cannot be unique"),
        (having(type="complex"), "needs subAttributes"),
        (having(subAttributes=[{"name": "a"}]), "only a complex attribute has subAttributes"),
        (
            having(type="complex", subAttributes=[{"name": "a", "multiValued": True}]),
            "badge.a: a sub-attribute has one",
        ),
        (having(canonicalValues=[1]), "canonicalValues is a list of texts"),
    ],
)
def test_what_cannot_be_done_is_refused(document: Any, says: str) -> None:
    with pytest.raises(InvalidValue, match=says.replace("$", r"\$")):
        parse(document)


def test_its_attributes_need_their_urn_and_hide_nothing() -> None:
    own = {
        "id": URN,
        "attributes": [{"name": "department"}, {"name": "userName", "caseExact": True}, {"name": "badge"}],
    }
    user = resource_types("standard", json.dumps({"User": [own]}))["User"]
    assert user.resolve("badge") is None and user.resolve(f"{URN}.badge") is None
    for spelling in (f"{URN}:badge", f"{URN.upper()}:BADGE"):
        assert (found := user.resolve(spelling)) is not None and found.extension == URN
    assert (department := user.resolve("department")) is not None and department.extension == ENTERPRISE
    assert (name := user.resolve("userName")) is not None and name.extension is None
