"""OpenID Connect, as the side that asks who somebody is (a relying party; OpenID Connect Core 1.0, authorization code).

    provider = await providers.discovered(issuer)
    asked = ask(registration, redirect_uri)                         # kept while the browser is away
    address = authorization_address(provider, registration, asked)  # the browser goes there, and comes back
    code = returned(provider, parameters)
    identity = await providers.exchanged(provider, registration, asked, code)

Two ways lead to a provider. One is the network. The other is this very process: a tenant of this installation is asked
by calling the server's own application, so that a certificate that nobody signed, a proxy in front, or a router that
does not lead back to the machine it comes from cannot break signing in. Both speak the same HTTP, and every check is
made on both.

Nothing of a provider's is believed before it was checked: its name in the configuration (OpenID Connect Discovery 1.0
§4.3), who answered (RFC 9207), PKCE (RFC 7636), and the ID token (:mod:`provisor.connectors.id_tokens`). Codes, tokens
and secrets stand in no sentence.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from provisor import jsongate
from provisor.connectors.id_tokens import Expected, UnknownKey, verified
from provisor.refusal import Forbidden, Unavailable

#: Seconds for which a provider's configuration and keys are used again.
FRESH: Final = 300.0
#: Providers whose configuration is kept.
MOST: Final = 64
LARGEST: Final = 256 * 1024
SCOPE: Final = "openid profile"
_LONGEST_CODE: Final = 4096
_LONGEST_NAME: Final = 200
#: Providers that refuse ``login``, and let people choose an account instead.
_NO_LOGIN: Final = frozenset({"https://accounts.google.com"})
_ERROR: Final = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


#: Method, address, headers and body → the answer. Raises Unavailable when there is none.
Fetch = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Registration:
    """As whom a provider knows us; without a ``secret`` PKCE alone shows who began a sign-in."""

    issuer: str
    client_id: str
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider says of itself. ``names_itself``: it puts ``iss`` into what it sends back (RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    methods: tuple[str, ...]
    names_itself: bool

    @property
    def host(self) -> str:
        return urlsplit(self.issuer).netloc


@dataclass(frozen=True, slots=True)
class Asked:
    """One sign-in. ``max_age``: seconds since which somebody must have shown there who they are, None for any time."""

    state: str
    nonce: str
    verifier: str = field(repr=False)
    redirect_uri: str
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider, checked; ``claims`` are those of the ID token."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]

    @property
    def name(self) -> str:
        """``preferred_username``, empty when there is none."""
        found = self.claims.get("preferred_username")
        return found if isinstance(found, str) else ""

    @property
    def known_as(self) -> tuple[str, ...]:
        """What people call themselves there and can recognise: nothing to know anybody by."""
        found = (self.claims.get(claim) for claim in ("name", "preferred_username", "email"))
        return tuple(dict.fromkeys(item[:_LONGEST_NAME] for item in found if isinstance(item, str) and item.strip()))

    @property
    def amr(self) -> frozenset[str]:
        """How they showed there who they are (RFC 8176)."""
        found = self.claims.get("amr")
        return frozenset(item for item in found if isinstance(item, str)) if isinstance(found, list) else frozenset()

    def age(self, now: float) -> float | None:
        """Seconds since then, None when the provider does not say."""
        found = self.claims.get("auth_time")
        if not isinstance(found, int | float) or isinstance(found, bool) or not math.isfinite(found):
            return None
        return max(0.0, now - found)


def ask(redirect_uri: str, *, max_age: int | None = None) -> Asked:
    """A new sign-in, whose answer is to come to ``redirect_uri``."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Asked(state, nonce, verifier, redirect_uri, max_age)


