"""The rules of a Databricks workspace that hold on every path: SCIM in each spelling, the older APIs, the console.

R1 to R4, R6, R7 and R13 stand with the statements of the page (``test_seed_46`` to ``test_seed_56``, ``test_seed_29``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from installation import Installation
from pair import OPS, Pair, members
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups, token_rules, tokens, users
from provisor.workspace.edit import Edit

EVA = "eva@contoso.com"


async def api(pair: Pair, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
    """One of Databricks' own APIs."""
    url = pair.base.partition("/api/")[0] + f"/api/2.0/{path}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with pair.session.request(method, url, json=body, headers=headers) as response:
        return response.status, await response.json()


async def in_console(pair: Pair, step: Callable[[Edit], Awaitable[object]]) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await step(work)


async def second_admin(pair: Pair, name: str = EVA) -> tuple[str, str]:
    """The id and a token of another admin."""
    made: list[str] = []

    async def step(work: Edit) -> None:
        user = await users.add(work, name, {}, admin=True)
        made.extend((user.id, (await tokens.create(work, user)).value))

    await in_console(pair, step)
    return made[0], made[1]


async def alive(pair: Pair, token: str) -> bool:
    """Whether a token may still write: it tries."""
    body = {"Operations": [{"op": "replace", "path": "displayName", "value": token[-6:]}]}
    owner = await pair.account(OPS)
    headers = {"Authorization": f"Bearer {token}"}
    status, _ = await pair.call("PATCH", f"/Users/{owner['id']}", body, headers=headers)
    assert status in (200, 401, 403)
    return status == 200


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"Operations": list(operations)}


async def _put_inactive(pair: Pair, eva: str) -> None:
    await pair.call("PUT", f"/Users/{eva}", {"userName": EVA, "active": "False"})


async def _put_admins(pair: Pair, eva: str) -> None:
    team = await pair.team("admins")
    others = [{"value": value} for value in members(team) - {eva}]
    status, _ = await pair.call("PUT", f"/Groups/{team['id']}", {"displayName": "admins", "members": others})
    assert status == 200


async def _bulk(pair: Pair, eva: str) -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {
                "method": "PATCH",
                "path": f"/Users/{eva}",
                "data": patch({"op": "replace", "path": "active", "value": False}),
            }
        ],
    }
    await pair.call("POST", "/Bulk", body)


async def _provisioning(pair: Pair, _: str) -> None:
    """The directory disables the account, as it does for everybody who is unassigned."""
    await pair.connect(pair.base, pair.token)
    identity = await pair.user("eva")
    await pair.sync()
    await pair.unassign(identity)
    await pair.sync()


def _user(*operations: dict[str, Any]) -> Callable[[Pair, str], Awaitable[object]]:
    return lambda pair, eva: pair.call("PATCH", f"/Users/{eva}", patch(*operations))


def _admins(operation: Callable[[str], dict[str, Any]]) -> Callable[[Pair, str], Awaitable[object]]:
    async def step(pair: Pair, eva: str) -> None:
        status, _ = await pair.call("PATCH", f"/Groups/{(await pair.team('admins'))['id']}", patch(operation(eva)))
        assert status == 200

    return step


def _console(step: Callable[[Edit, Any], Awaitable[object]]) -> Callable[[Pair, str], Awaitable[object]]:
    async def whole(pair: Pair, eva: str) -> None:
        async def one(work: Edit) -> None:
            await step(work, await users.get(work.tx, work.workspace, eva))

        await in_console(pair, one)

    return whole


PATHS: dict[str, Callable[[Pair, str], Awaitable[object]]] = {
    "PATCH False": _user({"op": "replace", "path": "active", "value": False}),
    "PATCH as Entra writes it": _user({"op": "Replace", "path": "active", "value": "False"}),
    "PATCH as Terraform writes it": _user({"op": "replace", "path": "active", "value": [{"value": "false"}]}),
    "PATCH without a path": _user({"op": "replace", "value": {"active": False}}),
    "PUT": _put_inactive,
    "DELETE": lambda pair, eva: pair.call("DELETE", f"/Users/{eva}"),
    "Bulk": _bulk,
    "provisioning": _provisioning,
    "leaves admins, by filter": _admins(lambda eva: {"op": "remove", "path": f'members[value eq "{eva}"]'}),
    "leaves admins, by list": _admins(lambda eva: {"op": "Remove", "path": "members", "value": [{"value": eva}]}),
    "admins replaced": _put_admins,
    "Groups API": lambda pair, _: api(
        pair, "POST", "groups/remove-member", {"parent_name": "admins", "user_name": EVA}
    ),
    "console: deactivated": _console(lambda work, user: users.set_values(work, user, {"active": False})),
    "console: removed": _console(users.remove),
    "console: demoted": _console(lambda work, user: users.set_admin(work, user, False)),
    "console: taken out of admins": _console(lambda work, user: groups.move(work, "admins", remove=[user.id])),
}


