"""Users and groups of the directory by the names that commands are given."""

from __future__ import annotations

from uuid import UUID

from provisor.cli.session import Desk


async def identity_of(desk: Desk, object_type: str, name: str) -> UUID:
    """The id of a user or group. Raises NotFound."""
    from provisor.directory import groups, users

    async with desk.house.database.reading() as tx:
        if object_type == "User":
            return (await users.find(tx, desk.tenant, name)).id
        return (await groups.find(tx, desk.tenant, name)).id
