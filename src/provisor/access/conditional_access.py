"""Conditional access: which policies apply to a sign-in, what they ask for, and why the others do not apply.

Values in, a value out: no I/O, no clock. A policy applies when who, what and where all match; a side that excludes wins
over one that includes. All enabled policies that apply must be met. Of what is not met the sign-in is told the first
of: blocked, sign in afresh, a passkey, a second factor, so that what comes last is not lost by what comes before it.
Report-only policies are judged like the others and decide nothing.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from provisor.refusal import Invalid

ALL: Final = "All"
NONE: Final = "None"
ALL_TRUSTED: Final = "AllTrusted"
#: The id of the portal among applications.
PORTAL: Final = "portal"
#: Seconds after which a policy that asks for a sign-in every time asks again: enough to get to the next page.
EVERY_TIME: Final = 300.0

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Grant = Literal["block", "mfa", "passkey"]
Unit = Literal["hours", "days"]
#: What a sign-in lacks, empty for nothing; the first of these is what happens.
Demand = Literal["block", "fresh", "passkey", "mfa", ""]
DEMANDS: Final[tuple[Demand, ...]] = ("block", "fresh", "passkey", "mfa")
#: How a policy fares: ``interrupted`` can still be met, ``failure`` cannot.
Result = Literal["success", "interrupted", "failure", "notApplied", "notEnabled"]
_SECONDS: Final[Mapping[Unit, float]] = {"hours": 3600.0, "days": 86400.0}


class State(StrEnum):
    """Graph's words for on, off and report-only."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    REPORT_ONLY = "enabledForReportingButNotEnforced"


@dataclass(frozen=True, slots=True)
class Selection:
    """Ids, or a word like All; what is excluded wins."""

    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often to sign in; a ``value`` of 0 is every time."""

    value: int = 0
    unit: Unit = "hours"

    @property
    def seconds(self) -> float:
        return self.value * _SECONDS[self.unit] if self.value else EVERY_TIME


@dataclass(frozen=True, slots=True)
class Policy:
    """``roles`` are names; ``locations`` None: from anywhere."""

    id: str
    name: str
    state: State
    users: Selection = Selection()
    groups: Selection = Selection()
    roles: Selection = Selection()
    applications: Selection = Selection()
    locations: Selection | None = None
    grant: Grant | None = None
    frequency: Frequency | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """A named location: address ranges."""

    id: str
    name: str
    trusted: bool
    networks: tuple[Network, ...]
    #: By IP version: where each range begins and ends, in order and apart from each other.
    _spans: Mapping[int, tuple[tuple[int, ...], tuple[int, ...]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_spans", {version: _spans(self.networks, version) for version in (4, 6)})

    def __contains__(self, address: Address) -> bool:
        begins, ends = self._spans[address.version]
        place = bisect_right(begins, int(address)) - 1
        return place >= 0 and int(address) <= ends[place]

    def edges(self) -> Iterable[Address]:
        """The first address of each range and the first one after it: between two of these nothing changes."""
        for version, kind in ((4, ipaddress.IPv4Address), (6, ipaddress.IPv6Address)):
            begins, ends = self._spans[version]
            last = 2**32 - 1 if version == 4 else 2**128 - 1
            yield from (kind(number) for number in begins)
            yield from (kind(number + 1) for number in ends if number < last)


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody: all groups that they are in, also by way of others, and the names of their roles."""

    user: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is decided about: ``resources`` are the ids that the one thing they want has, ``address`` is None when it is
    not known; with ``mfa`` they have shown two factors, ``age`` seconds ago they signed in.

    ``within``: they are in already, and it is asked whether they may stay. What asks for a sign-in every time asks when
    somebody comes in.
    """

    who: Who
    resources: frozenset[str]
    address: Address | None
    mfa: bool = False
    passkey: bool = False
    age: float = 0.0
    within: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """How a policy fares. ``why`` names the first condition that does not match, or what is asked for."""

    policy: Policy
    result: Result
    demand: Demand
    why: str

    @property
    def applies(self) -> bool:
        return self.result not in ("notApplied", "notEnabled")

    @property
    def report_only(self) -> bool:
        return self.policy.state is State.REPORT_ONLY


@dataclass(frozen=True, slots=True)
class Decision:
    """``demand``: what is lacking, and the policy that says so (``by``); empty and None when nothing is."""

    demand: Demand
    by: Policy | None
    judged: tuple[Judged, ...]


def decide(policies: Iterable[Policy], locations: Collection[Location], asked: SignIn) -> Decision:
    """What becomes of a sign-in."""
    places = where(locations, asked.address)
    judged = tuple(judge(item, places, asked) for item in sorted(policies, key=_order))
    for demand in DEMANDS:
        for item in judged:
            if item.demand == demand and item.policy.state is State.ENABLED:
                return Decision(demand, item.policy, judged)
    return Decision("", None, judged)


def judge(policy: Policy, places: Collection[str], asked: SignIn) -> Judged:
    """One policy; ``places`` is what :func:`where` says."""
    if policy.state is State.DISABLED:
        return Judged(policy, "notEnabled", "", "it is off")
    for condition in (
        _who(policy, asked.who),
        _among(policy.applications, asked.resources, "application"),
        _among(policy.locations, places, "location") if policy.locations else "",
    ):
        if condition:
            return Judged(policy, "notApplied", "", condition)
    demand = _lacking(policy, asked)
    result: Result = "failure" if demand == "block" else "interrupted" if demand else "success"
    return Judged(policy, result, demand, _asks(policy))


def concerns(policy: Policy, who: Who) -> bool:
    """Whether a policy that is not off is about somebody, whatever they want and wherever they are."""
    return policy.state is not State.DISABLED and not _who(policy, who)


def shut_out(policies: Iterable[Policy], locations: Collection[Location], who: Who, resource: str) -> bool:
    """Whether enabled policies keep somebody from a resource wherever they are."""
    blocking = [
        item
        for item in policies
        if item.state is State.ENABLED
        and item.grant == "block"
        and not _who(item, who)
        and not _among(item.applications, {resource}, "application")
    ]
    if not blocking:
        return False
    if any(item.locations is None for item in blocking):
        return True
    told = {name for item in blocking if item.locations for name in item.locations.include | item.locations.exclude}
    named = [item for item in locations if item.id in told or ALL_TRUSTED in told]
    # Before the first range and between any two of these nothing changes: they stand for all addresses.
    samples: list[Address] = [ipaddress.IPv4Address(0), ipaddress.IPv6Address(0)]
    samples += [address for item in named for address in item.edges()]
    return all(
        any(not _among(item.locations, where(named, address), "location") for item in blocking if item.locations)
        for address in dict.fromkeys(samples)
    )


def where(locations: Iterable[Location], address: Address | None) -> frozenset[str]:
    """The ids of the named locations that an address is in, with AllTrusted when one of them is trusted."""
    if address is None:
        return frozenset()
    found = [item for item in locations if address in item]
    trusted = {ALL_TRUSTED} if any(item.trusted for item in found) else set()
    return frozenset(item.id for item in found) | trusted


def address(text: str) -> Address | None:
    """The address that a text says; an IPv4 address in IPv6's clothes is that IPv4 address. None when it says none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def network(text: str, place: str) -> Network:
    """The range that a text says; an address alone is a range of one. Raises Invalid, naming the ``place``."""
    try:
        found: Network = ipaddress.ip_network(text.strip())
    except ValueError:
        raise Invalid(f"{place} {text[:60]!r} is no address range: {_mended(text)}.") from None
    if found.version == 6 and found.prefixlen >= 96 and (inner := found.network_address.ipv4_mapped) is not None:
        found = ipaddress.IPv4Network((inner, found.prefixlen - 96))
    if found.prefixlen == 0:
        raise Invalid(f"{place} {text[:60]!r} is every address there is: a location is a part of them.")
    return found


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _who(policy: Policy, who: Who) -> str:
    """Why a policy is not about somebody; empty when it is."""
    if who.user in policy.users.exclude:
        return "users: this user is excluded"
    if who.groups & policy.groups.exclude:
        return "users: a group of theirs is excluded"
    if who.roles & policy.roles.exclude:
        return "users: a role of theirs is excluded"
    included = ALL in policy.users.include or who.user in policy.users.include
    if included or who.groups & policy.groups.include or who.roles & policy.roles.include:
        return ""
    return "users: neither this user nor a group or role of theirs is included"


