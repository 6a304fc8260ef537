"""Admission: may this person go on to this resource, now, from here, with what they have proved?

It is asked wherever a tenant lets somebody in: by the portal at sign-in, and by the OpenID provider for each
application and workspace. The tenant's conditional access policies decide (``access.conditional_access``); all that
they need is read with one statement. The answer is a value; whoever asked acts on it, and writes it into the sign-in
log. ``what_if`` asks the same of a sign-in that nobody makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from provisor.access import conditional_access
from provisor.access.conditional_access import Decision, Judged, SignIn, Who, decide
from provisor.access.policy_documents import location, policy
from provisor.directory.edit import Tenant
from provisor.directory.users import User
from provisor.refusal import Invalid
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("conditional_access")

PASSWORD: Final = "password"
TOTP: Final = "totp"
PASSKEY: Final = "passkey"
RECOVERY_CODE: Final = "recovery-code"
LINK: Final = "link"
EXTERNAL: Final = "external"
METHODS: Final = (PASSWORD, TOTP, PASSKEY, RECOVERY_CODE, LINK, EXTERNAL)
_SECOND: Final = {TOTP, RECOVERY_CODE}
#: The address of whoever comes over a line that has none; it is in no named location.
UNKNOWN: Final = "unknown"


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


PORTAL: Final = Resource(conditional_access.PORTAL, "Provisor portal")


@dataclass(frozen=True, slots=True)
class Evidence:
    """With which ``methods`` somebody has proved who they are, ``age`` seconds ago, and their ``address``.

    ``within``: they are in already, and it is asked whether they may stay.
    """

    methods: frozenset[str]
    age: float
    address: str
    within: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """``sentence`` says why, for whoever is refused; ``policies`` are rows for the sign-in log.

    A row is a policy that applied or, being report-only, would have: its ``id``, ``name``, ``result``, ``report_only``.
    """

    outcome: Outcome
    sentence: str = ""
    policies: tuple[Mapping[str, Any], ...] = ()


#: Nobody asks for anything.
GRANTED: Final = Verdict(Outcome.GRANTED)


def two_factors(methods: frozenset[str]) -> bool:
    """Whether these are two factors: a passkey is both by itself."""
    return PASSKEY in methods or bool(methods & _SECOND and methods - _SECOND)


def evidence(methods: Iterable[str], age: float, address: str) -> Evidence:
    """Evidence in words, for a sign-in that nobody makes. Raises Invalid for what is no method, or no address."""
    found = frozenset(word.strip().casefold() for word in methods if word.strip())
    strange = sorted(found - set(METHODS))
    if strange or not found:
        raise Invalid(f"{strange[0] if strange else 'Nothing'} is no way to sign in: {', '.join(METHODS)}.")
    if address != UNKNOWN and conditional_access.address(address) is None:
        raise Invalid(f"{address[:60]!r} is no address: write it like 192.0.2.7 or 2001:db8::7, or {UNKNOWN}.")
    return Evidence(found, age, address)


async def admit(tx: Tx, tenant: Tenant, user: User, resource: Resource, evidence: Evidence) -> Verdict:
    """Whether ``user`` may go on to ``resource``. A tenant without policies is asked one cheap question."""
    row = await tx.fetchrow(QUERIES.admission, tenant.id, user.id, resource.id, False)
    if row is None:
        return GRANTED
    return _verdict(_decided(row, user, resource, evidence), tenant, resource, evidence.address)


async def what_if(
    tx: Tx, tenant: Tenant, user: User, resource: Resource, evidence: Evidence
) -> tuple[Verdict, tuple[Judged, ...]]:
    """What :func:`admit` would say, and how every policy would fare, those that are off too."""
    row = await tx.fetchrow(QUERIES.admission, tenant.id, user.id, resource.id, True)
    if row is None:
        return GRANTED, ()
    decision = _decided(row, user, resource, evidence)
    return _verdict(decision, tenant, resource, evidence.address), decision.judged


_OUTCOMES: Final = {
    "": Outcome.GRANTED,
    "block": Outcome.BLOCKED,
    "fresh": Outcome.FRESH,
    "passkey": Outcome.PASSKEY,
    "mfa": Outcome.FACTOR,
}


def _decided(row: Row, user: User, resource: Resource, evidence: Evidence) -> Decision:
    return decide(
        [policy(document, document["id"]) for document in row["policies"]],
        [location(document, document["id"]) for document in row["locations"]],
        SignIn(
            Who(str(user.id), frozenset(row["groups"]), frozenset(row["roles"])),
            frozenset({resource.id, *row["aliases"]}),
            conditional_access.address(evidence.address),
            mfa=two_factors(evidence.methods),
            passkey=PASSKEY in evidence.methods,
            age=evidence.age,
            within=evidence.within,
        ),
    )


def _verdict(decision: Decision, tenant: Tenant, resource: Resource, address: str) -> Verdict:
    rows = tuple(
        {
            "id": item.policy.id,
            "name": item.policy.name,
            "result": item.result,
            "report_only": item.report_only,
            "asks": item.why,
        }
        for item in decision.judged
        if item.applies
    )
    sentence = ""
    if decision.by is not None:
        named = f"The conditional access policy {decision.by.name}"
        frequency = decision.by.frequency
        place = f" from here ({address})" if decision.by.locations else ""
        sentence = {
            "block": f"{named} does not let you in to {resource.name}{place}. Ask whoever administers conditional "
            f"access in {tenant.domain}.",
            "fresh": f"{named} asks you to sign in {conditional_access.often(frequency) if frequency else 'again'}.",
            "passkey": f"{named} asks for a passkey.",
            "mfa": f"{named} asks for a second factor.",
        }[decision.demand]
    return Verdict(_OUTCOMES[decision.demand], sentence, rows)
