"""What must hold: of every write when it arrives, and of everything in the end.

The directory is right by definition. Of the target it is known which accounts are nobody's business, which were there
before the people whom they match, and what its own administrators deleted: that is reported and not made again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisor.provisioning.change import Known
from simulation.directory import Directory
from simulation.scenario import EXTERNAL
from simulation.target import Item, Service


class Violation(AssertionError):
    """An invariant does not hold; the message says which."""


@dataclass(slots=True)
class Facts:
    """``since``: person → whether they are entitled, and since when (seconds). Target ids: ``foreign`` accounts are
    nobody's, with what they say; ``adoptable`` were there before the person (source id) whom they match. ``deleted``
    are source ids whose account or group an administrator of the target deleted; ``led`` accounts (target ids) were
    given a manager (target id) by one."""

    directory: Directory
    service: Service
    since: dict[str, tuple[bool, float]] = field(default_factory=dict)
    foreign: dict[str, dict[str, Any]] = field(default_factory=dict)
    adoptable: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    led: dict[str, str] = field(default_factory=dict)

    def entitle(self, now: float) -> None:
        """Remember since when everybody has been entitled or not."""
        for identity in self.since.keys() | self.directory.people.keys():
            entitled = self.directory.entitled(identity)
            if identity not in self.since or self.since[identity][0] != entitled:
                self.since[identity] = (entitled, now)

    def watch(self, method: str, item: Item | None, after: Mapping[str, Any], began: float | None, now: float) -> None:
        """A write reaches ``item`` (None: makes one); ``began`` is when the oldest cycle began that may have
        sent it (None: that counts no more)."""
        if item is not None and item.id in self.foreign:
            raise Violation(f"{method} touches an account that is nobody's business: {item.body}")
        owner = (item.owner if item else None) or after.get(EXTERNAL)
        if owner not in self.since or began is None:
            return
        entitled, since = self.since[owner]
        if since >= began:
            return
        shuts = method == "DELETE" or after.get("active") is False
        if entitled and shuts and (item is None or item.active):
            raise Violation(f"{owner} has been entitled since {since:.2f} and is shut out at {now:.2f}")
        if not entitled and not shuts and after.get("active") is True and item is not None and not item.active:
            raise Violation(f"{owner} has not been entitled since {since:.2f} and is let in at {now:.2f}")

    def check(self, known: Mapping[str, Known] | None, linked: Collection[str]) -> None:
        """Everything. ``known`` is what the ledger knows of the deleted; None where nobody can have noticed.
        ``linked`` are target ids of accounts that were there before and were found to be somebody's."""
        accounts: dict[str, list[Item]] = {}
        for account in self.service.accounts():
            if account.owner in self.since:
                accounts.setdefault(str(account.owner), []).append(account)
        for identity in self.since:
            self._check_person(identity, accounts.get(identity, []))
        mine = {identity: found[0] for identity, found in accounts.items()}
        for target_id, identity in self.adoptable.items():
            old = self.service.items.get(target_id)
            if old is not None and old.owner is None and target_id in linked:
                # Merged, and its owner left before it was ever given its externalId.
                mine.setdefault(identity, old)
        for identity, account in mine.items():
            self._check_manager(identity, account, mine, compared=known is not None)
        self._check_groups(mine)
        self._check_lost(set(mine), known or {})
        for identity, body in self.foreign.items():
            if self.service.items[identity].body != body:
                raise Violation(
                    f"an account that is nobody's business was changed: {self.service.items[identity].body}"
                )

    def _check_lost(self, have: set[str], known: Mapping[str, Known]) -> None:
        """Whoever lost an account by the target's own people is known to have none."""
        for identity, item in known.items():
            if item.linked and identity not in have and self.directory.entitled(identity):
                raise Violation(f"{identity} has no account any more, and nobody is told")

    def _check_person(self, identity: str, found: list[Item]) -> None:
        person = self.directory.people.get(identity)
        who = f"{person.upn if person else identity} ({identity})"
        if len(found) > 1:
            raise Violation(f"{who} has several accounts: {[item.id for item in found]}")
        if not self.directory.entitled(identity):
            if any(item.active for item in found):
                raise Violation(f"{who} left and is still active: {found[0].body}")
            return
        assert person is not None
        if not found:
            if not self._excused(person.id, person.upn):
                raise Violation(f"{who} is entitled and has no account")
            return
        body = found[0].body
        wanted = {"displayName": person.display, "active": True, "title": person.department}
        for name, value in wanted.items():
            if body.get(name) != value:
                raise Violation(f"{who}: {name} is {body.get(name)!r} instead of {value!r}")
        if body["userName"] != person.upn and not self._taken(person.upn):
            raise Violation(f"{who}: userName is {body['userName']!r}")

    def _check_manager(self, identity: str, account: Item, accounts: Mapping[str, Item], *, compared: bool) -> None:
        """The directory's manager, as long as they have an account; what was set by hand where it never had one."""
        person = self.directory.people.get(identity)
        if person is None or not self.directory.entitled(identity) or person.manager in self.deleted:
            return
        by_hand, manager = self.led.get(account.id), accounts.get(person.manager or "")
        allowed = {manager.id if manager is not None else None}
        if not person.managed:
            allowed = {by_hand}
        elif by_hand is not None and (manager is None or not compared):
            # It was set after the directory's was cleared, or before: then it was cleared, too.
            allowed.add(by_hand)
        if account.manager not in allowed:
            raise Violation(f"{person.upn} has manager {account.manager} instead of {sorted(map(str, allowed))}")

    def _excused(self, identity: str, name: str) -> bool:
        return identity in self.deleted or self._taken(name)

    def _taken(self, name: str) -> bool:
        return any(
            item.body["userName"].casefold() == name.casefold() and item.id in self.foreign
            for item in self.service.accounts()
        )

    def _check_groups(self, accounts: Mapping[str, Item]) -> None:
        groups: dict[str, list[Item]] = {}
        for group in self.service.groups():
            groups.setdefault(str(group.owner), []).append(group)
        for team in self.directory.teams.values():
            found = groups.pop(team.id, [])
            if not team.assigned:
                if found:
                    raise Violation(f"{team.name} is not assigned any more and is still there")
                continue
            if len(found) != 1:
                if team.id not in self.deleted:
                    raise Violation(f"{team.name} is there {len(found)} times")
                continue
            wanted = {
                accounts[member].id
                for member in team.members
                if member in accounts and not self.directory.people[member].recycled
            }
            if found[0].members != wanted:
                raise Violation(f"{team.name} has members {sorted(found[0].members)} instead of {sorted(wanted)}")
            if found[0].body["displayName"] != team.name:
                raise Violation(f"{team.name} is called {found[0].body['displayName']}")
        left = [group for owner, found in groups.items() for group in found if owner not in self.deleted]
        if left:
            raise Violation(f"a group is left that the directory does not have: {left[0].body}")
