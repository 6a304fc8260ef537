"""msgraph-sdk, unmodified: what it understands of its answers, and the recordings that ``make test`` asks again."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from microsoft import Sdk, Shop
from msgraph.generated.application_templates.item.instantiate.instantiate_post_request_body import (
    InstantiatePostRequestBody,
)
from msgraph.generated.audit_logs.provisioning.provisioning_request_builder import ProvisioningRequestBuilder
from msgraph.generated.groups.delta.delta_request_builder import DeltaRequestBuilder as GroupsDelta
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.synchronization_job import SynchronizationJob
from msgraph.generated.models.synchronization_job_application_parameters import SynchronizationJobApplicationParameters
from msgraph.generated.models.synchronization_job_subject import SynchronizationJobSubject
from msgraph.generated.models.synchronization_secret import SynchronizationSecret
from msgraph.generated.models.synchronization_secret_key_string_value_pair import (
    SynchronizationSecretKeyStringValuePair,
)
from msgraph.generated.models.user import User
from msgraph.generated.service_principals.item.synchronization.jobs.item.provision_on_demand import (
    provision_on_demand_post_request_body as on_demand,
)
from msgraph.generated.service_principals.item.synchronization.jobs.item.schema.parse_expression import (
    parse_expression_post_request_body as expressions,
)
from msgraph.generated.service_principals.item.synchronization.jobs.validate_credentials import (
    validate_credentials_post_request_body as validation,
)
from msgraph.generated.service_principals.item.synchronization.secrets.secrets_put_request_body import (
    SecretsPutRequestBody,
)
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder as UsersDelta
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

# The SDK's own modules say it when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning")
NON_GALLERY = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
RULE = "03f7d90d-bf71-41b1-bda6-aaf0ddbee5d8"


def person(name: str, **more: Any) -> User:
    return User(
        account_enabled=True,
        display_name=name.title(),
        mail_nickname=name,
        user_principal_name=f"{name}@contoso.com",
        password_profile=PasswordProfile(force_change_password_next_sign_in=True, password="xWwvJ]6NMw+bWH-d"),
        **more,
    )


def users(**query: Any) -> RequestConfiguration[Any]:
    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(**query)
    return RequestConfiguration(query_parameters=parameters)


async def test_users(sdk: Sdk) -> None:
    client, tape = sdk.client, sdk.tape
    ada = await client.users.post(person("ada", department="Engines", employee_hire_date=None))
    assert ada and ada.id
    tape.says("userPrincipalName", ada.user_principal_name)
    tape.says("displayName", "Ada")
    for name in ("anna", "bob", "cleo"):
        assert await client.users.post(person(name, job_title="Clerk"))
    shown = await client.users.by_user_id(ada.id).get()
    assert shown and shown.display_name == "Ada"
    named = await client.users.by_user_id("ada@contoso.com").get(users(select=["id", "department", "accountEnabled"]))
    assert named
    tape.says("id", named.id)
    tape.says("department", named.department)
    tape.says("accountEnabled", named.account_enabled)
    found = await client.users.get(
        users(
            filter="startswith(displayName,'A') and accountEnabled eq true",
            select=["id", "displayName"],
            orderby=["displayName"],
            count=True,
            top=2,
        )
    )
    assert found and found.value
    tape.says("@odata.count", found.odata_count)
    assert found.odata_count == 3 and [item.display_name for item in found.value] == ["Ada", "Administrator"]
    tape.says("value/0/displayName", found.value[0].display_name)
    # The second page is at an address that the SDK takes as it is.
    assert found.odata_next_link
    rest = await client.users.with_url(found.odata_next_link).get()
    assert rest and rest.value and rest.odata_next_link is None
    tape.says("value/0/displayName", rest.value[0].display_name)
    searched = await client.users.get(users(search='"displayName:cle"', select=["displayName"]))
    assert searched and searched.value
    tape.says("value/0/displayName", "Cleo")
    assert await client.users.count.get() == 5
    tape.says("", "5")
    await client.users.by_user_id(ada.id).patch(User(job_title="Countess"))
    await client.users.by_user_id(ada.id).patch(User(additional_data={"department": None}))
    changed = await client.users.by_user_id(ada.id).get(users(select=["jobTitle", "department"]))
    assert changed
    tape.says("jobTitle", changed.job_title)
    tape.says("department", changed.department)
    assert changed.department is None
    await _manager(sdk, ada.id)
    await _gone_and_back(sdk, ada.id)
    sdk.keep("users")


async def _manager(sdk: Sdk, ada: str) -> None:
    client, tape = sdk.client, sdk.tape
    with pytest.raises(ODataError) as nobody:
        await client.users.by_user_id(ada).manager.get()
    assert nobody.value.response_status_code == 404
    bob = await client.users.by_user_id("bob@contoso.com").get()
    assert bob and bob.id
    reference = ReferenceCreate(odata_id=f"{tape.base}/users/{bob.id}")
    await client.users.by_user_id(ada).manager.ref.put(reference)
    boss = await client.users.by_user_id(ada).manager.get()
    assert isinstance(boss, User)
    tape.says("userPrincipalName", boss.user_principal_name)
    await client.users.by_user_id(ada).manager.ref.delete()


async def _gone_and_back(sdk: Sdk, ada: str) -> None:
    client, tape = sdk.client, sdk.tape
    await client.users.by_user_id(ada).delete()
    with pytest.raises(ODataError) as gone:
        await client.users.by_user_id(ada).get()
    assert gone.value.error and gone.value.response_status_code == 404
    tape.says("error/code", gone.value.error.code)
    bin_ = await client.directory.deleted_items.graph_user.get()
    assert bin_ and bin_.value and bin_.value[0].deleted_date_time
    tape.says("value/0/displayName", bin_.value[0].display_name)
    back = await client.directory.deleted_items.by_directory_object_id(ada).restore.post()
    assert isinstance(back, User) and back.id == ada
    await client.users.by_user_id(ada).delete()
    await client.directory.deleted_items.by_directory_object_id(ada).delete()
    with pytest.raises(ODataError):
        await client.directory.deleted_items.by_directory_object_id(ada).get()


async def test_groups_and_members(sdk: Sdk) -> None:
    client, tape = sdk.client, sdk.tape
    ada, bob = await client.users.post(person("ada")), await client.users.post(person("bob"))
    assert ada and ada.id and bob and bob.id
    bound = [f"{tape.base}/directoryObjects/{ada.id}"]
    team = await client.groups.post(
        Group(
            display_name="Team",
            mail_enabled=False,
            mail_nickname="team",
            security_enabled=True,
            additional_data={"members@odata.bind": bound},
        )
    )
    assert team and team.id
    tape.says("displayName", team.display_name)
    tape.says("securityEnabled", team.security_enabled)
    group = client.groups.by_group_id(team.id)
    reference = ReferenceCreate(odata_id=f"{tape.base}/directoryObjects/{bob.id}")
    await group.members.ref.post(reference)
    with pytest.raises(ODataError) as twice:
        await group.members.ref.post(reference)
    assert twice.value.response_status_code == 400
    found = await group.members.get()
    assert found and found.value and all(isinstance(item, User) for item in found.value)
    assert {item.id for item in found.value} == {ada.id, bob.id}
    people = await group.members.graph_user.get()
    assert people and people.value and len(people.value) == 2
    assert await group.members.count.get() == 2
    tape.says("", "2")
    whose = await client.users.by_user_id(bob.id).member_of.get()
    assert whose and whose.value and isinstance(whose.value[0], Group)
    tape.says("value/0/displayName", whose.value[0].display_name)
    owner = ReferenceCreate(odata_id=f"{tape.base}/users/{ada.id}")
    await group.owners.ref.post(owner)
    owners = await group.owners.get()
    assert owners and owners.value
    tape.says("value/0/id", owners.value[0].id)
    await group.members.by_directory_object_id(bob.id).ref.delete()
    below = await group.transitive_members.get()
    assert below and below.value
    tape.says("value/0/id", below.value[0].id)
    await group.patch(Group(description="Who builds engines"))
    changed = await group.get()
    assert changed
    tape.says("description", changed.description)
    await group.delete()
    with pytest.raises(ODataError) as gone:
        await group.get()
    assert gone.value.response_status_code == 404
    sdk.keep("groups")


async def test_changes_of_users_and_groups(sdk: Sdk) -> None:
    client, tape = sdk.client, sdk.tape
    ada = await client.users.post(person("ada"))
    assert ada and ada.id
    selected = UsersDelta.DeltaRequestBuilderGetQueryParameters(select=["displayName", "jobTitle"])
    first = await client.users.delta.get(RequestConfiguration(query_parameters=selected))
    assert first and first.value and len(first.value) == 2 and first.odata_delta_link
    await client.users.by_user_id(ada.id).patch(User(job_title="Countess"))
    changed = await client.users.delta.with_url(first.odata_delta_link).get()
    assert changed and changed.value and len(changed.value) == 1 and changed.odata_delta_link
    tape.says("value/0/jobTitle", changed.value[0].job_title)
    await client.users.by_user_id(ada.id).delete()
    gone = await client.users.delta.with_url(changed.odata_delta_link).get()
    assert gone and gone.value and gone.value[0].id == ada.id
    tape.says("value/0/@removed/reason", gone.value[0].additional_data["@removed"]["reason"])
    team = await client.groups.post(
        Group(display_name="Team", mail_enabled=False, mail_nickname="team", security_enabled=True)
    )
    assert team and team.id
    members = GroupsDelta.DeltaRequestBuilderGetQueryParameters(select=["displayName", "members"])
    first_groups = await client.groups.delta.get(RequestConfiguration(query_parameters=members))
    assert first_groups and first_groups.odata_delta_link
    bob = await client.users.post(person("bob"))
    assert bob and bob.id
    reference = ReferenceCreate(odata_id=f"{tape.base}/directoryObjects/{bob.id}")
    await client.groups.by_group_id(team.id).members.ref.post(reference)
    joined = await client.groups.delta.with_url(first_groups.odata_delta_link).get()
    assert joined and joined.value
    tape.says("value/0/members@delta/0/id", str(joined.value[0].additional_data["members@delta"][0]["id"]))
    sdk.keep("delta")


async def test_an_application_from_its_template_to_its_log(sdk: Sdk, shop: Shop) -> None:
    client, tape = sdk.client, sdk.tape
    target = await asyncio.to_thread(shop.workspace, f"w-{sdk.tenant}")
    tape.known |= target
    ada = await client.users.post(person("ada", mail="ada@contoso.com", given_name="Ada", surname="L"))
    assert ada and ada.id
    made = await client.application_templates.by_application_template_id(NON_GALLERY).instantiate.post(
        InstantiatePostRequestBody(display_name="Databricks WS1")
    )
    assert made and made.service_principal and made.service_principal.id and made.application
    tape.says("application/displayName", made.application.display_name)
    principal = client.service_principals.by_service_principal_id(made.service_principal.id)
    shown = await client.service_principals_with_app_id(made.service_principal.app_id or "").get()
    assert shown and shown.app_roles and shown.app_roles[0].id
    tape.says("id", shown.id)
    assigned = await principal.app_role_assigned_to.post(
        AppRoleAssignment(
            app_role_id=shown.app_roles[0].id, principal_id=UUID(ada.id), resource_id=UUID(made.service_principal.id)
        )
    )
    assert assigned
    tape.says("principalType", assigned.principal_type)
    templates = await principal.synchronization.templates.get()
    assert templates and templates.value and templates.value[0].application_id
    tape.says("value/0/id", templates.value[0].id)
    job = await principal.synchronization.jobs.post(SynchronizationJob(template_id=templates.value[0].id))
    assert job and job.id and job.schedule and job.schedule.interval
    tape.says("schedule/state", job.schedule.state.value if job.schedule.state else None)
    pairs = [_secret("BaseAddress", target["base"]), _secret("SecretToken", target["token"])]
    tested = validation.ValidateCredentialsPostRequestBody(credentials=pairs, use_saved_credentials=False)
    await principal.synchronization.jobs.validate_credentials.post(tested)
    await principal.synchronization.secrets.put(SecretsPutRequestBody(value=pairs))
    await _mappings(sdk, made.service_principal.id, job.id)
    await _runs(sdk, made.service_principal.id, job.id, ada.id)
    assert made.application.id
    await client.applications.by_application_id(made.application.id).delete()
    with pytest.raises(ODataError) as gone:
        await principal.get()
    assert gone.value.response_status_code == 404
    sdk.keep("application")


def _secret(key: str, value: str) -> SynchronizationSecretKeyStringValuePair:
    return SynchronizationSecretKeyStringValuePair(key=SynchronizationSecret(key), value=value)


async def _mappings(sdk: Sdk, principal: str, identity: str) -> None:
    """Read the mappings, write them back as the SDK does, and ask what they are made of."""
    tape = sdk.tape
    job = sdk.client.service_principals.by_service_principal_id(principal).synchronization.jobs
    schema = job.by_synchronization_job_id(identity).schema
    before = await schema.get()
    assert before and before.synchronization_rules
    tape.says("synchronizationRules/0/id", before.synchronization_rules[0].id)
    await schema.patch(before)
    after = await schema.get()
    assert after and after.synchronization_rules
    (mappings,) = [rule.object_mappings for rule in after.synchronization_rules]
    # The SDK cannot send what it read here; it is there all the same.
    assert mappings and mappings[0].flow_types
    tape.says("synchronizationRules/0/objectMappings/0/flowTypes", "Add,Update,Delete")
    operators = await schema.filter_operators.get()
    assert operators and operators.value
    functions = await schema.functions.get()
    assert functions and functions.value
    assert "Join" in {item.additional_data["name"] for item in functions.value}
    parsed = await schema.parse_expression.post(
        expressions.ParseExpressionPostRequestBody(expression='Join("-", [givenName], [surname])')
    )
    assert parsed and parsed.parsed_expression
    tape.says("parsingSucceeded", parsed.parsing_succeeded)
    tape.says("parsedExpression/name", parsed.parsed_expression.name)
    directories = await schema.directories.get()
    assert directories and directories.value and directories.value[1].id
    target = schema.directories.by_directory_definition_id(directories.value[1].id)
    discovered = await target.discover.post()
    assert discovered and discovered.objects


async def _runs(sdk: Sdk, principal: str, identity: str, ada: str) -> None:
    client, tape = sdk.client, sdk.tape
    job = client.service_principals.by_service_principal_id(principal).synchronization.jobs.by_synchronization_job_id(
        identity
    )
    subject = SynchronizationJobSubject(object_id=ada, object_type_name="User")
    parameters = SynchronizationJobApplicationParameters(rule_id=RULE, subjects=[subject])
    body = on_demand.ProvisionOnDemandPostRequestBody(parameters=[parameters])
    done = await job.provision_on_demand.post(body)
    assert done and done.key and '"result":"Success"' in done.key.replace(" ", "")
    tape.says("key", done.key)
    await job.start.post()
    started = await job.get()
    assert started and started.schedule and started.schedule.state
    tape.says("schedule/state", started.schedule.state.value)
    await job.pause.post()
    paused = await job.get()
    assert paused and paused.status and paused.status.code
    tape.says("status/code", paused.status.code.value)
    query = ProvisioningRequestBuilder.ProvisioningRequestBuilderGetQueryParameters(
        filter=f"jobId eq '{identity}' and provisioningAction eq 'create'", top=10
    )
    logs = await client.audit_logs.provisioning.get(RequestConfiguration(query_parameters=query))
    assert logs and logs.value and logs.value[0].source_identity and logs.value[0].provisioning_status_info
    tape.says("value/0/sourceIdentity/id", logs.value[0].source_identity.id)
    assert logs.value[0].provisioning_status_info.status
    tape.says("value/0/provisioningStatusInfo/status", logs.value[0].provisioning_status_info.status.value)
    await job.delete()
