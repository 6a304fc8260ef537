"""What the target says about the objects of one plan: by listing it, or by asking for each, whichever is cheaper.

A list answers every question of a cycle at the price of one request for each page, and gives an initial cycle the
accounts to compare with; a question costs one request. A list is used only when it was read completely: the total
stood still and no account came twice. Otherwise everybody is asked for by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import uuid4

from provisor.connectors.base import Page, Resource, Target, TargetError
from provisor.provisioning.capabilities import PAGE
from provisor.provisioning.match import Question
from provisor.provisioning.schema import ObjectRules, Rules
from provisor.scim.resource import value_at
from provisor.scim.wires import Wire

#: How often a list that moved while it was read is read again.
ATTEMPTS = 3
#: So many questions are asked without a thought of a list.
_FEW: Final = 2
#: What every account shows to whoever may read it.
_ALWAYS: Final = frozenset({"active", "emails", "meta"})


async def probe(target: Target, rules: Rules, wire: Wire) -> None:
    """Ask for somebody whom nobody is: proves address, token and rights. As Entra ID does it, for a group as well.
    Raises TargetError."""
    anybody, users, groups = str(uuid4()), rules.users.matching, rules.groups
    await target.probe("User", users[0].target.name if users else "userName", anybody)
    if not wire.lists and groups.enabled and groups.matching:
        await target.probe("Group", groups.matching[0].target.name, anybody)


async def owner(target: Target, listed: Mapping[str, Resource] | None = None) -> Resource | None:
    """The token's owner; None when the target does not tell. Raises TargetError when they see parts of accounts only.

    What somebody without rights is not shown looks like something that the account does not have, and everybody would
    be changed. Such a target answers with less of an account than /Me shows its owner of their own. ``listed`` are all
    accounts, where they were read.
    """
    me = await target.me()
    if me is None:
        return None
    try:
        identity = str(me["id"])
        known = listed.get(identity) if listed is not None else None
        shown = known if known is not None else await target.get("User", identity)
    except TargetError as error:
        if error.hopeless:
            raise
        return me
    if shown is not None and _ALWAYS & (me.keys() - shown.keys()):
        name = me.get("userName") or me["id"]
        raise TargetError(f"its owner, {name}, is not shown whole accounts and so is no admin there", status=403)
    return me


class Answers:
    """The target's answers for one object type in one cycle."""

    def __init__(self, target: Target, rules: ObjectRules, listed: Mapping[str, Resource] | None) -> None:
        self._target = target
        self._type = rules.object_type
        self._listed = listed
        self._index: dict[tuple[str, str], list[Resource]] = {}
        if listed is not None:
            for rule in rules.matching:
                for resource in listed.values():
                    for value in _values(resource, rule.target.name):
                        self._index.setdefault((rule.target.name, value.casefold()), []).append(resource)

    @property
    def listed(self) -> Mapping[str, Resource] | None:
        """Everybody by id, when the target was listed."""
        return self._listed

    async def find(self, questions: Sequence[Question]) -> dict[Question, list[Resource]]:
        """An answer to each question, up to the first that finds somebody."""
        answers: dict[Question, list[Resource]] = {}
        for question in questions:
            found = await self._ask(question)
            if question.case_exact:
                found = [item for item in found if question.value in _values(item, question.path)]
            answers[question] = found
            if found:
                break
        return answers

    async def get(self, target_id: str) -> Resource | None:
        """The account with this id; None only when the target, asked for it, says that it is not there."""
        if self._listed is not None and target_id in self._listed:
            return self._listed[target_id]
        return await self._target.get(self._type, target_id)

    async def _ask(self, question: Question) -> list[Resource]:
        if self._listed is None:
            return await self._target.find(self._type, question.path, question.value)
        if question.path == "id":
            found = self._listed.get(question.value)
            return [found] if found is not None else []
        return self._index.get((question.path, question.value.casefold()), [])


class Listing:
    """A list of all accounts or groups of a target, as far as it is worth its requests."""

    def __init__(self, target: Target, object_type: str) -> None:
        self._target = target
        self._type = object_type
        self._first: Page | None = None

    async def pays(self, asking: int) -> bool:
        """Whether so many questions cost more requests than the list; with more than two its first page is asked for,
        which says how long it is."""
        if asking <= _FEW:
            return False
        if self._first is None:
            self._first = await self._target.page(self._type, 1, PAGE)
        return _pages(self._first) <= asking

    async def read(self, asking: int) -> dict[str, Resource] | None:
        """Everybody by id; None when it does not pay, or the list moves all the time."""
        for _ in range(ATTEMPTS):
            if not await self.pays(asking) or self._first is None:
                return None
            first, self._first = self._first, None
            if _pages(first) > 1:
                # It was asked for to know how long the list is; who moved since would be missing.
                first = await self._target.page(self._type, 1, PAGE)
            found = {str(item["id"]): item for item in first.resources}
            read, total = len(first.resources), first.total
            while read < total:
                page = await self._target.page(self._type, read + 1, PAGE)
                if page.total != total or not page.resources:
                    break
                read += len(page.resources)
                found.update((str(item["id"]), item) for item in page.resources)
            if read == total and len(found) == total:
                return found
        return None


def _pages(first: Page) -> int:
    return -(-first.total // len(first.resources)) if first.resources else 1


def _values(resource: Resource, path: str) -> list[str]:
    value = value_at(resource, path)
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