@pytest.mark.parametrize("path", PATHS)
async def test_r8_a_token_dies_with_its_owners_rights_on_every_path(pair: Pair, path: str) -> None:
    eva, token = await second_admin(pair)
    assert await alive(pair, token)
    await PATHS[path](pair, eva)
    assert not await alive(pair, token)
    status, _ = await api(pair, "GET", "groups/list", token=token)
    assert status == 403


async def test_r8_the_last_admin_stays_whatever_races(pair: Pair) -> None:
    """Three admins take each other's rights at once, each on another path: one is left, every time."""
    ops = (await pair.account(OPS))["id"]
    for number in range(8):
        names = [f"a{number}@contoso.com", f"b{number}@contoso.com"]
        first, second = [(await second_admin(pair, name))[0] for name in names]
        admins = (await pair.team("admins"))["id"]
        inactive = patch({"op": "replace", "path": "active", "value": False})
        await asyncio.gather(
            pair.call("PATCH", f"/Users/{first}", inactive),
            pair.call("DELETE", f"/Users/{second}"),
            pair.call("PATCH", f"/Groups/{admins}", patch({"op": "remove", "path": f'members[value eq "{ops}"]'})),
            api(pair, "POST", "groups/remove-member", {"parent_name": "admins", "user_name": names[0]}),
        )
        async with pair.house.database.reading() as tx:
            left = await users.first_admin(tx, pair.workspace)
            assert left.active
        if left.id != ops:
            await in_console(pair, lambda work: groups.move(work, "admins", add=[ops]))


async def test_r5_admins_and_users_are_reserved_everywhere(pair: Pair) -> None:
    _, team = await pair.call("POST", "/Groups", {"displayName": "Team"})
    for name in ("admins", "users"):
        identity = (await pair.team(name))["id"]
        assert (await pair.call("DELETE", f"/Groups/{identity}"))[0] == 400
        assert (await api(pair, "POST", "groups/delete", {"group_name": name}))[1]["error_code"] == "INVALID_STATE"
        assert (await api(pair, "POST", "groups/create", {"group_name": name.upper()}))[1][
            "error_code"
        ] == "INVALID_STATE"
        renamed = patch({"op": "replace", "path": "displayName", "value": "others"})
        assert (await pair.call("PATCH", f"/Groups/{identity}", renamed))[0] == 400
        assert (await pair.team(name))["id"] == identity
    admins = (await pair.team("admins"))["id"]
    nested = patch({"op": "add", "path": "members", "value": [{"value": team["id"]}]})
    assert (await pair.call("PATCH", f"/Groups/{admins}", nested))[0] == 400
    status, found = await api(pair, "POST", "groups/add-member", {"parent_name": "admins", "group_name": "Team"})
    assert status == 400 and "admins" in found["message"]
    assert members(await pair.team("admins")) == {(await pair.account(OPS))["id"]}


async def test_r9_deactivation_keeps_everything_and_activation_gives_it_back(pair: Pair) -> None:
    eva, token = await second_admin(pair)
    grant = patch({"op": "add", "path": "entitlements", "value": [{"value": "allow-cluster-create"}]})
    await pair.call("PATCH", f"/Users/{eva}", grant)
    before = await pair.account(EVA)
    await pair.call("PATCH", f"/Users/{eva}", patch({"op": "replace", "path": "active", "value": False}))
    off = await pair.account(EVA)
    for name in ("id", "entitlements", "groups", "userName"):
        assert off[name] == before[name]
    assert not await alive(pair, token)
    await pair.call("PATCH", f"/Users/{eva}", patch({"op": "replace", "path": "active", "value": True}))
    assert await alive(pair, token)


