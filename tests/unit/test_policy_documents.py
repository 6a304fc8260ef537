"""Policies and named locations in Microsoft Graph's form: read strictly, written again as they were."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from provisor.access.policy_documents import location, location_document, policy, policy_document
from provisor.access.roles import DIRECTORY_ROLES, ROLE_TEMPLATES
from provisor.refusal import Invalid

ID = "5f3c1a52-6c3b-4a0e-9d5e-0f2c7b1d9a11"
USER, GROUP, APP, PLACE = (f"00000000-0000-4000-8000-00000000000{number}" for number in range(1, 5))

#: As Microsoft Graph exports one, with everything that it has and that was not used.
EXPORTED: dict[str, Any] = {
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/policies/$entity",
    "id": "10ef4fe6-5e51-4f5e-b5a2-8fed19d0be67",
    "templateId": None,
    "displayName": "Two factors outside of the office",
    "createdDateTime": "2026-02-05T14:51:30.7171409Z",
    "modifiedDateTime": None,
    "state": "enabled",
    "sessionControls": {
        "applicationEnforcedRestrictions": None,
        "cloudAppSecurity": None,
        "disableResilienceDefaults": None,
        "persistentBrowser": None,
        "signInFrequency": {
            "value": 4,
            "type": "hours",
            "authenticationType": "primaryAndSecondaryAuthentication",
            "frequencyInterval": "timeBased",
            "isEnabled": True,
        },
    },
    "conditions": {
        "userRiskLevels": [],
        "signInRiskLevels": [],
        "clientAppTypes": ["all"],
        "servicePrincipalRiskLevels": [],
        "platforms": None,
        "devices": None,
        "clientApplications": None,
        "authenticationFlows": None,
        "applications": {
            "includeApplications": ["All"],
            "excludeApplications": [APP],
            "includeUserActions": [],
            "includeAuthenticationContextClassReferences": [],
            "applicationFilter": None,
        },
        "users": {
            "includeUsers": [],
            "excludeUsers": [USER],
            "includeGroups": [GROUP],
            "excludeGroups": [],
            "includeRoles": ["62e90394-69f5-4237-9190-012177145e10"],
            "excludeRoles": [],
            "includeGuestsOrExternalUsers": None,
            "excludeGuestsOrExternalUsers": None,
        },
        "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted", PLACE]},
    },
    "grantControls": {
        "operator": "OR",
        "builtInControls": ["mfa"],
        "customAuthenticationFactors": [],
        "termsOfUse": [],
        "authenticationStrength@odata.context": "…",
        "authenticationStrength": None,
    },
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The exported document with something else in one place."""
    made = copy.deepcopy(EXPORTED)
    *way, last = path.split(".")
    inside = made
    for name in way:
        inside = inside[name]
    inside[last] = value
    return made


def test_an_exported_policy_is_taken_as_it_is_and_written_again() -> None:
    read = policy(EXPORTED, ID)
    assert read.roles.include == {"Global Administrator"} and read.grant == "mfa" and read.frequency is not None
    assert read.locations is not None and read.locations.exclude == {"AllTrusted", PLACE}
    written = policy_document(read)
    assert policy(written, ID) == read
    assert written["conditions"]["users"]["includeRoles"] == ["62e90394-69f5-4237-9190-012177145e10"]
    assert written["sessionControls"]["signInFrequency"] == EXPORTED["sessionControls"]["signInFrequency"]
    assert written["id"] == ID


def test_a_passkey_is_a_strength_and_two_factors_may_be_one() -> None:
    strength = {"id": "00000000-0000-0000-0000-000000000004", "allowedCombinations": ["fido2"]}
    asks = {"operator": "OR", "builtInControls": [], "authenticationStrength": strength}
    read = policy(with_value("grantControls", asks), ID)
    assert read.grant == "passkey" and policy(policy_document(read), ID) == read
    asks["authenticationStrength"] = {"id": "00000000-0000-0000-0000-000000000002"}
    assert policy(with_value("grantControls", asks), ID).grant == "mfa"


def test_every_time_is_written_again_as_it_was() -> None:
    frequency = {"isEnabled": True, "frequencyInterval": "everyTime", "value": None, "type": None}
    read = policy(with_value("sessionControls.signInFrequency", frequency), ID)
    assert read.frequency is not None and read.frequency.value == 0
    assert policy(policy_document(read), ID) == read


