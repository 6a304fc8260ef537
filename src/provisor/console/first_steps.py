"""The way from nothing to a first cycle: which steps are done, and where the next one is. Values in, values out.

The steps stand on the tenant's first page until some application has had a cycle, and on an application's overview
until that one has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provisor.directory.applications import Application


@dataclass(frozen=True, slots=True)
class Step:
    """``path`` is below the portal's start; empty where there is nowhere to go before what comes first is done."""

    title: str
    told: str
    path: str
    done: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an application is: how many users and groups are assigned, whether a plan was made of it."""

    application: Application
    assigned: int
    planned: bool


def of_tenant(people: int, standing: Standing | None) -> Sequence[Step]:
    """Every step, with the application that is furthest from a first cycle, if there is one."""
    directory = Step(
        "Bring your people in",
        "Make them here, or import a file: provisor directory import users.csv groups.csv members.csv. "
        "The file that Entra ID gives out under Download users is read as it is.",
        "/users",
        people > 1,
    )
    made = Step(
        "Add an application",
        "What people's accounts are made in: a Databricks workspace, or anything else that speaks SCIM 2.0.",
        "" if standing else "/applications/new",
        standing is not None,
    )
    return [directory, made, *of_application(standing)]


def of_application(standing: Standing | None) -> Sequence[Step]:
    """The steps from an application to its first cycle."""
    start = f"/applications/{standing.application.id}" if standing else ""

    def below(path: str) -> str:
        return f"{start}{path}" if start else ""

    app = standing.application if standing else None
    return [
        Step(
            "Connect it",
            "Tenant URL and secret token come from the application; Test Connection says whether they are right, "
            "and what the application can do.",
            below("/provisioning"),
            bool(app and app.connected),
        ),
        Step(
            "Say who is in it",
            "Assign users and groups, or choose to provision everybody.",
            below("/users-and-groups"),
            bool(standing and (standing.assigned or standing.application.scope == "all")),
        ),
        Step(
            "Look at the plan",
            "It says of everybody what would be done and why, and does nothing.",
            below("/plan"),
            bool(standing and standing.planned),
        ),
        Step(
            "Turn provisioning on",
            "The first cycle begins at once; from then on a change in the directory takes about a second.",
            below("/provisioning"),
            bool(app and app.provisioning == "On"),
        ),
    ]


def following(steps: Sequence[Step]) -> Step | None:
    """The step that is next: the first that is not done."""
    return next((step for step in steps if not step.done), None)