CALLS = [
    ("GET", "groups/list", None),
    ("GET", "groups/list-members?group_name=users", None),
    ("GET", f"groups/list-parents?user_name={OPS}", None),
    ("POST", "groups/create", {"group_name": "x"}),
    ("POST", "groups/delete", {"group_name": "x"}),
    ("POST", "groups/add-member", {"parent_name": "admins", "user_name": EVA}),
    ("POST", "groups/remove-member", {"parent_name": "admins", "user_name": OPS}),
    ("GET", "token/list", None),
    ("POST", "token/create", {"comment": "x"}),
    ("POST", "token/delete", {"token_id": "x"}),
    ("PATCH", "token/x", {"token": {"comment": "y"}, "update_mask": "comment"}),
    ("GET", "token-management/tokens", None),
    ("GET", "token-management/tokens/x", None),
    ("DELETE", "token-management/tokens/x", None),
    ("POST", "token-management/on-behalf-of/tokens", {"application_id": "x"}),
    ("GET", "permissions/authorization/tokens", None),
    ("GET", "permissions/authorization/tokens/permissionLevels", None),
    ("PUT", "permissions/authorization/tokens", {"access_control_list": []}),
    ("PATCH", "preview/permissions/authorization/tokens", {"access_control_list": []}),
    ("GET", "workspace-conf?keys=enableTokensConfig", None),
    ("PATCH", "workspace-conf", {"maxTokenLifetimeDays": "9"}),
]
#: What everybody may ask about their own tokens.
OWN = ("token/list", "token/delete", "token/x")


def test_every_route_is_among_the_calls() -> None:
    from provisor.api.databricks.routes import ANY, ROUTES

    asked = {(method, path.partition("?")[0].replace("/x", f"/{ANY}")) for method, path, _ in CALLS}
    routes = {(method, "/".join(path)) for path, handlers in ROUTES.items() for method in handlers}
    same = {(method, path.removeprefix("preview/")) for method, path in asked}
    assert same >= {(method, path.removeprefix("preview/")) for method, path in routes}


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=[f"{method} {path}" for method, path, _ in CALLS])
async def test_r10_who_may_not_is_refused_and_changes_nothing(
    pair: Pair, standard: Pair, method: str, path: str, body: Any
) -> None:
    async def plain(work: Edit) -> None:
        made.append((await tokens.create(work, await users.add(work, EVA, {}))).value)

    made: list[str] = []
    await in_console(pair, plain)
    before = await pair.everything()
    status, found = await api(pair, method, path, body, token=made[0])
    if path in OWN:
        assert status in (200, 404)
    else:
        assert (status, found["error_code"]) == (403, "PERMISSION_DENIED")
    for token in (standard.token, pair.token[:-1], "dapi"):
        status, found = await api(pair, method, path, body, token=token)
        assert (status, found["error_code"]) == (403, 403)
    assert await pair.everything() == before
    # A workspace that is none of Databricks' has none of this.
    status, found = await api(standard_as_databricks(standard), method, path, body)
    assert (status, found["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def standard_as_databricks(standard: Pair) -> Pair:
    from dataclasses import replace

    return replace(standard, base=standard.base.replace("/scim/v2", "/api/2.0/preview/scim/v2"))


async def test_without_a_token_it_is_401(pair: Pair) -> None:
    import aiohttp

    url = pair.base.partition("/api/")[0] + "/api/2.0/token/list"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 401 and response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error_code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "groups/create", {}, "INVALID_PARAMETER_VALUE"),
        ("POST", "groups/create", {"group_name": ["x"]}, "INVALID_PARAMETER_VALUE"),
        ("POST", "groups/create", {"group_name": " "}, "INVALID_PARAMETER_VALUE"),
        ("POST", "groups/create", [], "MALFORMED_REQUEST"),
        ("POST", "groups/add-member", {"parent_name": "users"}, "INVALID_PARAMETER_VALUE"),
        ("POST", "groups/add-member", {"parent_name": "no", "user_name": OPS}, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "groups/list-members?group_name=no", None, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "groups/list-parents?user_name=no", None, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "token/create", {"lifetime_seconds": 0}, "INVALID_PARAMETER_VALUE"),
        ("POST", "token/create", {"lifetime_seconds": "soon"}, "INVALID_PARAMETER_VALUE"),
        ("POST", "token/create", {"lifetime_seconds": 1e300}, "INVALID_PARAMETER_VALUE"),
        ("POST", "token/create", {"comment": "x" * 257}, "INVALID_PARAMETER_VALUE"),
        ("POST", "token/create", {"comment": {}}, "INVALID_PARAMETER_VALUE"),
        ("PATCH", "token/x", {"token": {}, "update_mask": "scopes"}, "INVALID_PARAMETER_VALUE"),
        ("POST", "token-management/on-behalf-of/tokens", {"application_id": OPS}, "RESOURCE_DOES_NOT_EXIST"),
        ("PATCH", "permissions/authorization/tokens", {"access_control_list": {}}, "INVALID_PARAMETER_VALUE"),
        ("PATCH", "permissions/authorization/tokens", {"access_control_list": ["x"]}, "INVALID_PARAMETER_VALUE"),
        ("PATCH", "permissions/authorization/tokens", {"access_control_list": [{}]}, "INVALID_PARAMETER_VALUE"),
        ("PATCH", "workspace-conf", {}, "INVALID_PARAMETER_VALUE"),
        ("PATCH", "workspace-conf", {"maxTokenLifetimeDays": "-1"}, "INVALID_PARAMETER_VALUE"),
        ("PATCH", "workspace-conf", {"enableTokensConfig": "maybe"}, "INVALID_PARAMETER_VALUE"),
        ("GET", "workspace-conf", None, "INVALID_PARAMETER_VALUE"),
        ("DELETE", "groups/list", None, "ENDPOINT_NOT_FOUND"),
        ("GET", "token/nothing/here", None, "ENDPOINT_NOT_FOUND"),
    ],
)
async def test_wrong_arguments_get_a_sentence(pair: Pair, method: str, path: str, body: Any, code: str) -> None:
    status, found = await api(pair, method, path, body)
    assert (found["error_code"], 400 <= status < 500) == (code, True) and len(found["message"]) > 10


