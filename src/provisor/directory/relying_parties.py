"""Relying parties: who may ask a tenant, by OpenID Connect, who somebody is.

There are two kinds. An *application* was told to, with the addresses to which answers may go; it keeps a secret of 256
random bits, of which only the SHA-256 is here, or is public and keeps none. A *workspace* is one from the first time
that it is needed, without a secret and without addresses: an answer goes to its page ``/w/NAME/signed-in`` on the very
server that was asked, whatever that server is called there. The browser has its session from that server, so that an
answer can go nowhere where the session is not, and a list of addresses could only be wrong. Everybody uses PKCE.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from provisor import audit
from provisor.access.actors import PROVISOR
from provisor.access.sessions import digest
from provisor.access.sessions import secret as new_secret
from provisor.directory import applications
from provisor.directory.admission import Resource
from provisor.directory.applications import QUERIES as APPLICATIONS
from provisor.directory.applications import Application, app_id
from provisor.directory.edit import Edit, Tenant
from provisor.directory.users import User
from provisor.refusal import Conflict, Invalid, NotFound, Unauthenticated
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("openid")
MOST_ADDRESSES: Final = 50
LONGEST_ADDRESS: Final = 2000
#: RFC 8252 §7.3: a program on the user's machine listens at whatever port is free.
_LOOPBACK: Final = re.compile(r"(http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::\d{1,5})?((?:[/?].*)?)")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
#: What RFC 3986 has in an address, without the sign before a fragment.
_ADDRESS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """``id`` is its client id; ``redirects`` and ``logouts`` are addresses to go to after signing in and out.

    One of ``workspace`` (a name) and ``application`` (an id) is set.
    """

    id: UUID
    name: str
    redirects: tuple[str, ...]
    logouts: tuple[str, ...]
    workspace: str | None
    application: UUID | None
    secret: bytes | None = field(repr=False, default=None)

    @property
    def public(self) -> bool:
        """Whether it has no secret."""
        return self.secret is None

    @property
    def resource(self) -> Resource:
        """As policies and the sign-in log know it: an application is one thing, whatever it is asked for."""
        return Resource(str(self.application or self.id), self.name)

    def to_json(self) -> dict[str, Any]:
        return {
            "clientId": str(self.id),
            "name": self.name,
            "public": self.public,
            "redirectUris": list(self.redirects),
            "logoutUris": list(self.logouts),
        }


async def ensure_workspace(tx: Tx, tenant: Tenant, workspace: str) -> RelyingParty:
    """The relying party that the workspace with this name is; made when there is none yet, so in a transaction."""
    row = await tx.fetchrow(QUERIES.party_of_workspace, tenant.id, workspace)
    if row is None:
        identity = uuid5(tenant.id, f"workspace {workspace}")
        made = await tx.fetchval(QUERIES.party_workspace, tenant.id, identity, workspace)
        if made is not None:
            entry = audit.Entry("create", f"relying party {workspace}", str(identity), after={"workspace": workspace})
            await audit.record(tx, f"tenant/{tenant.name}", PROVISOR, [entry])
        row = await tx.fetchrow(QUERIES.party_of_workspace, tenant.id, workspace)
    return _from_row(row)


async def register(
    work: Edit, app: Application, redirects: Sequence[str], logouts: Sequence[str] = (), *, public: bool = False
) -> tuple[RelyingParty, str | None]:
    """Let ``app`` ask who somebody is, or change how. Returns its secret when one was made, to be shown once.

    Raises Invalid for an address that answers cannot go to.
    """
    work.require("provisioning.write", app.id)
    going, leaving = _addresses(redirects, "redirect URI"), _addresses(logouts, "logout URI")
    if not going:
        raise Invalid("At least one redirect URI is needed: the address to which an answer goes.")
    before = await _held(work, app)
    secret = None if public or (before is not None and not before.public) else new_secret()
    kept = None if public else digest(secret) if secret else before.secret if before else None
    identity = app_id(app.id)
    await work.tx.execute(
        QUERIES.party_put, work.tenant.id, identity, app.name, kept, list(going), list(leaving), app.id
    )
    after = RelyingParty(identity, app.name, going, leaving, None, app.id, kept)
    work.record(
        audit.Entry(
            "set sign-in",
            f"application {app.name}",
            str(app.id),
            before=_audited(before) if before else None,
            after={**_audited(after), "secret": "made" if secret else "none" if public else "as before"},
        )
    )
    return after, secret


async def renew(work: Edit, app: Application) -> tuple[RelyingParty, str]:
    """Another secret, shown once; the one before counts no more. Raises Conflict for a public one."""
    work.require("provisioning.write", app.id)
    party = _there(await _held(work, app), app)
    if party.public:
        raise Conflict(f"{app.name} is a public client and has no secret: set it without --public to give it one.")
    value = new_secret()
    await work.tx.execute(QUERIES.party_renew, work.tenant.id, party.id, digest(value))
    work.record(audit.Entry("renew sign-in secret", f"application {app.name}", str(app.id)))
    return party, value


async def delete(work: Edit, app: Application) -> None:
    """``app`` asks no more who somebody is; answers that it has got count no more."""
    work.require("provisioning.write", app.id)
    party = _there(await _held(work, app), app)
    await work.tx.execute(QUERIES.party_delete, work.tenant.id, party.id)
    work.record(audit.Entry("delete sign-in", f"application {app.name}", str(app.id), before=_audited(party)))


async def of_application(tx: Tx, tenant: Tenant, app: Application) -> RelyingParty:
    """Raises NotFound when the application asks nobody."""
    row = await tx.fetchrow(QUERIES.party_of_application, tenant.id, app.id)
    return _there(_from_row(row) if row else None, app)


async def find(tx: Tx, tenant: Tenant, client: str) -> RelyingParty:
    """The relying party with this client id. Raises NotFound."""
    try:
        identity: UUID | None = UUID(client)
    except ValueError:
        identity = None
    row = await tx.fetchrow(QUERIES.party_called, tenant.id, identity) if str(identity) == client.lower() else None
    if row is None:
        raise NotFound("No application with this client_id asks this tenant who somebody is.")
    return _from_row(row)


async def is_for(tx: Tx, tenant: Tenant, application: UUID, user: User) -> bool:
    """Whether ``user`` may come to an application at all: when it is not for everybody, whoever is assigned to it, as
    provisioning has it."""
    app = await applications.by_id(tx, tenant, application)
    if app.scope == "all":
        return True
    nested = app.policies.nested == "flatten"
    read = APPLICATIONS.read_users_nested if nested else APPLICATIONS.read_users
    rows = await tx.fetch(read, tenant.id, application, [user.id])
    return any(row["assigned"] is not None for row in rows)


async def everyone(tx: Tx, tenant: Tenant) -> list[RelyingParty]:
    """Applications and workspaces by name."""
    return [_from_row(row) for row in await tx.fetch(QUERIES.parties, tenant.id)]


def check_secret(party: RelyingParty, shown: str) -> None:
    """Raises Unauthenticated unless ``shown`` is the party's secret; a public one has to show none."""
    if party.secret is None:
        if shown:
            raise Unauthenticated("This is a public client: it has no secret to send.")
    elif not hmac.compare_digest(party.secret, digest(shown)):
        raise Unauthenticated("The secret is not that of this client.")