def authorization_address(provider: Provider, registration: Registration, asked: Asked, *, prompt: str = "") -> str:
    """Where the browser goes; ``prompt`` as in :func:`prompt_again`."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.verifier.encode()).digest()).rstrip(b"=").decode()
    given = {
        "response_type": "code",
        "client_id": registration.client_id,
        "redirect_uri": asked.redirect_uri,
        "scope": SCOPE,
        "state": asked.state,
        "nonce": asked.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if asked.max_age is not None:
        given["max_age"] = str(asked.max_age)
    if prompt:
        given["prompt"] = prompt
    return _with(provider.authorization_endpoint, given)


def prompt_again(provider: Provider) -> str:
    """What makes a provider ask even whom it knows (``prompt``, OpenID Connect Core 1.0 §3.1.2.1)."""
    return "select_account" if provider.issuer in _NO_LOGIN else "login"


def end_session_address(provider: Provider, registration: Registration, back: str) -> str | None:
    """Where the browser goes to be signed out there too (RP-Initiated Logout 1.0 §2), None when there is no such
    place."""
    if provider.end_session_endpoint is None:
        return None
    given = {"client_id": registration.client_id, "post_logout_redirect_uri": back}
    return _with(provider.end_session_endpoint, given)


def returned(provider: Provider, parameters: Mapping[str, Sequence[str]]) -> str:
    """The code that a browser came back with; its ``state`` was looked up before. Raises Forbidden.

    Who answered is looked at before what: another provider's error is none of this one's.
    """
    said = parameters.get("iss", ())
    if any(issuer != provider.issuer for issuer in said) or (provider.names_itself and len(said) != 1):
        raise Forbidden(f"The answer does not come from {provider.host}, where this sign-in was begun: begin again.")
    errors, codes = parameters.get("error", ()), parameters.get("code", ())
    if errors:
        error = errors[0] if _ERROR.fullmatch(errors[0]) else "an error"
        raise Forbidden(f"{provider.host} did not sign you in: it answered {error}.")
    if len(codes) != 1 or not 0 < len(codes[0]) <= _LONGEST_CODE:
        raise Forbidden(f"{provider.host} sent no code: begin again.")
    return codes[0]


class Providers:
    """Providers' configurations and keys, each kept for some minutes. ``network`` is the way to those elsewhere."""

    def __init__(self, network: Fetch, clock: Callable[[], float] = time.time) -> None:
        self._network = network
        self._clock = clock
        self._kept: dict[str, tuple[float, Provider]] = {}
        self._keys: dict[str, tuple[float, list[Mapping[str, Any]]]] = {}

    async def discovered(self, issuer: str, fetch: Fetch | None = None, *, again: bool = False) -> Provider:
        """What the provider ``issuer`` says of itself; ``again``: asked now. Raises Unavailable."""
        kept = self._kept.get(issuer)
        if kept is not None and not again and self._clock() - kept[0] < FRESH:
            return kept[1]
        address = issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = _provider(issuer, await self._document(address, fetch or self._network))
        _keep(self._kept, issuer, (self._clock(), found))
        return found

    async def exchanged(
        self, provider: Provider, registration: Registration, asked: Asked, code: str, fetch: Fetch | None = None
    ) -> Identity:
        """Who has the code. Raises Unavailable when the provider does not answer as it should, Forbidden when what it
        answers is not to be believed."""
        fetch = fetch or self._network
        token = await self._id_token(provider, registration, asked, code, fetch)
        expected = Expected(provider.issuer, registration.client_id, asked.nonce, asked.max_age)
        try:
            claims = verified(token, await self.keys(provider, fetch), expected, self._clock())
        except UnknownKey:
            # A key that was made after its keys were read here.
            try:
                claims = verified(token, await self.keys(provider, fetch, again=True), expected, self._clock())
            except UnknownKey:
                raise Forbidden(
                    f"The ID token of {provider.host} is signed with a key that it does not publish."
                ) from None
        return Identity(provider.issuer, claims["sub"], claims)

    async def keys(
        self, provider: Provider, fetch: Fetch | None = None, *, again: bool = False
    ) -> list[Mapping[str, Any]]:
        """The keys that a provider publishes (RFC 7517). Raises Unavailable."""
        kept = self._keys.get(provider.jwks_uri)
        if kept is not None and not again and self._clock() - kept[0] < FRESH:
            return kept[1]
        document = await self._document(provider.jwks_uri, fetch or self._network)
        found = document.get("keys")
        if not isinstance(found, list):
            raise Unavailable(f"{provider.host} publishes no keys at its jwks_uri.")
        keys: list[Mapping[str, Any]] = [key for key in found if isinstance(key, dict)]
        _keep(self._keys, provider.jwks_uri, (self._clock(), keys))
        return keys

    async def _id_token(
        self, provider: Provider, registration: Registration, asked: Asked, code: str, fetch: Fetch
    ) -> str:
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "code_verifier": asked.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        _authenticate(provider, registration, given, headers)
        answer = await fetch("POST", provider.token_endpoint, headers, urlencode(given).encode())
        said = _object(answer.body)
        if answer.status != 200 or said is None:
            error = said.get("error") if said else None
            shown = f": {error}" if isinstance(error, str) and _ERROR.fullmatch(error) else f" with {answer.status}"
            raise Forbidden(f"{provider.host} did not take the code and answered{shown}. Begin again.")
        token = said.get("id_token")
        if not isinstance(token, str):
            raise Forbidden(f"{provider.host} sent no ID token: its client needs the scope openid.")
        return token

    async def _document(self, address: str, fetch: Fetch) -> Mapping[str, Any]:
        answer = await fetch("GET", address, {"Accept": "application/json"}, None)
        found = _object(answer.body)
        if answer.status != 200 or found is None:
            raise Unavailable(
                f"{address} answered {answer.status} and no JSON object: there is no OpenID provider there."
            )
        return found


