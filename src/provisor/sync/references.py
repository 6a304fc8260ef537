"""References: members of groups and managers of users, once both ends have (or will have) an account.

A group's members are a set of source ids; the target's ids are looked up when the requests are made. Members that
were made by hand at the target are left alone: only memberships that the directory has, or that Provisor once added,
are its business, unless the drift policy of members is to overwrite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from provisor.provisioning.change import ADDITIONS, REFERENCES, REMOVALS, Change, Known, quoted
from provisor.provisioning.schema import ObjectRules
from provisor.provisioning.scope import SourceObject, evaluate
from provisor.refusal import Invalid
from provisor.sync.planning import Planning
from provisor.sync.records import Membership

PAGE = 500
#: Groups whose members are compared at a time: all of these are in memory.
GROUPS = 20
MEMBERS: Final = "members"


async def plan_references(planning: Planning) -> None:
    """Plan members and managers of everything that was planned, and of whatever refers to it."""
    gone = await planning.job.ledger.members(sorted(planning.leaving))
    # Whoever is in a group that is deleted loses it.
    planning.plan.harmed.update(member for members in gone.values() for member in members)
    await _include(planning, "Group", await planning.job.source.groups_of(_moving(planning)))
    reports = await planning.job.source.reports_of(sorted(planning.linking["User"])) if planning.manager_rule else []
    await _include(planning, "User", reports)
    await _plan_managers(planning)
    await _plan_members(planning)


def _moving(planning: Planning) -> list[str]:
    return sorted(planning.linking["User"] | planning.linking["Group"])


async def _include(planning: Planning, object_type: str, ids: list[str]) -> None:
    """Objects that did not change themselves, but somebody they refer to gets an account now."""
    moving = planning.referring.keys() | planning.leaving | planning.unlinking
    others = [item for item in ids if item not in moving]
    if not others:
        return
    accounts = await planning.job.ledger.accounts(others)
    sources = await planning.job.source.read(object_type, list(accounts))
    linked = [item for item in others if item in sources and _inside(planning, sources[item])]
    for item in linked:
        source = sources[item]
        base = Change("nothing", object_type, item, source.name, "", source.seq, REFERENCES)
        planning.referring[item] = replace(base, target_id=accounts[item], references_only=True)
        if object_type == "User":
            planning.managers[item] = source.manager


def _inside(planning: Planning, source: SourceObject) -> bool:
    try:
        rules = planning.job.rules.of(source.object_type)
        return evaluate(source, rules, all_objects=planning.job.all_objects).inside
    except Invalid:
        return False


async def _plan_managers(planning: Planning) -> None:
    rule = planning.manager_rule
    users = [change for change in planning.referring.values() if change.object_type == "User"]
    if rule is None:
        return
    name = rule.target.name
    for start in range(0, len(users), PAGE):
        page = users[start : start + PAGE]
        wanted = {manager for change in page if (manager := planning.managers.get(change.source_id))}
        known = await planning.job.ledger.known(sorted(wanted.union(change.source_id for change in page)))
        accounts = await planning.job.ledger.accounts(wanted)
        changes = [_manager(planning, name, change, known, accounts) for change in page]
        await planning.accept([change for change in changes if change is not None], planning.job.rules.users)


def _manager(
    planning: Planning, name: str, user: Change, ledger: Mapping[str, Known], accounts: Mapping[str, str]
) -> Change | None:
    """What is done about the manager of ``user``, an attribute called ``name``. By source id: what the ``ledger`` knows
    of users and managers, and the target ids of the managers' ``accounts``."""
    known = ledger.get(user.source_id)
    manager = planning.managers.get(user.source_id)
    after = manager if manager and _has_account(planning, manager, accounts) else None
    before = known.last_applied.get(name) if known is not None else None
    policy = planning.job.policies.about(name) if planning.comparing else "overwrite"
    kept = known is not None and name in known.kept and known.kept[name] == after
    if kept and (policy == "adopt" or not planning.comparing):
        # The target did not take it: only a full comparison asks again.
        return None
    if before != after:
        reason = "has no manager with an account any more"
        if after:
            reason = f"has another manager{_called(planning, name, after, ledger)}"
    elif after is None:
        # Nobody's manager is in no doubt, and one that was set by hand is not ours.
        return None
    elif known is not None and known.unsettled and known.linked:
        reason = "is not known to have arrived, so the manager is said again"
    elif after in planning.linking["User"]:
        reason = "has a manager who gets another account"
    elif planning.shown.get(user.source_id, accounts[after]) != accounts[after]:
        # As of any attribute (see decide): put right when it is seen, and by the policy in a full comparison.
        has = planning.shown[user.source_id]
        both = " instead of ".join(quoted(item, name, user.redacted) for item in (has, accounts[after]))
        reason = f"the manager at the target is {both}{_called(planning, name, after, ledger)}"
        if policy == "report" and not kept:
            return user.anew("drift", reason, phase=REFERENCES, drift={name: (has, accounts[after])})
        if policy != "overwrite" and not kept:
            return None
    else:
        return None
    return user.anew("update references", reason, phase=REFERENCES, attributes={name: (before, after)})


def _called(planning: Planning, name: str, manager: str, ledger: Mapping[str, Known]) -> str:
    """``: 'NAME'``, for an id tells nobody who reads a plan who the manager is; nothing where that is redacted."""
    if not planning.job.rules.users.redacted.isdisjoint({name, "userName"}):
        return ""
    if manager in planning.referring:
        return f": {planning.referring[manager].source_name!r}"
    called = ledger[manager].last_applied.get("userName") if manager in ledger else None
    return f": {called!r}" if called else ""


