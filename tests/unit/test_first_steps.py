"""The first steps: what is done, what is next, where it leads."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from provisor.console.first_steps import Standing, following, of_application, of_tenant
from provisor.directory.applications import Application

APP = Application(
    id=UUID(int=7),
    name="App",
    template="dataBricks",
    provisioning_mode="Automatic",
    tenant_url=None,
    sealed_token=None,
    scope="assigned",
    provisioning="Off",
    capabilities={},
    schema={},
)


def test_with_nothing_the_directory_comes_first_and_later_steps_lead_nowhere() -> None:
    steps = of_tenant(1, None)
    found = following(steps)
    assert found is not None
    assert found.title == "Bring your people in"
    assert [step.path for step in steps[2:]] == ["", "", "", ""]


def test_each_step_follows_when_the_one_before_is_done() -> None:
    connected = replace(APP, tenant_url="https://x", sealed_token=b"x")
    ways = [
        (of_tenant(5, None), "/applications/new"),
        (of_tenant(5, Standing(APP, 0, False)), f"/applications/{APP.id}/provisioning"),
        (of_application(Standing(connected, 0, False)), f"/applications/{APP.id}/users-and-groups"),
        (of_application(Standing(replace(connected, scope="all"), 0, False)), f"/applications/{APP.id}/plan"),
        (of_application(Standing(connected, 1, False)), f"/applications/{APP.id}/plan"),
        (of_application(Standing(connected, 1, True)), f"/applications/{APP.id}/provisioning"),
    ]
    for steps, path in ways:
        found = following(steps)
        assert found is not None
        assert found.path == path


def test_nothing_follows_once_provisioning_is_on() -> None:
    on = replace(APP, tenant_url="https://x", sealed_token=b"x", provisioning="On")
    assert following(of_application(Standing(on, 1, True))) is None
