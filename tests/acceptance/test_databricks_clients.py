"""Databricks' own clients, unmodified: ``databricks-sdk`` and the command line ``databricks-cli`` 0.18."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    DatabricksError,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceConflict,
)
from databricks.sdk.service import iam, settings

from forward_proxy import forward_proxy
from installation import Installation, installation

ADMIN = "ops@contoso.com"


@pytest.fixture(scope="module")
def main() -> Iterator[Installation]:
    """An installation whose one workspace answers at the root, as a Databricks host does."""
    with installation() as made:
        made.run("init")
        made.run("workspace", "create", "main", "--admin", ADMIN)
        made.serve()
        yield made


def client_of(shop: Installation, user: str = ADMIN) -> WorkspaceClient:
    token = shop.run("workspace", "token", "main", "--user", user).strip()
    return WorkspaceClient(host=shop.url, token=token)


@pytest.fixture(scope="module")
def admin(main: Installation) -> WorkspaceClient:
    return client_of(main)


def test_users(admin: WorkspaceClient) -> None:
    made = admin.users.create(
        user_name="Ada@contoso.com",
        display_name="Ada",
        emails=[iam.ComplexValue(value="ada@contoso.com", type="work", primary=True)],
        entitlements=[iam.ComplexValue(value="allow-cluster-create")],
    )
    assert made.id is not None and int(made.id) < 2**63 and made.user_name == "ada@contoso.com"
    assert [user.id for user in admin.users.list(filter='userName eq "ADA@contoso.com"')] == [made.id]
    assert [user.id for user in admin.users.list(filter="userName eq ada@contoso.com")] == [made.id]
    assert {user.user_name for user in admin.users.list()} == {ADMIN, "ada@contoso.com"}
    with pytest.raises(ResourceConflict, match=r"User with username ada@contoso.com already exists\."):
        admin.users.create(user_name="ada@contoso.com")
    admin.users.patch(
        made.id,
        operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="active", value=[{"value": "false"}])],
        schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP],
    )
    assert admin.users.get(made.id).active is False
    # The SDK leaves out what is False: that is no value, and nobody's wish.
    with pytest.raises(BadRequest):
        admin.users.patch(made.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="active", value=False)])
    admin.users.update(made.id, user_name="other@contoso.com", display_name="Ada L.", active=True)
    changed = admin.users.get(made.id)
    assert (changed.user_name, changed.display_name, changed.active) == ("ada@contoso.com", "Ada L.", True)
    admin.users.delete(made.id)
    with pytest.raises(NotFound):
        admin.users.get(made.id)


def test_groups_in_groups(admin: WorkspaceClient) -> None:
    ann = admin.users.create(user_name="ann@contoso.com")
    child = admin.groups.create(display_name="child", members=[iam.ComplexValue(value=ann.id)])
    parent = admin.groups.create(display_name="parent", entitlements=[iam.ComplexValue(value="allow-cluster-create")])
    assert child.id and parent.id and ann.id
    admin.groups.patch(
        parent.id,
        operations=[iam.Patch(op=iam.PatchOp.ADD, value={"members": [{"value": child.id}]})],
        schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP],
    )
    found = admin.groups.get(parent.id)
    assert found.meta is not None and found.meta.resource_type == "WorkspaceGroup"
    assert [(item.display, item.ref) for item in found.members or ()] == [("child", f"Groups/{child.id}")]
    assert [item.ref for item in admin.groups.get(child.id).members or ()] == [f"Users/{ann.id}"]
    with pytest.raises(BadRequest, match="parent contains child"):
        admin.groups.patch(
            child.id, operations=[iam.Patch(op=iam.PatchOp.ADD, value={"members": [{"value": parent.id}]})]
        )
    with pytest.raises(ResourceConflict, match=r"Group with name child already exists\."):
        admin.groups.create(display_name="child")
    assert {group.display_name for group in admin.groups.list(attributes="id,displayName,meta")} == {
        "admins", "users", "child", "parent",
    }  # fmt: skip
    for group in (parent, child):
        assert group.id
        admin.groups.delete(group.id)
    admin.users.delete(ann.id)


def test_me_and_which_workspace(admin: WorkspaceClient) -> None:
    me = admin.current_user.me()
    assert me.user_name == ADMIN and "admins" in {group.display for group in me.groups or ()}
    assert admin.get_workspace_id() > 0


def test_service_principals_and_tokens_on_their_behalf(main: Installation, admin: WorkspaceClient) -> None:
    robot = admin.service_principals.create(display_name="robot")
    assert robot.id and robot.application_id
    text = f"applicationId eq {robot.application_id}"
    assert [item.id for item in admin.service_principals.list(filter=text)] == [robot.id]
    made = admin.token_management.create_obo_token(robot.application_id, comment="job", lifetime_seconds=3600)
    acting = WorkspaceClient(host=main.url, token=made.token_value)
    assert acting.current_user.me().user_name == robot.application_id
    with pytest.raises(PermissionDenied):
        list(acting.token_management.list())
    admin.service_principals.delete(robot.id)
    with pytest.raises(DatabricksError):
        acting.current_user.me()


def test_own_tokens(main: Installation, admin: WorkspaceClient) -> None:
    made = admin.tokens.create(comment="mine", lifetime_seconds=100)
    assert made.token_info and made.token_info.token_id and made.token_info.expiry_time
    assert made.token_info.expiry_time - (made.token_info.creation_time or 0) in range(99_000, 101_001)
    endless = admin.tokens.create(comment="endless")
    assert endless.token_info and endless.token_info.expiry_time == -1 and endless.token_info.token_id
    assert {item.comment for item in admin.tokens.list()} >= {"mine", "endless"}
    second = WorkspaceClient(host=main.url, token=made.token_value)
    assert second.current_user.me().user_name == ADMIN
    admin.tokens.delete(made.token_info.token_id)
    with pytest.raises(PermissionDenied, match="revoked"):
        second.current_user.me()
    with pytest.raises(NotFound):
        admin.tokens.delete(made.token_info.token_id)
    listed = {item.token_id: item for item in admin.token_management.list(created_by_username=ADMIN)}
    kept = listed[endless.token_info.token_id]
    assert made.token_info.token_id not in listed
    assert kept.created_by_username == ADMIN and kept.owner_id == int(admin.current_user.me().id or 0)
    assert admin.token_management.get(endless.token_info.token_id).token_info == kept
    admin.token_management.delete(endless.token_info.token_id)
    assert list(admin.token_management.list(created_by_id=1)) == []


def test_who_may_use_tokens(main: Installation, admin: WorkspaceClient) -> None:
    eve = admin.users.create(user_name="eve@contoso.com")
    zoe = admin.users.create(user_name="zoe@contoso.com")
    assert eve.id and zoe.id
    crew = admin.groups.create(display_name="crew", members=[iam.ComplexValue(value=eve.id)])
    acting = client_of(main, "eve@contoso.com")
    with pytest.raises(PermissionDenied, match="may not use access tokens"):
        acting.tokens.create(comment="x")
    levels = admin.token_management.get_permission_levels().permission_levels or []
    # What this SDK has no name for it leaves out.
    assert [level.permission_level for level in levels] == [settings.TokenPermissionLevel.CAN_USE, None]
    use = settings.TokenPermissionLevel.CAN_USE
    admin.token_management.update_permissions(
        access_control_list=[settings.TokenAccessControlRequest(group_name="crew", permission_level=use)]
    )
    assert acting.tokens.create(comment="allowed").token_value
    found = admin.token_management.get_permissions()
    shown = {item.group_name for item in found.access_control_list or ()}
    assert shown == {"admins", "crew"}
    with pytest.raises(InvalidParameterValue, match="must have the group admins"):
        admin.token_management.set_permissions(access_control_list=[])
    listed = [
        {"group_name": "admins", "permission_level": "CAN_MANAGE"},
        {"user_name": "zoe@contoso.com", "permission_level": "CAN_USE"},
    ]
    admin.api_client.do("PUT", "/api/2.0/permissions/authorization/tokens", body={"access_control_list": listed})
    # Who is left out loses the tokens at once, for good.
    with pytest.raises(PermissionDenied, match="revoked"):
        acting.current_user.me()
    assert "eve@contoso.com" not in {item.created_by_username for item in admin.token_management.list()}
    for identity in (eve.id, zoe.id):
        admin.users.delete(identity)
    admin.groups.delete(crew.id or "")


def test_settings_of_the_workspace(main: Installation, admin: WorkspaceClient) -> None:
    conf = admin.workspace_conf
    assert conf.get_status("enableTokensConfig,maxTokenLifetimeDays") == {
        "enableTokensConfig": "true",
        "maxTokenLifetimeDays": "0",
    }
    with pytest.raises(InvalidParameterValue, match="Invalid keys: enableX"):
        conf.get_status("enableX")
    conf.set_status({"maxTokenLifetimeDays": "1"})
    with pytest.raises(InvalidParameterValue, match="at most 1 days"):
        admin.tokens.create(lifetime_seconds=86_401)
    made = admin.tokens.create()
    assert made.token_info and (made.token_info.expiry_time or 0) > 0
    conf.set_status({"enableTokensConfig": "false"})
    with pytest.raises(PermissionDenied, match="turned off"):
        admin.current_user.me()
    main.run("workspace", "set", "main", "--tokens", "on", "--longest-token-days", "0")
    assert admin.current_user.me().user_name == ADMIN


@pytest.fixture
def old(main: Installation, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of the old command line, which forgets its host's port: it goes through a proxy."""
    token = main.run("workspace", "token", "main", "--user", ADMIN).strip()
    with forward_proxy(main.url) as proxy:
        yield {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "HOME": str(tmp_path),
            "HTTP_PROXY": proxy,
            "http_proxy": proxy,
            "DATABRICKS_HOST": "http://workspace.test",
            "DATABRICKS_TOKEN": token,
        }


