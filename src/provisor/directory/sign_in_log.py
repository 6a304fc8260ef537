"""The sign-in log: who signed in to what, from where, with what, and what decided. Names of nobody's are not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from provisor.directory.admission import Resource
from provisor.directory.edit import Tenant
from provisor.directory.users import User
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("sign_in")
SUCCESS: Final = "success"
FAILURE: Final = "failure"
#: Not refused, but asked for more: a second factor, a fresh sign-in.
INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True, slots=True)
class Attempt:
    """``user`` is None for a name that is nobody's: what was typed is left out, for people type passwords there.

    ``reason`` is a sentence, empty for a success; ``policies`` are those of a Verdict.
    """

    user: User | None
    resource: Resource
    address: str
    methods: frozenset[str]
    outcome: str
    reason: str = ""
    policies: tuple[Mapping[str, Any], ...] = ()


async def record(tx: Tx, tenant: Tenant, attempt: Attempt) -> None:
    """Write a row."""
    await tx.execute(
        QUERIES.sign_in_record,
        tenant.id,
        attempt.user.id if attempt.user else None,
        attempt.user.upn if attempt.user else "",
        attempt.resource.id,
        attempt.resource.name,
        attempt.address,
        sorted(attempt.methods),
        attempt.outcome,
        attempt.reason,
        [dict(policy) for policy in attempt.policies],
    )
