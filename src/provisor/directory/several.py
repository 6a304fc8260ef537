"""Several people at once: enabled, disabled, deleted into the recycle bin or restored, all of them or nobody.

Who is that way already is left as they are, so that a second click changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from provisor.directory import users
from provisor.directory.edit import QUERIES, Edit
from provisor.directory.users import User
from provisor.refusal import Conflict, NotFound

#: What somebody is made, and the word for having been.
STATES: Final[Mapping[str, str]] = {
    "enable": "enabled",
    "disable": "disabled",
    "delete": "deleted",
    "restore": "restored",
}
_MADE: Final[Mapping[str, Callable[[User], User]]] = {
    "enable": lambda user: replace(user, enabled=True),
    "disable": lambda user: replace(user, enabled=False),
    "delete": lambda user: replace(user, deleted=user.deleted or datetime.now(UTC)),
    "restore": lambda user: replace(user, deleted=None),
}


async def set_state(work: Edit, ids: Collection[UUID], state: str) -> int:
    """Make everybody of ``ids`` what ``state`` (a key of :data:`STATES`) says; returns how many were not so before.

    Whoever is in the recycle bin is restored before anything else: enabling or disabling passes them over. Raises
    NotFound for somebody who is not there, Conflict when a name is taken.
    """
    work.require("directory.write")
    found = [users.from_row(row) for row in await work.tx.fetch(QUERIES.users_lock, work.tenant.id, list(ids))]
    if missing := set(ids) - {user.id for user in found}:
        raise NotFound(f"There is no user {min(map(str, missing))} any more: load the page again.")
    before = {user.id: user for user in found if state in ("delete", "restore") or not user.recycled}
    after = [_MADE[state](user) for user in before.values()]
    if state == "restore":
        await _free_names(work, before.values())
    return await users.save(work, before, after)


async def _free_names(work: Edit, people: Collection[User]) -> None:
    back = {user.id for user in people if user.recycled}
    names = [user.upn.casefold() for user in people if user.recycled]
    taken = await work.tx.fetch(QUERIES.users_by_key, work.tenant.id, names)
    living = next((row["upn"] for row in taken if row["deleted"] is None and row["id"] not in back), None)
    twice = next((name for name in names if names.count(name) > 1), None)
    if living:
        raise Conflict(f"Another user is called {living} now: rename that one first.")
    if twice:
        raise Conflict(f"Two of these users are called {twice}: restore one of them.")
