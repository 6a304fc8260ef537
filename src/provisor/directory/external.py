"""A tenant's OpenID provider elsewhere (Entra ID, Keycloak, Google), to which its people are sent to sign in.

Who somebody is there is their issuer and subject, which the provider never gives to anybody else. A name or an e-mail
address is no such thing: it is never looked at. A link between a subject and a user is made by an administrator, or by
the user, who is signed in with their password and comes back from the provider. With ``only``, passwords and
passkeys from here are for Global Administrators: the way in when the provider is away.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from provisor import audit
from provisor.access import sessions
from provisor.access.secrets import SecretBox
from provisor.connectors.addresses import plain_http_may
from provisor.connectors.openid import Fetch, Provider, Providers, Registration
from provisor.directory.admission import EXTERNAL, TOTP
from provisor.directory.edit import QUERIES as DIRECTORY
from provisor.directory.edit import Edit, Tenant
from provisor.directory.users import User
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("external")
#: What RFC 8176 has for something beyond a password.
STRONG: Final = frozenset({"mfa", "otp", "hwk", "swk", "sc", "fpt", "face", "iris", "retina", "vbm"})
_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class ExternalProvider:
    """``name`` is what people know it by. ``only``: passwords and passkeys are for Global Administrators;
    ``trust_mfa``: it is believed when it says that somebody showed a second factor."""

    issuer: str
    client_id: str
    name: str
    only: bool
    trust_mfa: bool
    sealed: bytes | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "clientId": self.client_id,
            "name": self.name,
            "secret": self.sealed is not None,
            "only": self.only,
            "trustMfa": self.trust_mfa,
        }


@dataclass(frozen=True, slots=True)
class Examined:
    """What a provider answered when it was asked for its configuration and its keys; ``keys`` are their kinds."""

    provider: Provider
    keys: tuple[str, ...]

    @property
    def sentence(self) -> str:
        # One that has signed nobody in may have made no key yet, as tenants of this installation do.
        kinds = ", ".join(self.keys) or "none yet: it can have signed nobody in so far"
        return (
            f"{self.provider.host} answers as an OpenID provider should. Its keys: {kinds}. Whether it takes the "
            "client and its secret shows when somebody signs in."
        )


@dataclass(frozen=True, slots=True)
class LinksPage:
    """Which links: ``text`` is a part of the user principal name or the whole subject, ``after`` name and id of the
    last one of the page before, ``most`` None for all."""

    text: str = ""
    after: tuple[str, UUID] = ("", UUID(int=0))
    most: int | None = None


ALL: Final = LinksPage()


class UnknownSubject(Forbidden):
    """Nobody here is linked to who somebody is there; ``subject`` is what an administrator links."""

    def __init__(self, sentence: str, subject: str) -> None:
        super().__init__(sentence)
        self.subject = subject


async def get(tx: Tx, tenant: Tenant) -> ExternalProvider | None:
    row = await tx.fetchrow(QUERIES.provider_get, tenant.id)
    if row is None:
        return None
    return ExternalProvider(
        row["issuer"], row["client_id"], row["name"], row["exclusive"], row["trust_mfa"], row["secret"]
    )


async def found(tx: Tx, tenant: Tenant) -> ExternalProvider:
    """As :func:`get`. Raises NotFound when there is none."""
    provider = await get(tx, tenant)
    if provider is None:
        raise NotFound(
            f"The people of {tenant.domain} sign in here only: a Global Administrator names a provider elsewhere under "
            "External provider, or with provisor tenant sign-in set."
        )
    return provider


def registration(tenant: Tenant, provider: ExternalProvider, box: SecretBox) -> Registration:
    """As whom the provider knows the tenant. Raises Unavailable when the secret cannot be opened."""
    secret = box.open(provider.sealed, _row(tenant)) if provider.sealed is not None else None
    return Registration(provider.issuer, provider.client_id, secret)


def issuer(text: str, allowed: Collection[str]) -> str:
    """``text`` as an issuer, which is compared letter by letter. Raises Invalid."""
    wrong = Invalid(f"{text[:200]!r} is no issuer like https://login.example.com/realm: an address without query.")
    text = text.strip()
    try:
        parts = urlsplit(text)
        host, _ = (parts.hostname or "").casefold(), parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not host or not text.isprintable() or " " in text:
        raise wrong
    if parts.username or parts.password or "?" in text or "#" in text:
        raise wrong
    if parts.scheme == "http" and not plain_http_may(host, allowed):
        raise Invalid(
            f"{host} must be asked over https; an administrator of this installation can allow http to it with "
            "PROVISOR_ALLOWED_TARGETS."
        )
    return text


async def examined(providers: Providers, issuer: str, fetch: Fetch | None = None) -> Examined:
    """Ask a provider now, whatever it said before. Raises Unavailable when it does not answer as it should."""
    provider = await providers.discovered(issuer, fetch, again=True)
    keys = await providers.keys(provider, fetch, again=True)
    kinds = {f"{key.get('kty')} {key.get('alg') or ''}".strip() for key in keys}
    return Examined(provider, tuple(sorted(kinds)))


async def put(work: Edit, box: SecretBox, wanted: ExternalProvider, secret: str | None) -> None:
    """Send the tenant's people to this provider. A secret stays when none is given, and issuer and client are as
    before.

    Raises Conflict when passwords are to be for administrators only, and none of them has one.
    """
    work.require("sign_in.write")
    if not 0 < len(wanted.client_id) <= _LONGEST or not wanted.client_id.isprintable():
        raise Invalid("The client id has 1 to 255 characters, all of which can be seen.")
    if not 0 < len(wanted.name.strip()) <= 60 or not wanted.name.isprintable():
        raise Invalid("The provider's name has 1 to 60 characters, all of which can be seen.")
    if wanted.only and not await work.tx.fetchval(DIRECTORY.administrator_with_password, work.tenant.id):
        raise Conflict(
            "No Global Administrator has a password, and nobody could get in when the provider is away: let one set a "
            "password first (provisor sign-in link)."
        )
    before = await get(work.tx, work.tenant)
    same = before is not None and (before.issuer, before.client_id) == (wanted.issuer, wanted.client_id)
    kept = before.sealed if before is not None and same else None
    sealed = box.seal(secret, _row(work.tenant)) if secret else kept
    given = (wanted.issuer, wanted.client_id, sealed, wanted.name.strip(), wanted.only, wanted.trust_mfa)
    await work.tx.execute(QUERIES.provider_put, work.tenant.id, *given)
    after = ExternalProvider(
        wanted.issuer, wanted.client_id, wanted.name.strip(), wanted.only, wanted.trust_mfa, sealed
    )
    old = before.to_json() if before else None
    new = {**after.to_json(), **({"secret": "another one"} if secret else {})}
    work.record(audit.Entry("set sign-in provider", f"tenant {work.tenant.name}", str(work.tenant.id), old, new))


async def delete(work: Edit) -> None:
    """Let people sign in here only. Links are kept, for the day on which the provider is set again. Raises NotFound."""
    work.require("sign_in.write")
    before = await found(work.tx, work.tenant)
    await work.tx.execute(QUERIES.provider_delete, work.tenant.id)
    what = f"tenant {work.tenant.name}"
    work.record(audit.Entry("delete sign-in provider", what, str(work.tenant.id), before=before.to_json()))


async def subject_of(tx: Tx, tenant: Tenant, provider: ExternalProvider, user: User) -> str | None:
    """Who a user is at the provider."""
    subject: str | None = await tx.fetchval(QUERIES.identity_of, tenant.id, provider.issuer, user.id)
    return subject


async def links(tx: Tx, tenant: Tenant, provider: ExternalProvider, page: LinksPage = ALL) -> list[Row]:
    """Who is who there (``id``, ``upn``, ``able``, ``subject``, ``linked``, ``linked_by``), by name."""
    name, identity = page.after
    given = (page.text.casefold(), page.text, name.casefold(), identity, page.most)
    rows: list[Row] = await tx.fetch(QUERIES.identities, tenant.id, provider.issuer, *given)
    return rows


async def link(work: Edit, user: User, subject: str) -> None:
    """Let whoever has this subject at the provider sign in as ``user``: whoever may give roles decides it.

    Raises Conflict when either is linked already.
    """
    work.require("role.write")
    await _link(work, user, subject)


async def connect(work: Edit, user: User, provider: ExternalProvider, subject: str) -> None:
    """As :func:`link`, by the user, who has just been at ``provider``."""
    if work.actor.id != str(user.id):
        raise Forbidden("Only oneself connects one's account.")
    if await found(work.tx, work.tenant) != provider:
        raise Conflict("Another provider is used now: connect again.")
    await _link(work, user, subject)


async def unlink(work: Edit, user: User) -> None:
    """Take a link away, one's own or, for whoever may give roles, anybody's; their sessions end. Raises NotFound."""
    own = work.actor.id == str(user.id)
    if not own:
        work.require("role.write")
    provider = await found(work.tx, work.tenant)
    subject = await work.tx.fetchval(QUERIES.identity_unlink, work.tenant.id, provider.issuer, user.id)
    if subject is None:
        raise NotFound(f"{user.upn} is not linked to anybody at {provider.name}.")
    if not own:
        await sessions.close_all(work.tx, work.tenant.realm, str(user.id))
    before = {"issuer": provider.issuer, "subject": subject}
    work.record(audit.Entry("unlink sign-in", f"user {user.upn}", str(user.id), before=before))


async def owner(tx: Tx, tenant: Tenant, provider: ExternalProvider, subject: str) -> UUID:
    """Whose subject it is. Raises UnknownSubject, saying what to do."""
    identity: UUID | None = await tx.fetchval(QUERIES.identity_owner, tenant.id, provider.issuer, subject)
    if identity is None:
        raise UnknownSubject(
            f"Nobody in {tenant.domain} is linked to you at {provider.name}. Connect your account yourself, signed in "
            "with your password, on the page My account; or give this subject to an administrator, who links it.",
            subject,
        )
    return identity


def methods(provider: ExternalProvider, amr: Collection[str]) -> frozenset[str]:
    """What a sign-in there proves here; a second factor only when the provider is believed about it."""
    second = {TOTP} if provider.trust_mfa and STRONG & frozenset(amr) else set()
    return frozenset({EXTERNAL, *second})


async def signs_in_here(tx: Tx, tenant: Tenant, user: User) -> bool:
    """Whether ``user`` may sign in with a password, or a passkey, and nothing else."""
    return bool(await tx.fetchval(QUERIES.local_password, tenant.id, user.id))


async def _link(work: Edit, user: User, subject: str) -> None:
    if not 0 < len(subject) <= _LONGEST or not subject.isprintable():
        raise Invalid("A subject has 1 to 255 characters, all of which can be seen.")
    provider = await found(work.tx, work.tenant)
    given = (work.tenant.id, provider.issuer, subject, user.id, work.actor.name)
    if await work.tx.fetchval(QUERIES.identity_link, *given) is None:
        raise Conflict(f"{user.upn} or this subject of {provider.name} is linked already: unlink it first.")
    after = {"issuer": provider.issuer, "subject": subject}
    work.record(audit.Entry("link sign-in", f"user {user.upn}", str(user.id), after=after))


def _row(tenant: Tenant) -> str:
    return f"external_provider/{tenant.id}/secret"
