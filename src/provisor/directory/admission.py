"""Admission: may this person go on to this resource, now, from here, with what they have proved?

It is asked wherever a tenant lets somebody in: by the portal at sign-in, and by the OpenID provider for each
application and workspace. The answer is a value; whoever asked acts on it, and writes it into the sign-in log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from provisor.directory.edit import Tenant
from provisor.directory.users import User
from provisor.storage.pool import Tx

PASSWORD: Final = "password"
TOTP: Final = "totp"
PASSKEY: Final = "passkey"
RECOVERY_CODE: Final = "recovery-code"
LINK: Final = "link"
EXTERNAL: Final = "external"
_SECOND: Final = {TOTP, RECOVERY_CODE}


class Outcome(StrEnum):
    """What is to happen: go on, be refused, show a second factor, show a passkey, or sign in afresh."""

    GRANTED = "granted"
    BLOCKED = "blocked"
    FACTOR = "factor"
    PASSKEY = "passkey"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Resource:
    """What somebody wants to get to: the ``id`` is an application's, a relying party's, or ``portal``."""

    id: str
    name: str


PORTAL: Final = Resource("portal", "Provisor portal")


@dataclass(frozen=True, slots=True)
class Evidence:
    """With which ``methods`` somebody has proved who they are, ``age`` seconds ago, and their ``address``."""

    methods: frozenset[str]
    age: float
    address: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``sentence`` says why, for whoever is refused; ``policies`` are rows for the sign-in log.

    A row is a policy that applied or, being report-only, would have: its ``id``, ``name``, ``result``, ``report_only``.
    """

    outcome: Outcome
    sentence: str = ""
    policies: tuple[Mapping[str, Any], ...] = ()


def two_factors(methods: frozenset[str]) -> bool:
    """Whether these are two factors: a passkey is both by itself."""
    return PASSKEY in methods or bool(methods & _SECOND and methods - _SECOND)


async def admit(tx: Tx, tenant: Tenant, user: User, resource: Resource, evidence: Evidence) -> Verdict:
    """Whether ``user`` may go on to ``resource``."""
    return Verdict(Outcome.GRANTED)