async def test_r11_members_are_listed_directly_and_by_body_too(pair: Pair) -> None:
    await pair.call("POST", "/Users", {"userName": EVA})
    for name in ("inner", "outer"):
        assert await api(pair, "POST", "groups/create", {"group_name": name}) == (200, {"group_name": name})
    await api(pair, "POST", "groups/add-member", {"parent_name": "inner", "user_name": EVA})
    await api(pair, "POST", "groups/add-member", {"parent_name": "outer", "group_name": "inner"})
    _, found = await api(pair, "GET", "groups/list-members", {"group_name": "outer"})
    assert found == {"members": [{"group_name": "inner"}]}
    status, found = await api(pair, "POST", "groups/add-member", {"parent_name": "inner", "group_name": "outer"})
    assert status == 400 and "outer contains inner" in found["message"]


async def test_effective_members_are_everybody_once(pair: Pair, shop: Installation) -> None:
    for name in ("a", "b", "c"):
        await pair.call("POST", "/Users", {"userName": f"{name}@contoso.com"})
        await api(pair, "POST", "groups/create", {"group_name": name})
    for group, member in (("a", "b"), ("b", "c"), ("a", "c")):
        await api(pair, "POST", "groups/add-member", {"parent_name": group, "group_name": member})
    for group, name in (("a", "a"), ("b", "b"), ("c", "c"), ("c", "a")):
        await api(pair, "POST", "groups/add-member", {"parent_name": group, "user_name": f"{name}@contoso.com"})
    words = ("workspace", "members", pair.workspace.name)
    everybody = await asyncio.to_thread(shop.json, *words, "a", "--effective")
    assert [row["member"] for row in everybody] == [f"{name}@contoso.com" for name in ("a", "b", "c")]
    direct = await asyncio.to_thread(shop.json, *words, "a")
    assert sorted(row["member"] for row in direct) == ["a@contoso.com", "b", "c"]
    assert "Name the group" in await asyncio.to_thread(shop.refused, *words, "--effective")


async def test_r12_a_group_in_a_group_is_not_provisioned_and_not_undone(pair: Pair) -> None:
    await pair.connect(pair.base, pair.token)
    ada = await pair.user("ada", assigned=False)
    inner = await pair.group("inner", ada, assigned=False)
    outer = await pair.group("outer")
    async with pair.edit() as work:
        from provisor.directory import groups as teams

        await teams.add_members(work, [(outer, inner, "Group")])
    await pair.sync()
    assert await pair.account("ada") is None and await pair.team("inner") is None
    assert not members(await pair.team("outer"))


