"""*Policies*: guard, adoption, drift and the rest of what an administrator decides beside the mappings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications
from provisor.provisioning import policies
from provisor.provisioning.schedules import EVENT
from provisor.provisioning.schema import object_mapping
from provisor.refusal import Invalid

PAGE = Page("policies", "/applications/{application:uuid}/policies", action="application.read")
#: Policy → what the page calls it, and what it says of it.
ABOUT: Final = {
    "adoption": (
        "Accounts that were there before",
        "merge: they become those of the people whom they match, but for those with another source's externalId. take: "
        "those as well. hold: they wait for an approved plan.",
    ),
    "merged_groups": (
        "Groups that were there before, when they leave",
        "keep: they stay, without the members that were added. delete: they are deleted.",
    ),
    "nested": (
        "Groups in assigned groups",
        "direct: only direct members are in scope. flatten: everybody below is, and is a member at the target.",
    ),
    "cleared": ("Values that the directory has no more", "clear: cleared at the target. keep: left as they are."),
    "retries": (
        "When failures are tried again",
        "provisor: after 1, 5 and 30 minutes, 2, 6 and 24 hours. entra: after 6, 12 and 24 hours. Whoever should lose "
        "access is tried every 5 minutes with either.",
    ),
    "wire": (
        "How the target is spoken to",
        "lean: with the fewest requests. entra, entra-optscim: as Entra ID does, for whoever tests a SCIM server.",
    ),
}


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    paths = [row["targetAttributeName"] for row in object_mapping(visit.app.schema, "User")["attributeMappings"]]
    return visit.render(
        about=ABOUT,
        options={name: [(value, value) for value in values] for name, values in policies.CHOICES.items()},
        has=visit.app.policies,
        drift=policies.DRIFT,
        paths=[policies.EVERYTHING, *paths, "members"],
    )


@PAGE.post("", action="provisioning.write")
async def save(visit: PortalVisit) -> Response:
    form = visit.form
    wanted: dict[str, Any] = {name: form.text(name) or None for name in policies.CHOICES}
    wanted["token_owner"] = form.text("token_owner")
    wanted["schedule"] = form.text("schedule") or EVENT
    wanted["full_hours"] = form.number("full_hours", "The hours between full comparisons")
    drift = dict(zip(form.every("path"), form.every("policy"), strict=False))
    if drift:
        wanted["drift"] = drift
    percent = form.number("guard_percent", "The guard's percentage")
    most = form.number("guard_most", "The guard's number of accounts")
    if not form.text("guard_percent") or not form.text("guard_most"):
        raise Invalid("The guard needs both numbers; 0 takes one of them away.")
    async with visit.edit() as work:
        before = await applications.locked(work, visit.app.id)
        after = applications.with_guard(before, percent=percent, most=most)
        after = replace(after, policies=policies.changed(after.policies, **wanted))
        await applications.save(work, before, after, "set policies")
    return await visit.done(visit.app_url("/policies"), "Saved. The next cycle looks at everything by these policies.")