async def _plan_members(planning: Planning) -> None:
    rules = planning.job.rules.groups
    if not any(rule.target.name == MEMBERS for rule in rules.references):
        return
    groups = [change for change in planning.referring.values() if change.object_type == "Group"]
    for start in range(0, len(groups), GROUPS):
        await _plan_members_of(planning, rules, groups[start : start + GROUPS])


async def _plan_members_of(planning: Planning, rules: ObjectRules, groups: list[Change]) -> None:
    ids = [change.source_id for change in groups]
    wanted = await planning.job.source.members(ids)
    applied = await planning.job.ledger.members(ids)
    people = {member for members in wanted.values() for member in members}
    accounts = await planning.job.ledger.accounts(people)
    changes: list[Change] = []
    for group in groups:
        had = applied[group.source_id]
        if group.action == "unlink":
            desired: list[str] = []
            present, maybe = set[str](), {member for member, membership in had.items() if membership.added}
        else:
            desired = [member for member in wanted[group.source_id] if _has_account(planning, member, accounts)]
            present, maybe = await _present(planning, group, desired, accounts, had)
        extra = sorted(maybe - set(desired) - planning.leaving)
        missing = sorted(set(desired) - present)
        if planning.only is not None and planning.only.members is not None:
            extra = [member for member in extra if member in planning.only.members]
            missing = [member for member in missing if member in planning.only.members]
        spared = [member for member in extra if _is_owner(planning, had[member])]
        if spared:
            owner = planning.job.capabilities.owner_name
            reason = f"{owner} owns the secret token and stays in the group: use another admin's token"
            changes.append(group.anew("refuse", reason, phase=REMOVALS, members=tuple(spared)))
            extra = [member for member in extra if member not in spared]
        if extra:
            reason = f"{_count(extra)} in the directory's group any more"
            changes.append(group.anew("remove members", reason, phase=REMOVALS, members=tuple(extra)))
        if missing:
            reason = f"{_count(missing)} in the target's group yet"
            changes.append(group.anew("add members", reason, phase=ADDITIONS, members=tuple(missing)))
    await planning.accept(changes, rules)


def _is_owner(planning: Planning, membership: Membership) -> bool:
    owner = planning.job.capabilities.owner_id
    return owner is not None and membership.target_id == owner


async def _present(
    planning: Planning,
    group: Change,
    desired: list[str],
    accounts: Mapping[str, str],
    had: Mapping[str, Membership],
) -> tuple[set[str], set[str]]:
    """Members that the target's group has, and all that it may have; read now when others may have changed it."""
    if not group.target_id:
        # Nobody is in a group that is yet to be made, whoever was in the one before.
        return set(), set()
    confirmed = {member for member, membership in had.items() if membership.confirmed}
    if not (planning.reads or group.adopts):
        return confirmed, set(had)
    there = set(await planning.job.target.members(group.target_id) or ())
    if planning.comparing and not group.adopts:
        return await _compared(planning, group, desired, accounts, had, there)
    found = {member: accounts[member] for member in desired if accounts.get(member) in there}
    lost = {member for member, membership in had.items() if membership.target_id not in there}
    if planning.cycle.mode == "cycle":
        await planning.job.ledger.found_members(
            group.source_id, {m: t for m, t in found.items() if m not in confirmed}, sorted(lost)
        )
    return (confirmed - lost) | found.keys(), (set(had) - lost) | found.keys()


async def _compared(
    planning: Planning,
    group: Change,
    desired: list[str],
    accounts: Mapping[str, str],
    had: Mapping[str, Membership],
    there: set[str],
) -> tuple[set[str], set[str]]:
    """As :func:`_present` in a full comparison: what was changed at the target is reported, put right or left alone."""
    policy = planning.job.policies.about(MEMBERS)
    ours = {membership.target_id for membership in had.values()}
    ours |= {accounts[member] for member in desired if member in accounts}
    # Who becomes somebody's account by this very plan is no stranger, and the token's owner is spared.
    ours |= {str(planning.referring[member].target_id) for member in desired if member in planning.referring}
    strangers = sorted(there - ours - {str(planning.job.capabilities.owner_id)})
    gone = {member for member, membership in had.items() if membership.confirmed and membership.target_id not in there}
    if policy == "overwrite":
        if strangers:
            reason = f"{len(strangers)} added at the target, and not in the directory's group"
            removal = group.anew("remove members", reason, phase=REMOVALS, strangers=tuple(strangers))
            await planning.accept([removal], planning.job.rules.groups)
        confirmed = {member for member, membership in had.items() if membership.confirmed}
        return confirmed - gone, set(had)
    if policy == "report" and (strangers or gone):
        said = [f"{len(strangers)} added"] if strangers else []
        said += [f"{len(gone)} removed"] if gone else []
        reason = f"members were changed at the target: {', '.join(said)}"
        drift = {MEMBERS: (strangers, sorted(gone))}
        changed = group.anew("drift", reason, phase=REFERENCES, drift=drift, members=tuple(sorted(gone)))
        await planning.accept([changed], planning.job.rules.groups)
    return {member for member, membership in had.items() if membership.confirmed}, set(had)


def _has_account(planning: Planning, identity: str, accounts: Mapping[str, str]) -> bool:
    if identity in planning.leaving or identity in planning.unlinking:
        return False
    if identity in planning.linking["User"] or identity in planning.linking["Group"]:
        return True
    return identity in accounts


def _count(members: list[str]) -> str:
    return "1 member is not" if len(members) == 1 else f"{len(members)} members are not"
