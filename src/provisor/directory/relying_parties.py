"""Relying parties: who may ask a tenant, by OpenID Connect, who somebody is.

There are two kinds. An *application* was told to, with the addresses to which answers may go; it has secrets
(:mod:`password_credentials`), or is public and can keep none. It may have got a secret before an address: Microsoft
Graph's clients make secrets, and then answers can go nowhere yet. A *workspace* is one from the first time
that it is needed, without a secret and without addresses: an answer goes to its page ``/w/NAME/signed-in`` on the very
server that was asked, whatever that server is called there. The browser has its session from that server, so that an
answer can go nowhere where the session is not, and a list of addresses could only be wrong. Everybody uses PKCE.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from provisor import audit
from provisor.access.actors import PROVISOR
from provisor.directory import applications, password_credentials
from provisor.directory.admission import Resource
from provisor.directory.applications import QUERIES as APPLICATIONS
from provisor.directory.applications import Application, app_id
from provisor.directory.edit import Edit, Tenant
from provisor.directory.password_credentials import Credential, Made, Wanted
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

    One of ``workspace`` (a name) and ``application`` (an id) is set. A ``public`` one has no secret.
    """

    id: UUID
    name: str
    redirects: tuple[str, ...]
    logouts: tuple[str, ...]
    workspace: str | None
    application: UUID | None
    public: bool

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
    after = RelyingParty(app_id(app.id), app.name, going, leaving, None, app.id, public)
    await _put(work, after)
    secret = None
    if public:
        await password_credentials.end(work.tx, work.tenant, after.id)
    elif not await password_credentials.of(work.tx, work.tenant, after.id):
        secret = (await password_credentials.add(work.tx, work.tenant, after.id)).value
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
    """Another secret, shown once; all before count no more. Raises Conflict for a public one."""
    work.require("provisioning.write", app.id)
    party = _confidential(_there(await _held(work, app), app))
    await password_credentials.end(work.tx, work.tenant, party.id)
    made = await password_credentials.add(work.tx, work.tenant, party.id)
    work.record(audit.Entry("renew sign-in secret", f"application {app.name}", str(app.id)))
    return party, made.value


async def add_secret(work: Edit, app: Application, wanted: Wanted) -> Made:
    """One more secret; those that there are count as before. Raises Conflict for a public one."""
    work.require("provisioning.write", app.id)
    party = await _held(work, app)
    if party is None:
        party = RelyingParty(app_id(app.id), app.name, (), (), None, app.id, public=False)
        await _put(work, party)
    made = await password_credentials.add(work.tx, work.tenant, _confidential(party).id, wanted)
    after = made.credential.audited()
    work.record(audit.Entry("add sign-in secret", f"application {app.name}", str(app.id), after=after))
    return made


async def remove_secret(work: Edit, app: Application, identity: UUID) -> Credential | None:
    """One secret counts no more, be it the last one; None when there is no such one."""
    work.require("provisioning.write", app.id)
    await _held(work, app)
    gone = await password_credentials.remove(work.tx, work.tenant, app_id(app.id), identity)
    if gone is not None:
        before = gone.audited()
        work.record(audit.Entry("remove sign-in secret", f"application {app.name}", str(app.id), before=before))
    return gone


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


async def check_secret(tx: Tx, tenant: Tenant, party: RelyingParty, shown: str) -> None:
    """Raises Unauthenticated unless ``shown`` is a secret of the party that counts; a public one has to show none."""
    if not party.public:
        await password_credentials.check(tx, tenant, party.id, shown)
    elif shown:
        raise Unauthenticated("This is a public client: it has no secret to send.")


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
        public=row["public"],
    )


async def _held(work: Edit, app: Application) -> RelyingParty | None:
    """What the application is now, with the application locked until the end of the edit."""
    await work.tx.execute(QUERIES.application_lock, work.tenant.id, app.id)
    row = await work.tx.fetchrow(QUERIES.party_of_application, work.tenant.id, app.id)
    return _from_row(row) if row else None


async def _put(work: Edit, party: RelyingParty) -> None:
    going, leaving = list(party.redirects), list(party.logouts)
    row = (work.tenant.id, party.id, party.name, party.public, going, leaving, party.application)
    await work.tx.execute(QUERIES.party_put, *row)


def _confidential(party: RelyingParty) -> RelyingParty:
    if party.public:
        raise Conflict(f"{party.name} is a public client and has no secret: set it without --public to give it one.")
    return party


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