def databricks(environment: dict[str, str], *words: str, code: int = 0) -> str:
    program = Path(sys.executable).parent / "databricks"
    done = subprocess.run([program, *words], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_the_old_command_line_does_groups(old: dict[str, str], admin: WorkspaceClient) -> None:
    max_ = admin.users.create(user_name="max@contoso.com")
    assert json.loads(databricks(old, "groups", "create", "--group-name", "eng")) == {"group_name": "eng"}
    assert "RESOURCE_ALREADY_EXISTS" in databricks(old, "groups", "create", "--group-name", "eng", code=1)
    databricks(old, "groups", "create", "--group-name", "all")
    databricks(old, "groups", "add-member", "--parent-name", "eng", "--user-name", "max@contoso.com")
    databricks(old, "groups", "add-member", "--parent-name", "all", "--group-name", "eng")
    assert json.loads(databricks(old, "groups", "list")) == {"group_names": ["admins", "all", "eng", "users"]}
    members = json.loads(databricks(old, "groups", "list-members", "--group-name", "all"))
    assert members == {"members": [{"group_name": "eng"}]}
    members = json.loads(databricks(old, "groups", "list-members", "--group-name", "eng"))
    assert members == {"members": [{"user_name": "max@contoso.com"}]}
    parents = json.loads(databricks(old, "groups", "list-parents", "--user-name", "max@contoso.com"))
    assert sorted(parents["group_names"]) == ["eng", "users"]
    assert json.loads(databricks(old, "groups", "list-parents", "--group-name", "eng")) == {"group_names": ["all"]}
    databricks(old, "groups", "remove-member", "--parent-name", "all", "--group-name", "eng")
    assert json.loads(databricks(old, "groups", "list-members", "--group-name", "all")) == {"members": []}
    refused = databricks(old, "groups", "list-members", "--group-name", "nobody", code=1)
    assert "RESOURCE_DOES_NOT_EXIST" in refused and "nobody" in refused
    assert "reserved" in databricks(old, "groups", "delete", "--group-name", "admins", code=1)
    for name in ("eng", "all"):
        databricks(old, "groups", "delete", "--group-name", name)
    admin.users.delete(max_.id or "")


def test_the_old_command_line_does_tokens(old: dict[str, str]) -> None:
    made = json.loads(databricks(old, "tokens", "create", "--lifetime-seconds", "600", "--comment", "by hand"))
    assert made["token_value"].startswith("dapi")
    assert "by hand" in databricks(old, "tokens", "list")
    identity = made["token_info"]["token_id"]
    databricks(old, "tokens", "revoke", "--token-id", identity)
    assert "by hand" not in databricks(old, "tokens", "list")
    assert "Authorization failed" in databricks(
        {**old, "DATABRICKS_TOKEN": made["token_value"]}, "tokens", "list", code=1
    )
