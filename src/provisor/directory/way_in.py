"""Whether conditional access leaves a way into the portal: some Global Administrator, from somewhere.

Two kinds of change can take the last one away: one of the policies or named locations, and the loss of the
administrator whom a policy excludes. Both are refused when somebody could get in before and nobody could after. What
a policy asks for besides (a second factor, a passkey, a fresh sign-in) is no lock: whoever has no factor yet adds one
while they sign in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from provisor.access.conditional_access import PORTAL, Location, Policy, Who, shut_out
from provisor.access.policy_documents import location, policy
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("conditional_access")
NOBODY: Final = "no Global Administrator could sign in to the portal any more, from anywhere"


@dataclass(frozen=True, slots=True)
class Rules:
    policies: Sequence[Policy]
    locations: Sequence[Location]

    def keep_out(self, people: Sequence[Who]) -> bool:
        """Whether there is somebody, and nobody gets into the portal."""
        return bool(people) and all(shut_out(self.policies, self.locations, who, PORTAL) for who in people)


async def rules(tx: Tx, tenant: UUID) -> Rules:
    """What is decided by now."""
    policies = [policy(row["doc"], str(row["id"])) for row in await tx.fetch(QUERIES.policies, tenant)]
    locations = [location(row["doc"], str(row["id"])) for row in await tx.fetch(QUERIES.locations, tenant)]
    return Rules(policies, locations)


async def administrators(tx: Tx, tenant: UUID) -> list[Who]:
    """The Global Administrators that a way in is for: those with a password, or all when none has one."""
    found = [row for row in await tx.fetch(QUERIES.people, tenant) if row["administrator"]]
    return [somebody(row) for row in [row for row in found if row["password"]] or found]


async def open_to(tx: Tx, tenant: UUID) -> bool:
    """Whether some administrator can get in."""
    decided = await rules(tx, tenant)
    return not (decided.policies and decided.keep_out(await administrators(tx, tenant)))


def somebody(row: Row) -> Who:
    """Whoever a row of the statement ``people`` is about."""
    return Who(str(row["id"]), frozenset(row["groups"]), frozenset(row["roles"]))
