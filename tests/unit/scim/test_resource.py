"""Resources on their way in (accept) and out (assemble, project)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from provisor.scim.errors import InvalidSyntax, InvalidValue
from provisor.scim.profiles import ENTERPRISE, GROUP, USER, resource_types
from provisor.scim.resource import accept, assemble, project

STANDARD = resource_types("standard")["User"]
DATABRICKS = resource_types("databricks")["User"]
GROUPS = resource_types("databricks")["Group"]


def _accepted(**attributes: Any) -> dict[str, Any]:
    found = accept(DATABRICKS, {"userName": "ann", **attributes})
    assert found.pop("userName") == "ann"
    assert found.pop("schemas")
    return found


def test_names_come_out_in_their_canonical_spelling() -> None:
    body = {"USERNAME": "ann", "Name": {"GIVENNAME": "Ann"}, "emails": [{"Value": "a", "TYPE": "work"}]}
    assert accept(DATABRICKS, body) == {
        "schemas": [USER],
        "userName": "ann",
        "name": {"givenName": "Ann"},
        "emails": [{"value": "a", "type": "work"}],
    }


def test_what_is_unknown_read_only_or_nothing_is_left_out() -> None:
    found = _accepted(
        id="7",
        meta={"version": "x"},
        shoeSize=9,
        title=None,
        roles=[],
        name={"givenName": None, "shoe": 1},
        photos=[None, {}],
        **{"urn:example:2.0:User": {"a": 1}, ENTERPRISE: None},
    )
    assert found == {}
    assert "groups" not in accept(STANDARD, {"userName": "a", "groups": [{"value": "1"}]})


def test_seed_29_an_id_that_a_client_sends_is_left_out() -> None:
    assert "id" not in accept(DATABRICKS, {"id": "17", "userName": "ann"})


def test_fact_14_groups_of_a_databricks_user_can_be_written() -> None:
    assert _accepted(groups=["1", {"value": 2}]) == {"groups": [{"value": "1"}, {"value": "2"}]}


def test_extensions_by_urn_and_their_schemas() -> None:
    body = {"userName": "a", ENTERPRISE.upper(): {"DEPARTMENT": "Sales", "manager": {"value": "7", "displayName": "x"}}}
    found = accept(STANDARD, body)
    assert found["schemas"] == [USER, ENTERPRISE]
    assert found[ENTERPRISE] == {"department": "Sales", "manager": {"value": "7"}}


@pytest.mark.parametrize("manager", ["7", {"value": "7"}, [{"value": "7", "$ref": None}], ["7"]])
def test_manager_in_the_shapes_clients_send(manager: Any) -> None:
    assert _accepted(**{ENTERPRISE: {"manager": manager}}) == {ENTERPRISE: {"manager": {"value": "7"}}}


@pytest.mark.parametrize("value", [False, "False", "false", [{"value": "false"}], {"value": "FALSE"}, [False]])
def test_databricks_fact_8_booleans(value: Any) -> None:
    assert _accepted(active=value) == {"active": False}


@pytest.mark.parametrize("name", ["entitlements", "roles", "emails", "groups"])
def test_databricks_fact_10_an_empty_object_in_a_list_is_an_empty_list(name: str) -> None:
    assert _accepted(**{name: [{}]}) == {}


@pytest.mark.parametrize(
    "given, found",
    [
        (["a", "b"], [{"value": "a"}, {"value": "b"}]),
        ("a", [{"value": "a"}]),
        ({"value": "a"}, [{"value": "a"}]),
        (["a", {"value": "a"}, "b", "a"], [{"value": "a"}, {"value": "b"}]),
        ([{"value": "a", "type": "x"}, {"value": "a", "type": "y"}], None),
        ([{"value": "a", "type": "x"}, {"value": "a", "type": "X"}], [{"value": "a", "type": "x"}]),
        (["a", "A"], [{"value": "a"}, {"value": "A"}]),
    ],
)
def test_lists_of_values(given: Any, found: Any) -> None:
    assert _accepted(entitlements=given) == {"entitlements": found or given}


def test_the_same_address_in_other_letters_is_the_same() -> None:
    assert _accepted(emails=["a@x", "A@X"]) == {"emails": [{"value": "a@x"}]}


@pytest.mark.parametrize(
    "attributes, named",
    [
        ({"userName": True}, "userName"),
        ({"userName": ""}, "userName"),
        ({"userName": ["a", "b"]}, "userName"),
        ({"userName": 1.5}, "userName"),
        ({"active": "yes"}, "active"),
        ({"active": 1}, "active"),
        ({"name": "Ann"}, "name"),
        ({"name": {"givenName": {"a": 1}}}, "name.givenName"),
        ({"emails": [{"value": "a", "primary": True}, {"value": "b", "primary": "true"}]}, "emails"),
        ({"emails": [{"value": "a", "primary": "maybe"}]}, "emails.primary"),
        ({"emails": [["a"]]}, "emails"),
        ({"addresses": ["Long Lane"]}, "addresses"),
        ({"x509Certificates": [{"value": "???"}]}, "x509Certificates.value"),
        ({ENTERPRISE: "x"}, ENTERPRISE),
        ({ENTERPRISE: {"department": []}, "title": [1, 2]}, "title"),
    ],
)
def test_a_wrong_value_is_refused_by_name(attributes: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        accept(DATABRICKS, {"userName": "ann", **attributes})
    assert caught.value.detail.startswith(named)


@pytest.mark.parametrize("body", [{}, {"userName": None}, {"displayName": "x"}])
def test_required_attributes(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="userName is required"):
        accept(STANDARD, body)
    assert accept(STANDARD, body, partial=True)["schemas"] == [USER]
    with pytest.raises(InvalidValue, match="displayName is required"):
        accept(GROUPS, {"members": []})


def test_a_body_must_be_an_object() -> None:
    with pytest.raises(InvalidSyntax):
        accept(STANDARD, [])  # type: ignore[arg-type]


def test_the_body_is_not_changed() -> None:
    body = {"userName": "a", "emails": [{"value": "x"}], "name": {"givenName": "A"}}
    found = accept(STANDARD, body)
    found["emails"][0]["value"] = "y"
    found["name"]["givenName"] = "B"
    assert body == {"userName": "a", "emails": [{"value": "x"}], "name": {"givenName": "A"}}


def _assembled(kind: Any, doc: dict[str, Any]) -> dict[str, Any]:
    moment = datetime(2020, 1, 31, 13, 0, 0, 5600, timezone(timedelta(hours=1)))
    return assemble(
        kind,
        doc,
        id="7",
        created=moment,
        modified=datetime(2021, 1, 1, tzinfo=UTC),
        version=3,
        location="https://host/Users/7",
        name=kind.name,
    )


def test_the_full_representation() -> None:
    doc: dict[str, Any] = {
        "userName": "ann",
        ENTERPRISE: {"department": "Sales"},
        "roles": [],
        "title": None,
        "active": False,
    }
    assert _assembled(STANDARD, doc) == {
        "schemas": [USER, ENTERPRISE],
        "id": "7",
        "userName": "ann",
        ENTERPRISE: {"department": "Sales"},
        "active": False,
        "meta": {
            "resourceType": "User",
            "created": "2020-01-31T12:00:00.005Z",
            "lastModified": "2021-01-01T00:00:00.000Z",
            "location": "https://host/Users/7",
            "version": 'W/"3"',
        },
    }


def test_a_group_says_what_it_is() -> None:
    group = _assembled(GROUPS, {"displayName": "Eng"})
    assert group["schemas"] == [GROUP]
    assert group["meta"]["resourceType"] == "Group"
    assert GROUPS.meta_name == "WorkspaceGroup"


FULL: dict[str, Any] = {
    "schemas": [USER, ENTERPRISE],
    "id": "7",
    "userName": "ann",
    "password": "secret",
    "name": {"givenName": "Ann", "familyName": "Lee"},
    "emails": [{"value": "a", "type": "work"}, {"type": "home"}],
    ENTERPRISE: {"department": "Sales", "manager": {"value": "7", "displayName": "Bob"}},
    "meta": {"resourceType": "User", "version": "1"},
}
ALWAYS = {"schemas": [USER, ENTERPRISE], "id": "7"}


@pytest.mark.parametrize(
    "attributes, found",
    [
        (["userName"], {"userName": "ann"}),
        (["USERNAME", " name.givenName "], {"userName": "ann", "name": {"givenName": "Ann"}}),
        (["name.givenName", "name"], {"name": {"givenName": "Ann", "familyName": "Lee"}}),
        (["name", "name.givenName"], {"name": {"givenName": "Ann", "familyName": "Lee"}}),
        (["emails.value"], {"emails": [{"value": "a"}]}),
        (["emails.display"], {}),
        ([f"{USER}:userName"], {"userName": "ann"}),
        ([f"{ENTERPRISE}:department"], {ENTERPRISE: {"department": "Sales"}}),
        ([f"{ENTERPRISE}:manager.value"], {ENTERPRISE: {"manager": {"value": "7"}}}),
        ([ENTERPRISE], {ENTERPRISE: FULL[ENTERPRISE]}),
        (["meta.version"], {"meta": {"version": "1"}}),
        (["password", "shoeSize"], {}),
    ],
)
def test_only_what_is_asked_for_and_what_is_always_returned(attributes: list[str], found: dict[str, Any]) -> None:
    assert project(STANDARD, FULL, attributes) == {**ALWAYS, **found}


@pytest.mark.parametrize(
    "excluded, gone",
    [
        (["emails", "meta", ENTERPRISE], {"emails", "meta", ENTERPRISE}),
        ([f"{ENTERPRISE}:department", f"{ENTERPRISE}:manager"], {ENTERPRISE}),
        (["id", "schemas", "shoeSize"], set()),
        (["name.givenName", "name.familyName"], {"name"}),
    ],
)
def test_all_but_what_is_excluded(excluded: list[str], gone: set[str]) -> None:
    assert set(FULL) - set(project(STANDARD, FULL, None, excluded)) == gone | {"password"}


@pytest.mark.parametrize("excluded", ["name.givenName", "name.familyName", "emails.value", "name"])
def test_what_is_wanted_and_excluded_at_once_is_not_returned(excluded: str) -> None:
    """Also of a value that has nothing of what is wanted."""
    found = project(STANDARD, {**FULL, "name": {"formatted": "A"}}, ["name.givenName", "userName"], [excluded])
    assert "name" not in found and found["userName"] == FULL["userName"]


def test_parts_can_be_excluded() -> None:
    found = project(STANDARD, FULL, None, ["emails.type", f"{ENTERPRISE}:manager.displayName"])
    assert found["emails"] == [{"value": "a"}]
    assert found[ENTERPRISE] == {"department": "Sales", "manager": {"value": "7"}}
    assert FULL["emails"][0] == {"value": "a", "type": "work"}


def test_both_parameters_together() -> None:
    assert project(STANDARD, FULL, ["name", "emails"], ["name.givenName", "emails"]) == {
        **ALWAYS,
        "name": {"familyName": "Lee"},
    }
