"""Who asks, for an API that takes the access tokens of clients: ``Authorization: Bearer …`` and nothing else."""

from __future__ import annotations

import contextlib
from uuid import UUID

from provisor.access.actors import Actor
from provisor.directory import clients
from provisor.directory.edit import Tenant
from provisor.refusal import Unauthenticated
from provisor.storage.pool import AWAY, Database


async def caller(database: Database, base: str, authorization: str | None) -> tuple[Tenant, Actor]:
    """The tenant and the client of a request. ``base`` is the server's address as clients know it, ending in no slash.

    Raises Unauthenticated with the reason. The token, its key and its client are read together, in one statement.
    """
    scheme, _, value = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise Unauthenticated("There is no access token: send Authorization: Bearer with one.")
    async with database.reading() as tx:
        arrival = await clients.arrive(tx, base, value.strip())
    if arrival.stale:
        # What was asked is to be done: failing to note this is no reason to say otherwise.
        with contextlib.suppress(*AWAY):
            await clients.used(database, arrival.tenant, UUID(arrival.actor.id))
    return arrival.tenant, arrival.actor