def test_every_role_has_its_id_and_documents_may_name_it() -> None:
    assert set(ROLE_TEMPLATES) == set(DIRECTORY_ROLES)
    for name, identity in ROLE_TEMPLATES.items():
        for said in (name, name.upper(), identity, identity.upper()):
            assert policy(with_value("conditions.users.includeRoles", [said]), ID).roles.include == {name}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("state", "on", "state is enabled"),
        ("displayName", "", "displayName"),
        ("displayName", "a\nb", "displayName"),
        ("surprise", 1, "surprise is no property"),
        ("conditions.surprise", 1, "conditions.surprise is no property"),
        ("conditions.users.surprise", [], "conditions.users.surprise is no property"),
        ("conditions.userRiskLevels", ["high"], "conditions.userRiskLevels is not evaluated"),
        ("conditions.clientAppTypes", ["browser"], "conditions.clientAppTypes is not evaluated"),
        ("conditions.platforms", {"includePlatforms": ["all"]}, "conditions.platforms is not evaluated"),
        ("conditions.users.includeGuestsOrExternalUsers", {"x": 1}, "includeGuestsOrExternalUsers is not evaluated"),
        ("conditions.users.includeUsers", ["ada@contoso.com"], "conditions.users.includeUsers has 'ada@contoso.com'"),
        ("conditions.users.includeUsers", ["All", USER], "All stands alone"),
        ("conditions.users.includeUsers", ["None"], "None stands alone"),
        ("conditions.users.excludeUsers", ["All"], "conditions.users.excludeUsers has 'All'"),
        ("conditions.users.includeRoles", ["King"], "which is no role here"),
        ("conditions.users.includeRoles", [1], "which is no role here"),
        ("conditions.users", {}, "conditions.users says nobody"),
        ("conditions.users", [], "conditions.users must be a JSON object"),
        ("conditions.applications", None, "includeApplications is empty"),
        ("conditions.applications.includeApplications", ["Office365"], "includeApplications has 'Office365'"),
        ("conditions.applications.includeUserActions", ["urn:user:x"], "includeUserActions is not evaluated"),
        ("conditions.locations.includeLocations", [], "includeLocations is empty"),
        ("conditions.locations.includeLocations", "All", "must be a list"),
        ("grantControls.builtInControls", ["compliantDevice"], "has 'compliantDevice': block and mfa are known"),
        ("grantControls.builtInControls", ["block", "mfa"], "asks for block and mfa at once"),
        ("grantControls.operator", "XOR", "grantControls.operator"),
        ("grantControls.termsOfUse", ["x"], "grantControls.termsOfUse is not evaluated"),
        ("grantControls.authenticationStrength", {"id": USER}, "no other strength"),
        ("sessionControls.persistentBrowser", {"mode": "always"}, "persistentBrowser is not evaluated"),
        ("sessionControls.signInFrequency.value", 0, "signInFrequency.value is a whole number of hours"),
        ("sessionControls.signInFrequency.value", True, "signInFrequency.value is a whole number of hours"),
        ("sessionControls.signInFrequency.type", "weeks", "type is hours or days"),
        ("sessionControls.signInFrequency.frequencyInterval", "everyTime", "leave value and type out"),
        ("sessionControls.signInFrequency.authenticationType", "secondaryAuthentication", "no other is known"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(path: str, value: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        policy(with_value(path, value), ID)
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("document", [None, 1, "x", []])
def test_a_document_is_an_object(document: Any) -> None:
    for read in (policy, location):
        with pytest.raises(Invalid):
            read(document, ID)


def test_a_policy_that_asks_for_nothing_is_none() -> None:
    made = with_value("grantControls", None)
    made["sessionControls"]["signInFrequency"]["isEnabled"] = False
    with pytest.raises(Invalid, match="asks for nothing"):
        policy(made, ID)


def _place(*ranges: Any, **more: Any) -> dict[str, Any]:
    return {"displayName": "Office", "isTrusted": True, "ipRanges": [{"cidrAddress": item} for item in ranges], **more}


def test_a_location_is_written_again_as_it_was() -> None:
    given = _place("192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "192.0.2.0/24")
    read = location({"@odata.type": "#microsoft.graph.ipNamedLocation", **given}, ID)
    written = location_document(read)
    assert [(item["cidrAddress"], item["@odata.type"]) for item in written["ipRanges"]] == [
        ("192.0.2.0/24", "#microsoft.graph.iPv4CidrRange"),
        ("2001:db8::/32", "#microsoft.graph.iPv6CidrRange"),
        ("198.51.100.7/32", "#microsoft.graph.iPv4CidrRange"),
    ]
    assert location(written, ID) == read


def test_an_ipv4_range_in_ipv6s_clothes_is_that_range() -> None:
    assert [str(item) for item in location(_place("::ffff:192.0.2.0/120"), ID).networks] == ["192.0.2.0/24"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (_place(), "ipRanges is empty"),
        (_place("192.0.2.1/24"), "192.0.2.0/24 is the range that this address is in"),
        (_place("office"), "is no address range"),
        (_place("0.0.0.0/0"), "every address there is"),
        (_place("::/0"), "every address there is"),
        (_place("::ffff:0:0/96"), "every address there is"),
        (_place(7), "ipRanges[0].cidrAddress"),
        (_place("192.0.2.0/24", isTrusted="yes"), "isTrusted is true or false"),
        (_place("192.0.2.0/24", countriesAndRegions=["DE"]), "countriesAndRegions is no property"),
        ({"@odata.type": "#microsoft.graph.countryNamedLocation"}, "other named locations"),
        (_place(*["192.0.2.0/24"] * 2001), "at most 2000"),
    ],
)
def test_a_location_that_is_none_is_refused_with_its_place(given: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        location(given, ID)
    assert said in str(refused.value)