def answers_go_to(party: RelyingParty, address: str, base: str) -> bool:
    """Whether an answer of the server at ``base`` may go to ``address``: character for character one that is known.

    Only of a public client's loopback address the port is its own affair (RFC 8252 §7.3, RFC 9700 §4.1.3).
    """
    if party.workspace is not None:
        return address == f"{base}/w/{quote(party.workspace)}/signed-in"
    if address in party.redirects:
        return True
    found = _LOOPBACK.fullmatch(address) if party.public else None
    if found is None or not _ADDRESS.fullmatch(address):
        return False
    return any(known and known.groups() == found.groups() for known in map(_LOOPBACK.fullmatch, party.redirects))


def is_loopback(address: str) -> bool:
    """Whether whatever listens at ``address`` runs on the person's own machine."""
    return _LOOPBACK.fullmatch(address) is not None


def goes_on_to(party: RelyingParty, address: str, base: str) -> bool:
    """Whether a browser may be sent to ``address`` when its owner has signed out."""
    if party.workspace is not None:
        return address == f"{base}/w/{quote(party.workspace)}/sign-in"
    return address in party.logouts


def _from_row(row: Row) -> RelyingParty:
    return RelyingParty(
        id=row["id"],
        name=row["name"],
        redirects=tuple(row["redirects"]),
        logouts=tuple(row["logouts"]),
        workspace=row["workspace"],
        application=row["application"],
        secret=row["secret"],
    )


async def _held(work: Edit, app: Application) -> RelyingParty | None:
    """What the application is now, with the application locked until the end of the edit."""
    await work.tx.execute(QUERIES.application_lock, work.tenant.id, app.id)
    row = await work.tx.fetchrow(QUERIES.party_of_application, work.tenant.id, app.id)
    return _from_row(row) if row else None


def _there(party: RelyingParty | None, app: Application) -> RelyingParty:
    if party is None:
        raise NotFound(f"{app.name} asks nobody who somebody is: provisor app sign-in set lets it.")
    return party


def _addresses(given: Sequence[str], what: str) -> tuple[str, ...]:
    if len(given) > MOST_ADDRESSES:
        raise Invalid(f"An application has at most {MOST_ADDRESSES} addresses of one kind.")
    return tuple(dict.fromkeys(_address(text, what) for text in given))


def _address(text: str, what: str) -> str:
    """``text`` when a browser can safely be sent there. Raises Invalid."""
    shown = text[:200]
    try:
        parts = urlsplit(text)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise Invalid(f"The {what} {shown!r} is not an address.") from None
    if not _ADDRESS.fullmatch(text) or len(text) > LONGEST_ADDRESS or not host:
        raise Invalid(
            f"The {what} {shown!r} is not an address like https://app.example.com/signed-in: it is absolute, without "
            f"a fragment, and has at most {LONGEST_ADDRESS} characters."
        )
    if parts.username is not None or parts.password is not None:
        raise Invalid(f"The {what} {shown!r} must hold no user name or password.")
    if "*" in parts.netloc:
        raise Invalid(f"The {what} {shown!r} has a wildcard for a host: each address is registered by itself.")
    if not (text.startswith("https://") or (text.startswith("http://") and host in _LOCAL)):
        raise Invalid(f"The {what} {shown!r} must begin with https://; http:// is for this machine (localhost) only.")
    return text


def _audited(party: RelyingParty) -> dict[str, Any]:
    return {name: value for name, value in party.to_json().items() if name != "name"}