async def test_the_addresses_of_an_account_are_the_workspaces(pair: Pair) -> None:
    start = pair.base.partition("/api/")[0]
    for path in ("api/2.0/accounts/4711-ab/scim/v2", "api/2.1/accounts/1/scim/v2", "api/2.0/account/scim/v2"):
        async with pair.session.get(f"{start}/{path}/Groups") as response:
            shown = (await response.json())["Resources"]
        assert {(item["displayName"], item["meta"]["resourceType"]) for item in shown} == {
            ("admins", "Group"),
            ("users", "Group"),
        }
        assert all(item["$ref"].startswith("Users/") for group in shown for item in group["members"])
        text = 'meta.resourceType eq "WorkspaceGroup"'
        async with pair.session.get(f"{start}/{path}/Groups", params={"filter": text}) as response:
            assert (await response.json())["totalResults"] == 0


async def test_nobody_has_more_than_600_tokens(pair: Pair) -> None:
    async def many(work: Edit) -> None:
        owner = await users.find(work.tx, work.workspace, OPS)
        for _ in range(599):
            await tokens.create(work, owner)

    await in_console(pair, many)
    status, found = await api(pair, "POST", "token/create", {})
    assert (status, found["error_code"]) == (400, "QUOTA_EXCEEDED")


async def test_what_a_token_was_refused_is_noted_with_it(pair: Pair) -> None:
    eva, token = await second_admin(pair)
    headers = {"Authorization": f"Bearer {token}"}

    async def noted(count: int) -> Any:
        for _ in range(50):
            async with pair.house.database.reading() as tx:
                [row] = await tokens.everyone(tx, pair.workspace, eva)
            if row["refusals"] >= count:
                break
            await asyncio.sleep(0.1)
        assert row["refusals"] == count
        return row

    await pair.call("POST", "/Users", {"userName": OPS}, headers=headers)
    await pair.call("GET", "/Users/17", headers=headers)
    await pair.call("POST", "/Users", {"userName": EVA}, headers=headers)
    row = await noted(2)
    assert row["refused_status"] == 409 and row["refused_why"] == f"User with username {EVA} already exists."
    assert (await api(pair, "POST", "groups/create", {"group_name": "admins"}, token=token))[0] == 400
    assert (await noted(3))["refused_status"] == 400
    await pair.call("PATCH", f"/Users/{eva}", patch({"op": "replace", "path": "active", "value": False}))
    await pair.call("GET", "/Users", headers=headers)
    row = await noted(4)
    assert row["refused_status"] == 401 and "is inactive" in row["refused_why"]


async def test_odd_addresses_and_numbers_are_refused_before_anything_is_done(pair: Pair) -> None:
    start = pair.base.partition("/api/")[0]
    async with pair.session.post(f"{start}/api/2.0/accounts/%D0%96/scim/v2/Users", json={"userName": EVA}) as response:
        assert response.status == 404
    assert await pair.account(EVA) is None
    for text in ("--5", "9" * 5000, "1_0"):
        status, _ = await api(pair, "POST", f"token/create?lifetime_seconds={text}", {})
        assert status == 400


async def test_who_had_no_permission_keeps_a_token_when_another_loses_theirs(pair: Pair) -> None:
    """Tokens on behalf of a service principal need no permission of its own, and do not end with somebody else's."""
    _, robot = await pair.call("POST", "/ServicePrincipals", {"displayName": "robot"})
    body = {"application_id": robot["applicationId"]}
    _, made = await api(pair, "POST", "token-management/on-behalf-of/tokens", body)
    eva = (await pair.call("POST", "/Users", {"userName": EVA}))[1]["id"]

    async def permit(work: Edit) -> None:
        await token_rules.permit(work, [eva])

    async def forbid(work: Edit) -> None:
        assert await token_rules.forbid(work, eva) == 0

    await in_console(pair, permit)
    await in_console(pair, forbid)
    status, found = await api(pair, "GET", "token/list", token=made["token_value"])
    assert status == 200 and len(found["token_infos"]) == 1


async def test_permissions_are_changed_one_after_the_other(pair: Pair) -> None:
    people = [(await pair.call("POST", "/Users", {"userName": f"p{n}@contoso.com"}))[1]["id"] for n in range(6)]

    async def only(identity: str) -> None:
        await in_console(pair, lambda work: token_rules.permit_only(work, [identity]))

    await asyncio.gather(*map(only, people))
    async with pair.house.database.reading() as tx:
        assert len(await token_rules.permitted(tx, pair.workspace)) == 1
