"""``addPassword`` and ``removePassword``: secrets that are made and ended over Graph.

What they are secrets *of* follows from what has an id at the tenant's token endpoint. An application's ``appId`` is
the client id of a relying party, so its secrets are those with which it learns who somebody is
(:mod:`provisor.directory.relying_parties`); they bring no token of the application's own, because an application has no
directory role to act with. A client's secrets are those with which it signs in as itself
(:mod:`provisor.directory.clients`). In Graph the two sides of an application have secrets each, which all count for the
one ``appId``; here there is one set of them, seen from both sides. What the command line made is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from provisor.api.graph import enterprise
from provisor.api.graph.call import DONE, Answer, Call
from provisor.api.graph.filters import moment
from provisor.directory import applications, clients, relying_parties
from provisor.directory.password_credentials import Wanted
from provisor.refusal import Invalid

#: How long a secret counts when nobody says: as long as Graph's, two years.
_LIFETIME: Final = timedelta(days=730)
#: So that it can be added to whatever begins.
_LAST_YEAR: Final = 9990
_CONTEXT: Final = "microsoft.graph.passwordCredential"


async def add(call: Call) -> Answer:
    """One more secret, which only this answer shows."""
    wanted = _wanted(call)
    async with call.edit() as work:
        client = await enterprise.client(work.tx, call)
        if client is not None:
            made = await clients.add_secret(work, str(client["id"]), wanted)
        else:
            app = await applications.locked(work, (await enterprise.named(work.tx, call)).id)
            made = await relying_parties.add_secret(work, app, wanted)
    shown = enterprise.password(made.credential) | {"secretText": made.value}
    return Answer(200, {"@odata.context": call.context(_CONTEXT), **shown})


async def remove(call: Call) -> Answer:
    """The secret with this ``keyId`` counts no more. One that is not there is a bad request, as in Graph."""
    given = call.given.get("keyId")
    try:
        key = UUID(str(given))
    except ValueError:
        raise Invalid("keyId must be the GUID of one of the passwordCredentials.") from None
    async with call.edit() as work:
        client = await enterprise.client(work.tx, call)
        if client is not None:
            gone = await clients.remove_secret(work, str(client["id"]), key)
        else:
            app = await applications.locked(work, (await enterprise.named(work.tx, call)).id)
            gone = await relying_parties.remove_secret(work, app, key)
        if gone is None:
            raise Invalid(f"No password credential found with keyId '{key}'.")
    return DONE


def _wanted(call: Call) -> Wanted:
    """What the body asks for; without one, what Graph makes. Raises Invalid."""
    given = (call.body or {}).get("passwordCredential")
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise Invalid("passwordCredential must be an object with displayName, startDateTime and endDateTime.")
    name = given.get("displayName")
    if name is not None and not isinstance(name, str):
        raise Invalid("passwordCredential.displayName must be a text.")
    if given.get("secretText") is not None:
        raise Invalid("passwordCredential.secretText is made here, and cannot be given.")
    starts, ends = _at(given, "startDateTime"), _at(given, "endDateTime")
    return Wanted(name, starts, ends or (starts or datetime.now(UTC)) + _LIFETIME)


def _at(given: Mapping[str, Any], name: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    found = moment(value) if isinstance(value, str) else None
    if found is None or found.year > _LAST_YEAR:
        raise Invalid(f"passwordCredential.{name} must be a date and time like 2027-01-31T12:00:00Z.")
    return found
