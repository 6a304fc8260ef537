"""The wire profiles entra and entra-optscim against Entra ID's documented and observed requests, one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provisor.scim.requests import Request
from provisor.scim.wires import WIRES, Wire

FOLDER = Path(__file__).parent / "entra"
CASES = {path.stem: json.loads(path.read_text())["request"] for path in sorted(FOLDER.glob("*.json"))}
ENTRA, OPTIMISED = WIRES["entra"], WIRES["entra-optscim"]
WORK = 'emails[type eq "work"].value'
EMPLOYEE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"
MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"


def _update(wire: Wire, case: str, *pairs: tuple[str, Any, Any], kind: str = "User") -> Request:
    target_id = CASES[case]["path"].rpartition("/")[2]
    return wire.update(kind, target_id, {path: (before, after) for path, before, after in pairs})


def _made(case: str) -> Request:
    """The request that Provisor makes where Entra ID's case ``case`` happens."""
    member = "f648f8d5ea4e4cd38e9c"
    match case:
        case "create-user":
            return ENTRA.create(
                "User",
                {
                    "userName": "Test_User_00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
                    "active": True,
                    WORK: "Test_User_11bb11bb-cc22-dd33-ee44-55ff55ff55ff@testuser.com",
                    "name.givenName": "givenName",
                    "name.familyName": "familyName",
                    "name.formatted": "givenName familyName",
                    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
                },
            )
        case "patch-user-multi":
            return _update(
                ENTRA, case, (WORK, "x", "updatedEmail@microsoft.com"), ("name.familyName", "x", "updatedFamilyName")
            )
        case "patch-user-single":
            return _update(ENTRA, case, ("userName", "x", "5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com"))
        case "patch-user-six":
            return _update(
                ENTRA,
                case,
                ("displayName", "x", "Pvlo"),
                (WORK, "x", "TestBcwqnm@test.microsoft.com"),
                ("name.givenName", "x", "Gtfd"),
                ("name.familyName", "x", "Pkqf"),
                ("externalId", "x", "Eqpj"),
                (EMPLOYEE, "x", "Eqpj"),
            )
        case "patch-user-six-flag":
            return _update(
                OPTIMISED,
                case,
                ("displayName", "x", "Bjfe"),
                (WORK, "x", "TestMhvaes@test.microsoft.com"),
                ("name.givenName", "x", "Kkom"),
                ("name.familyName", "x", "Unua"),
                (EMPLOYEE, "x", "Aklq"),
            )
        case "patch-user-add-vs-replace":
            return _update(ENTRA, case, ("name.givenName", "", "Bar"), ("name.familyName", "Foo", "Foo2"))
        case "patch-user-add-single":
            return _update(ENTRA, case, ("nickName", None, "Babs"))
        case "patch-user-add-single-flag":
            return _update(OPTIMISED, case, ("nickName", None, "Babs"))
        case "patch-user-add-address":
            work = 'addresses[type eq "work"]'
            values = (("formatted", "USZLTUSJXBYV"), ("locality", "OSGODHEVDCVD"), ("region", "YMVMOEMXAYGD"))
            return _update(OPTIMISED, case, *((f"{work}.{part}", None, value) for part, value in values))
        case "patch-user-multivalue-ext":
            path = "urn:ietf:params:scim:schemas:extension:greenhouse:2.0:User:department_ids"
            return _update(ENTRA, case, (path, ["2"], ["1"]))
        case "disable-user":
            return _update(ENTRA, case, ("active", True, False))
        case "disable-user-flag":
            return _update(OPTIMISED, case, ("active", True, False))
        case "restore-user":
            return _update(ENTRA, case, ("active", False, True))
        case "manager-set":
            return _update(ENTRA, case, (MANAGER, None, "271"))
        case "manager-set-flag":
            return _update(OPTIMISED, case, (MANAGER, None, "2c2f6fb8-254f-492e-b7fe-c09c5a61c8a2"))
        case "create-group":
            return ENTRA.create(
                "Group", {"displayName": "displayName", "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"}
            )
        case "patch-group-name":
            path = ("displayName", "x", "1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName")
            return _update(ENTRA, case, path, kind="Group")
        case "group-add-member":
            return ENTRA.add_members("927fa2c08dcb4a7fae9e", [member], 100)[0]
        case "group-remove-member":
            return ENTRA.remove_members("927fa2c08dcb4a7fae9e", ["u1091"], 100)[0]
        case "group-remove-member-flag":
            return OPTIMISED.remove_members("927fa2c08dcb4a7fae9e", ["7f4bc1a3-285e-48ae-8202-5accb43efb0e"], 100)[0]
        case "roles-patch-single":
            role = CASES[case]["body"]["Operations"][0]["value"][0]["value"]
            return _update(ENTRA, case, ("roles", None, [role]))
        case "roles-patch-complex":
            roles = [item["value"] for item in CASES[case]["body"]["Operations"][0]["value"]]
            return _update(ENTRA, case, ("roles", None, roles))
    raise AssertionError(case)


#: Requests that no profile sends: those of the client of 2016, and those of roles, which this directory does not keep.
OTHERS = {"create-user-roles-single", "create-user-roles-complex", "roles-patch-assertive"}
#: Same requests to a server with rules of its own, and GETs, which tests/acceptance/test_wire_profiles.py traces.
ELSEWHERE = ("legacy", "-databricks", "test-connection", "match-", "conflict")


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in OTHERS and not any(part in case for part in ELSEWHERE)]
)
def test_a_request_is_shaped_as_entra_shapes_it(case: str) -> None:
    made, wanted = _made(case), CASES[case]
    assert (made.method, made.path) == (wanted["method"], wanted["path"])
    body = wanted.get("body")
    for operation in (body or {}).get("Operations", ()):
        # The documentation prints a null $ref; live traffic has none.
        for item in operation["value"] if isinstance(operation.get("value"), list) else ():
            item.pop("$ref", None)
    assert json.dumps(made.body) == json.dumps(body) or made.body == body
    if body and "Operations" not in body:
        assert list(made.body or ()) == list(body), "members stand in Entra's order"


def test_a_query_is_encoded_as_entra_encodes_it() -> None:
    encoded = ENTRA.encode({"filter": 'emails[type eq "work"].value eq "a@b.c"', "excludedAttributes": "members"})
    assert encoded == ("excludedAttributes=members&filter=emails%5btype+eq+%22work%22%5d.value+eq+%22a%40b.c%22")