def _among(chosen: Selection, found: Collection[str], what: str) -> str:
    if not chosen.exclude.isdisjoint(found):
        return f"{what}s: this {what} is excluded"
    if ALL in chosen.include or not chosen.include.isdisjoint(found):
        return ""
    return f"{what}s: this {what} is not included"


def _lacking(policy: Policy, asked: SignIn) -> Demand:
    if policy.grant == "block":
        return "block"
    frequency = policy.frequency
    if frequency is not None and asked.age > frequency.seconds and (frequency.value or not asked.within):
        return "fresh"
    if policy.grant == "passkey" and not asked.passkey:
        return "passkey"
    if policy.grant == "mfa" and not (asked.mfa or asked.passkey):
        return "mfa"
    return ""


def _asks(policy: Policy) -> str:
    asks = []
    if policy.grant:
        asks.append({"block": "blocks", "mfa": "asks for two factors", "passkey": "asks for a passkey"}[policy.grant])
    if policy.frequency is not None:
        asks.append(f"asks to sign in {often(policy.frequency)}")
    return ", ".join(asks)


def often(frequency: Frequency) -> str:
    """``every 4 hours``, ``every day``, ``every time``."""
    if not frequency.value:
        return "every time"
    if frequency.value == 1:
        return f"every {frequency.unit.removesuffix('s')}"
    return f"every {frequency.value} {frequency.unit}"


def _order(policy: Policy) -> tuple[str, str]:
    return policy.name.casefold(), policy.id


def _spans(networks: Iterable[Network], version: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    apart = sorted(ipaddress.collapse_addresses(item for item in networks if item.version == version))  # type: ignore[type-var]
    return (
        tuple(int(item.network_address) for item in apart),
        tuple(int(item.broadcast_address) for item in apart),
    )


def _mended(text: str) -> str:
    """What might have been meant."""
    try:
        meant = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return "write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7"
    return f"{meant} is the range that this address is in"
