"""The form of a conditional access policy: what it offers, and the policy that somebody sent with it.

People and groups are named, one on a line; what there are few of is ticked and goes by its id.
"""

from __future__ import annotations

from typing import Any

from provisor.access.conditional_access import ALL, ALL_TRUSTED, Policy, Selection, State
from provisor.access.roles import DIRECTORY_ROLES
from provisor.console.forms import Form
from provisor.console.visit import PortalVisit
from provisor.directory import conditional_access, policy_words
from provisor.directory.edit import Tenant
from provisor.directory.policy_words import EVERY_TIME, TRUSTED, Wanted
from provisor.refusal import Invalid
from provisor.storage.pool import Tx

STATES = (("report-only", "Report-only: judged and logged"), ("on", "On"), ("off", "Off"))
PEOPLE = (("all", "Everybody"), ("some", "Chosen users, groups and roles"))
THINGS = (("all", "Everything"), ("some", "Chosen applications"))
PLACES = (("any", "Anywhere"), ("trusted", "Trusted locations"), ("some", "Chosen locations"))
THEN = (
    ("mfa", "Ask for two factors"),
    ("passkey", "Ask for a passkey"),
    ("block", "Block"),
    ("", "Ask for no factor"),
)
OFTEN = (
    ("", "As long as the session lasts"),
    ("h", "After so many hours"),
    ("d", "After so many days"),
    (EVERY_TIME, "Every time"),
)


def blank(emergency: list[str]) -> Policy:
    """What a new policy begins as: about everybody but the break-glass accounts (ids), and report-only."""
    everything = Selection(frozenset({ALL}))
    users = Selection(frozenset({ALL}), frozenset(emergency))
    return Policy("", "", State.REPORT_ONLY, users=users, applications=everything, grant="mfa")


async def offered(tx: Tx, tenant: Tenant, rule: Policy) -> dict[str, Any]:
    """What the form shows: the policy, and all that can be chosen."""
    names = await policy_words.called(tx, tenant, [rule])
    return {
        "rule": rule,
        "words": policy_words.words(rule, names),
        "roles": [(name, name) for name in DIRECTORY_ROLES],
        "resources": [(item.id, item.name) for item in await policy_words.resources(tx, tenant)],
        "places": [(item.value.id, item.name) for item in await conditional_access.locations(tx, tenant)],
        "states": STATES,
        "people": PEOPLE,
        "things": THINGS,
        "where": PLACES,
        "then": THEN,
        "often": OFTEN,
        "trusted": ALL_TRUSTED,
    }


def wanted(form: Form) -> Wanted:
    """The policy of a form that was sent. Raises Invalid."""
    everybody, everything = form.text("who") == "all", form.text("what") == "all"
    include, exclude = form.every("place"), form.every("but_place")
    where = {"trusted": (TRUSTED,), "some": tuple(include)}.get(form.text("where"), ())
    if form.text("where") == "some" and not include:
        raise Invalid("Where: tick at least one location, or choose Anywhere.")
    if not everybody and not (form.text("users") or form.text("groups") or form.every("role")):
        raise Invalid("Who: name at least one user or group, or tick a role, or choose Everybody.")
    if not everything and not form.every("app"):
        raise Invalid("What: tick at least one application, or choose Everything.")
    unit, number = form.text("every"), form.text("often")
    if unit in ("h", "d") and not (number.isascii() and number.isdecimal() and int(number)):
        raise Invalid("How often to sign in: enter a number of hours or days, 1 or more.")
    return Wanted(
        form.text("name"),
        form.text("state"),
        users=(ALL,) if everybody else _lines(form, "users"),
        exclude_users=_lines(form, "but_users"),
        groups=() if everybody else _lines(form, "groups"),
        exclude_groups=_lines(form, "but_groups"),
        roles=() if everybody else tuple(form.every("role")),
        exclude_roles=tuple(form.every("but_role")),
        apps=(ALL,) if everything else tuple(form.every("app")),
        exclude_apps=tuple(form.every("but_app")),
        locations=where,
        exclude_locations=tuple(exclude),
        require=form.text("require"),
        every=f"{number}{unit}" if unit in ("h", "d") else unit,
    )


async def saved(visit: PortalVisit, policy: conditional_access.Kept | None) -> conditional_access.Kept:
    """Make or change a policy as the visit's form says; whether it may shut everybody out is ticked there."""
    force = visit.form.ticked("force")
    async with visit.edit() as work:
        work.require("policy.write")
        given = await policy_words.document(work.tx, visit.tenant, wanted(visit.form))
        if policy is None:
            return await conditional_access.create_policy(work, given, force=force)
        return await conditional_access.change_policy(work, policy.id, given, force=force)


def _lines(form: Form, name: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in form.text(name).splitlines() if line.strip())
