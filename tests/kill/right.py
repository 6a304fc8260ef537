"""Is everything right? What the directory should say, what it says, the ledger and the workspace, held side by side.

Whoever is in scope has one account that says what the mappings say and is active; nobody else's is; each account is
one object's, so nothing is doubled; a group has just the accounts of its members. Accounts and groups that were made
by others are passed in as ``strangers`` and are none of this.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from installation import Installation
from kill.directory import Directory, Wrong, read
from kill.people import People
from pair import OPS, Pair, members

ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_PAGE = 100
#: Rows of the log that a story shows of one object.
_SHOWN = 8
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Seen:
    """Accounts and groups of the workspace by id; ``links``: source id → the account that the ledger says is theirs;
    ``open``: what the ledger has of objects that are not done."""

    accounts: Mapping[str, Any]
    teams: Mapping[str, Any]
    links: Mapping[UUID, str]
    open: list[str]
    doubled: list[str]


async def differences(people: People, strangers: Collection[str] = ()) -> list[str]:
    """What is not as it should be, each in a sentence; nothing when all is right."""
    pair, wanted = people.pair, people.directory
    found = []
    if (there := await read(pair)) != wanted:
        lost = set(wanted.people.items()) ^ set(there.people.items())
        teams = set(wanted.teams.items()) ^ set(there.teams.items())
        found.append(f"an acknowledged change of the directory is lost: {lost or teams}")
    seen = await _seen(pair, strangers)
    found += [f"{item} is there twice" for item in seen.doubled]
    found += _accounts(people, seen)
    found += _teams(wanted, seen)
    found += seen.open
    plan = await pair.plan()
    if plan.counts:
        found.append(f"a dry run plans {dict(plan.counts)}")
    return [*found, *await _logged(pair, " ".join(found))]


async def _logged(pair: Pair, said: str) -> list[str]:
    """What the ledger and the provisioning log have of those who are named in what was said."""
    lines = []
    for identity in dict.fromkeys(UUID(text) for text in _ID.findall(said)):
        known = await pair.known(identity)
        rows = await pair.log(identity) if known is not None else []
        lines += [f"  {known}"] if rows else []
        for row in rows[:_SHOWN]:
            detail = {name: value for name, value in row["detail"].items() if name in ("attributes", "members", "kept")}
            lines.append(
                f"  cycle {row['number']} ({row['kind']}): {row['action']} {row['source_name']} seq {row['seq']}: "
                f"{row['status']}; {row['reason']}; {row['message']}; {detail}"
            )
    return lines


async def verified(shop: Installation, head: str | None) -> str:
    """Verify the audit log, in which ``head`` must still be; returns its head now."""
    more = ("--head", head) if head is not None else ()
    ended = await asyncio.to_thread(shop.command, "audit", "verify", "--json", *more)
    if ended.code:
        raise Wrong(f"the audit log does not verify: {ended.err.strip()}")
    return str(json.loads(ended.out)["head"])


async def listed(pair: Pair, endpoint: str) -> list[Any]:
    """Every resource of an endpoint, over HTTP."""
    resources: list[Any] = []
    while True:
        query = {"startIndex": str(len(resources) + 1), "count": str(_PAGE)}
        status, page = await pair.call("GET", endpoint, params=query)
        if status != 200:
            raise Wrong(f"GET {endpoint} was answered {status}: {page}")
        resources += page["Resources"]
        if not page["Resources"] or len(resources) >= page["totalResults"]:
            return resources


async def _seen(pair: Pair, strangers: Collection[str]) -> Seen:
    accounts = [item for item in await listed(pair, "/Users") if item["userName"] not in {OPS, *strangers}]
    teams = [item for item in await listed(pair, "/Groups") if item["displayName"] not in ("admins", "users")]
    names = Counter(item["userName"].casefold() for item in accounts)
    names.update(item["displayName"] for item in teams)
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch("select * from sync_object where application = $1", pair.application)
        doubt = await tx.fetchval(
            "select count(*) from sync_member where application = $1 and not confirmed", pair.application
        )
    links = {row["source_id"]: row["target_id"] for row in rows if row["state"] in ("linked", "disabled")}
    owners = Counter(links.values())
    return Seen(
        {item["id"]: item for item in accounts},
        {item["id"]: item for item in teams},
        links,
        [*_open(rows), *([f"{doubt} memberships are not confirmed"] if doubt else [])],
        [f"{name} (accounts or groups)" for name, number in names.items() if number > 1]
        + [f"the link to {target}" for target, number in owners.items() if number > 1],
    )


def _open(rows: Collection[Mapping[str, Any]]) -> Iterator[str]:
    """Objects that the ledger calls unfinished; a promised create of a leaver may be looked for again for a day.

    One that is called unsettled and is not dirty is only read before it is decided about the next time.
    """
    for row in rows:
        flags = [name for name in ("deleting", "references_due") if row[name]]
        flags += ["dirty"] if row["desired_seq"] > row["applied_seq"] else []
        flags += ["removed"] if row["state"] == "removed" else []
        if flags and not (row["intent"] is not None and row["state"] == "none"):
            yield f"the ledger has {row['object_type']} {row['source_id']} as {', '.join(flags)} ({row['error']})"


def _accounts(people: People, seen: Seen) -> Iterator[str]:
    wanted, standard = people.directory, not people.pair.workspace.databricks
    owners = {target: identity for identity, target in seen.links.items()}
    for target, account in seen.accounts.items():
        owner = owners.get(target)
        if owner is None:
            yield f"account {account['userName']} ({target}, active {account.get('active')}) is nobody's"
        elif account.get("active") and not (owner in wanted.people and wanted.inside(owner)):
            yield f"{account['userName']} is active, and {owner} is not in scope"
    for identity in filter(wanted.inside, wanted.people):
        person, account = wanted.people[identity], seen.accounts.get(seen.links.get(identity, ""))
        if account is None:
            yield f"{person.upn} ({identity}) is in scope and has no account"
            continue
        # In a Databricks workspace an account keeps the user name and the mail of its first day.
        if account["userName"] not in ({person.upn} if standard else people.names[identity]):
            yield f"{person.upn}'s account ({identity}) is called {account['userName']}"
        says = {"displayName": account.get("displayName"), "active": account.get("active")}
        should = {"displayName": person.display, "active": True}
        if standard:
            says["emails"] = [item["value"] for item in account.get("emails") or ()]
            says["manager"] = (account.get(ENTERPRISE) or {}).get("manager", {}).get("value")
            should["emails"] = [person.mail]
            should["manager"] = seen.links.get(person.manager) if person.manager else None
        if says != should:
            yield f"{person.upn}'s account ({identity}) says {says} instead of {should}"


def _teams(wanted: Directory, seen: Seen) -> Iterator[str]:
    by_name = {team["displayName"]: team for team in seen.teams.values()}
    assigned = {team.name: (identity, team) for identity, team in wanted.teams.items() if team.assigned}
    for name in by_name.keys() - assigned.keys():
        yield f"the group {name} is there and not assigned"
    for name, (identity, team) in assigned.items():
        found = by_name.get(name)
        if found is None:
            yield f"the group {name} ({identity}) is assigned and not there"
            continue
        if seen.links.get(identity) != found["id"]:
            yield f"the group {name} is {found['id']}, and the ledger says {seen.links.get(identity)}"
        living = [one for one in team.members if not wanted.people[one].recycled]
        should = {seen.links[one] for one in living if one in seen.links}
        if members(found) != should:
            missing, extra = (
                sorted(str((seen.accounts.get(one) or {}).get("userName", one)) for one in some)
                for some in (should - members(found), members(found) - should)
            )
            yield f"in the group {name} ({identity}) are missing {missing} and too many {extra}"
