"""Lists, queries, errors and what a server says about itself."""

from __future__ import annotations

from typing import Any

import pytest

from provisor.scim import errors
from provisor.scim.errors import InvalidValue, NotFound, ScimError, Uniqueness
from provisor.scim.messages import Paging, list_response, paging, service_provider_config
from provisor.scim.profiles import ENTERPRISE, resource_types, schemas


def test_a_query_without_parameters() -> None:
    assert paging({}) == Paging(1, 100, None, None, None, None, "ascending")


def test_all_parameters_in_any_case() -> None:
    query = {
        "STARTINDEX": "5",
        "count": "10",
        "Filter": "a eq b",
        "attributes": "id, userName,",
        "excludedAttributes": "members",
        "sortBy": "userName",
        "sortOrder": "Descending",
    }
    assert paging(query) == Paging(5, 10, "a eq b", ["id", "userName"], ["members"], "userName", "descending")


@pytest.mark.parametrize(
    "query, start, count",
    [
        ({"startIndex": "0"}, 1, 100),
        ({"startIndex": "-3", "count": "-1"}, 1, 0),
        ({"count": "0"}, 1, 0),
        ({"count": "10000"}, 1, 1000),
        ({"startIndex": "", "count": " "}, 1, 100),
        ({"startIndex": "999999999999999999", "count": " 7 "}, 999999999999999999, 7),
    ],
)
def test_databricks_fact_5_paging_is_clamped(query: dict[str, str], start: int, count: int) -> None:
    found = paging(query)
    assert (found.start, found.count) == (start, count)


@pytest.mark.parametrize(
    "query", [{"startIndex": "one"}, {"count": "1.5"}, {"count": "1_0"}, {"count": "9" * 50}, {"sortOrder": "up"}]
)
def test_what_is_no_number_or_order_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidValue) as caught:
        paging(query)
    assert caught.value.detail.startswith(next(iter(query)))


def test_databricks_fact_4_an_empty_page_is_a_list() -> None:
    assert list_response([], 7, 8, 0) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 7,
        "startIndex": 8,
        "itemsPerPage": 0,
        "Resources": [],
    }


def test_the_configuration_says_what_there_is() -> None:
    found = service_provider_config("standard", "https://host/scim/v2")
    assert [name for name, value in found.items() if isinstance(value, dict) and value.get("supported")] == [
        "patch",
        "bulk",
        "filter",
        "sort",
        "etag",
    ]
    assert found["meta"]["location"] == "https://host/scim/v2/ServiceProviderConfig"


def test_databricks_fact_6_a_conflict_speaks_both_languages() -> None:
    assert Uniqueness("User with username a already exists.").body() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "409",
        "scimType": "uniqueness",
        "detail": "User with username a already exists.",
        "error_code": "RESOURCE_ALREADY_EXISTS",
        "message": "User with username a already exists.",
    }


def test_databricks_fact_7_the_status_is_a_text() -> None:
    assert NotFound("Gone.").body() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "404",
        "detail": "Gone.",
    }
    assert NotFound("Gone.", "REMOVED_BY_ADMIN").body()["error_code"] == "REMOVED_BY_ADMIN"


@pytest.mark.parametrize(
    "name, status, scim_type",
    [
        ("InvalidFilter", 400, "invalidFilter"),
        ("InvalidPath", 400, "invalidPath"),
        ("InvalidSyntax", 400, "invalidSyntax"),
        ("InvalidValue", 400, "invalidValue"),
        ("NoTarget", 400, "noTarget"),
        ("Mutability", 400, "mutability"),
        ("TooMany", 400, "tooMany"),
        ("Uniqueness", 409, "uniqueness"),
        ("Unauthorized", 401, None),
        ("Forbidden", 403, None),
        ("NotFound", 404, None),
        ("MethodNotAllowed", 405, None),
        ("PreconditionFailed", 412, None),
        ("TooLarge", 413, None),
        ("NotImplementedByServer", 501, None),
    ],
)
def test_errors_are_those_of_the_rfc(name: str, status: int, scim_type: str | None) -> None:
    error: ScimError = getattr(errors, name)("Why.")
    assert (error.status, error.scim_type, error.detail, str(error)) == (status, scim_type, "Why.", "Why.")


def test_names_are_resolved_in_every_spelling() -> None:
    user = resource_types("standard")["User"]
    for text in ("name.givenname", "urn:ietf:params:scim:schemas:core:2.0:user:Name.GivenName"):
        found = user.attribute(text)
        assert found is not None
        assert found.name == "givenName"
    assert user.attribute("shoeSize") is None
    assert user.extension(ENTERPRISE.lower()) is not None


def _mutability(profile: str, kind: str, name: str) -> Any:
    attribute = resource_types(profile)[kind].attribute(name)
    return attribute and attribute.mutability


@pytest.mark.parametrize(
    "kind, name, standard, databricks",
    [
        ("User", "userName", "readWrite", "immutable"),
        ("User", "emails", "readWrite", "immutable"),
        ("User", "groups", "readOnly", "readWrite"),
        ("User", "id", "readOnly", "readOnly"),
        ("Group", "displayName", "readWrite", "immutable"),
        ("Group", "entitlements", None, "readWrite"),
        ("Group", "roles", None, "readWrite"),
    ],
)
def test_what_the_profiles_differ_in(kind: str, name: str, standard: str | None, databricks: str | None) -> None:
    assert _mutability("standard", kind, name) == standard
    assert _mutability("databricks", kind, name) == databricks


def test_schemas_and_resource_types_as_json() -> None:
    found = {schema.id: schema.to_json("there") for schema in schemas(resource_types("databricks"))}
    assert {ENTERPRISE} < set(found)
    shown = {item["name"]: item for item in found["urn:ietf:params:scim:schemas:core:2.0:User"]["attributes"]}
    assert shown["userName"]["required"] is True
    assert shown["emails"]["multiValued"] is True
    assert {"value", "type", "primary", "display"} == {sub["name"] for sub in shown["emails"]["subAttributes"]}
    kind = resource_types("databricks")["User"].to_json("there")
    assert [item["schema"] for item in kind["schemaExtensions"]] == [ENTERPRISE]
    assert kind["meta"] == {"resourceType": "ResourceType", "location": "there"}