def _provider(issuer: str, said: Mapping[str, Any]) -> Provider:
    """The configuration, checked (OpenID Connect Discovery 1.0 §3, §4.3)."""
    if said.get("issuer") != issuer:
        shown = repr(said["issuer"])[:200] if isinstance(said.get("issuer"), str) else "nothing"
        raise Unavailable(f"The provider at {issuer} calls itself {shown}: the issuer must be written exactly so.")
    places = {
        name: _endpoint(issuer, name, said.get(name))
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    end = said.get("end_session_endpoint")
    methods = said.get("token_endpoint_auth_methods_supported")
    # Without a word on it, Basic is what it takes.
    known = tuple(item for item in methods if isinstance(item, str)) if isinstance(methods, list) else None
    challenges = said.get("code_challenge_methods_supported")
    if isinstance(challenges, list) and "S256" not in challenges:
        raise Unavailable(f"The provider at {issuer} does not take PKCE with S256.")
    return Provider(
        issuer,
        **places,
        end_session_endpoint=_endpoint(issuer, "end_session_endpoint", end) if end is not None else None,
        methods=known or ("client_secret_basic",),
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(issuer: str, name: str, value: Any) -> str:
    """An address of a provider: with TLS, unless the provider itself is spoken to without."""
    schemes = ("https", "http") if issuer.startswith("http://") else ("https",)
    try:
        parts = urlsplit(value) if isinstance(value, str) and value.isprintable() else None
        good = parts is not None and parts.scheme in schemes and bool(parts.hostname) and not parts.fragment
        if good and parts is not None and parts.username is None:
            return urlunsplit(parts)
    except ValueError:
        pass
    raise Unavailable(f"The provider at {issuer} names no {name} that can be used.")


def _authenticate(
    provider: Provider, registration: Registration, given: dict[str, str], headers: dict[str, str]
) -> None:
    """Say who asks, in the way that the provider takes (RFC 6749 §2.3.1)."""
    if registration.secret is None:
        given["client_id"] = registration.client_id
    elif "client_secret_basic" in provider.methods:
        pair = f"{quote(registration.client_id, safe='')}:{quote(registration.secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    elif "client_secret_post" in provider.methods:
        given |= {"client_id": registration.client_id, "client_secret": registration.secret}
    else:
        raise Unavailable(f"{provider.host} takes a client's secret neither by client_secret_basic nor _post.")


def _with(address: str, given: Mapping[str, str]) -> str:
    """The address with these in its query, beside what stands there (RFC 6749 §3.1)."""
    parts = urlsplit(address)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in given]
    return urlunsplit(parts._replace(query=urlencode([*query, *given.items()])))


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = jsongate.loads(body, limit=LARGEST, depth=32)
    except jsongate.JsonError:
        return None
    return found if isinstance(found, dict) else None


def _keep(kept: dict[str, Any], key: str, value: Any) -> None:
    """The oldest makes room: what is asked for may be named by whoever asks."""
    kept.pop(key, None)
    while len(kept) >= MOST:
        del kept[next(iter(kept))]
    kept[key] = value
