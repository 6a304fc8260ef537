"""Paths of PATCH operations: what they point at, and which are refused."""

from __future__ import annotations

import pytest

from provisor.scim import path as paths
from provisor.scim.errors import InvalidFilter, InvalidPath
from provisor.scim.profiles import ENTERPRISE, USER, resource_types

KIND = resource_types("databricks")["User"]


@pytest.mark.parametrize(
    "text, extension, attribute, sub",
    [
        ("userName", None, "userName", None),
        ("USERNAME", None, "userName", None),
        ("name.givenName", None, "name", "givenName"),
        ("emails.value", None, "emails", "value"),
        (f"{USER}:name.familyName", None, "name", "familyName"),
        (f"{ENTERPRISE}:department", ENTERPRISE, "department", None),
        (f"{ENTERPRISE}:manager.value", ENTERPRISE, "manager", "value"),
        (f"{ENTERPRISE}:manager.$ref", ENTERPRISE, "manager", "$ref"),
        (f"{ENTERPRISE.lower()}:Manager", ENTERPRISE, "manager", None),
        # Until 2018 Azure AD wrote a dot before extension attributes, and its old template leaves the URN out.
        (f"{ENTERPRISE}.department", ENTERPRISE, "department", None),
        ("manager", ENTERPRISE, "manager", None),
        (ENTERPRISE, ENTERPRISE, None, None),
        (USER, None, None, None),
        ('emails[type eq "work"].value', None, "emails", "value"),
        ('emails[type eq "work"]', None, "emails", None),
        ('roles[value eq "arn:aws:iam::1:x]y"]', None, "roles", None),
        ('roles[primary eq "True"].value', None, "roles", "value"),
    ],
)
def test_it_points_at(text: str, extension: str | None, attribute: str | None, sub: str | None) -> None:
    path = paths.parse(text, KIND)
    assert path.extension == extension
    assert (path.attribute.name if path.attribute else None) == attribute
    assert (path.sub.name if path.sub else None) == sub
    assert (path.meets is not None) == ("[" in text)


def test_the_filter_chooses_elements() -> None:
    meets = paths.parse('roles[primary eq "True" and value sw "A"].value', KIND).meets
    assert meets is not None
    assert meets({"value": "A", "primary": True})
    assert not meets({"value": "A"})
    assert not meets({"value": "b", "primary": True})


@pytest.mark.parametrize(
    "text",
    [
        "shoeSize",
        "name.shoe",
        "emails[",
        'emails[type eq "work"]value',
        'emails[type eq "work"].shoe',
        'emails[type eq "work"].value.x',
        'userName[type eq "x"]',
        'emails.value[type eq "x"]',
        f'{ENTERPRISE}[department eq "x"]',
        "urn:example:custom:2.0:User:shoe",
        "two words",
        ".",
        "a" * 9000,
    ],
)
def test_a_path_that_leads_nowhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidPath) as caught:
        paths.parse(text, KIND)
    assert caught.value.scim_type == "invalidPath"


def test_a_filter_that_cannot_be_read_is_an_invalid_filter() -> None:
    with pytest.raises(InvalidFilter):
        paths.parse('emails[type like "work"]', KIND)
