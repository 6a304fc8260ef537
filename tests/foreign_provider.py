"""An OpenID provider of somebody else's: Authlib's authorization server behind a web server on loopback.

It signs its one user in without a word. Whatever it says can be spoilt: claims of the ID token, how it is signed, keys,
configuration, and the ``iss`` of its answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, UserInfo
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from serving import serving

KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rs"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "ps"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "es"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
SECRET = "a secret of the client"


@dataclass
class Client(ClientMixin):
    client_id: str
    secret: str
    redirect_uris: list[str]

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.secret) and client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == ("none" if not self.secret else method) and (not self.secret or method != "none")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    code: str
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    auth_time: int
    amr: list[str] | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> list[str] | None:
        return self.amr


@dataclass
class ForeignProvider:
    """``claims`` are put over those of the ID token (None takes one away); ``signed`` signs them in another way."""

    issuer: str = ""
    subject: str = "248289761001"
    name: str = "ada@contoso.com"
    amr: list[str] | None = None
    auth_age: int = 0
    algorithm: str = "RS256"
    methods: list[str] = field(default_factory=lambda: ["client_secret_basic", "client_secret_post"])
    names_itself: bool = True
    iss: str | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    signed: Callable[[dict[str, Any]], str] | None = None
    keys: list[Any] = field(default_factory=lambda: list(KEYS.values()))
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[ForeignProvider]:
        made = cls()
        async with serving(made.answer) as made.issuer:
            yield made

    def register(self, redirect_uri: str, *, client_id: str = "provisor", secret: str = SECRET) -> Client:
        self.clients[client_id] = Client(client_id, secret, [redirect_uri])
        return self.clients[client_id]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        values = dict(await request.post() if request.method == "POST" else request.query)
        self.asked.append((request.path, {name: str(value) for name, value in values.items()}))
        if request.path == "/.well-known/openid-configuration":
            return web.json_response(self._configuration())
        if request.path == "/keys":
            return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys]})
        server = _Server(self)
        asked = _asked(request, values)
        if request.path == "/authorize":
            grant = server.get_consent_grant(asked, end_user=self)
            return server.create_authorization_response(asked, grant_user=self, grant=grant)
        if request.path == "/token":
            return server.create_token_response(asked)
        return web.Response(status=404)

    def id_token(self, claims: dict[str, Any]) -> str:
        said = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        if self.signed is not None:
            return self.signed(said)
        key = KEYS[self.algorithm]
        return jwt.encode({"alg": self.algorithm, "kid": key.kid}, said, key, algorithms=[self.algorithm])

    def _configuration(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": self.methods,
            "authorization_response_iss_parameter_supported": self.names_itself,
        }
        return {name: value for name, value in {**said, **self.configuration}.items() if value is not None}


class _Server(AuthorizationServer):
    def __init__(self, provider: ForeignProvider) -> None:
        super().__init__()
        self.provider = provider
        self.register_grant(_CodeGrant, [CodeChallenge(required=True), _IdTokens(require_nonce=True)])
        self.register_token_generator("default", _token)

    def query_client(self, client_id: str) -> Client | None:
        return self.provider.clients.get(client_id)

    def save_token(self, token: Any, request: Any) -> None:
        """Nobody asks for it again."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> web.Response:
        given = dict(headers)
        if "Location" in given and (self.provider.names_itself or self.provider.iss):
            mark = "&" if "?" in given["Location"] else "?"
            given["Location"] += f"{mark}iss={self.provider.iss or self.provider.issuer}"
        text = json.dumps(body) if isinstance(body, dict) else body
        return web.Response(status=status, text=text, headers=given)


class _CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]  # noqa: RUF012

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        provider, data = self.server.provider, request.payload.data
        provider.codes[code] = Code(
            code,
            request.client.client_id,
            request.payload.redirect_uri,
            request.payload.scope,
            data["nonce"],
            data["code_challenge"],
            data["code_challenge_method"],
            int(time.time()) - provider.auth_age,
            provider.amr,
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.provider.codes.get(code)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        del self.server.provider.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: Code) -> ForeignProvider:
        return self.server.provider


class _IdTokens(OpenIDCode):
    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return any(code.nonce == nonce for code in request.client.codes) if hasattr(request.client, "codes") else False

    def generate_user_info(self, user: ForeignProvider, scope: str) -> UserInfo:
        return UserInfo(sub=user.subject, preferred_username=user.name, email="admin@contoso.com", email_verified=True)

    def encode_id_token(self, token: Any, request: OAuth2Request) -> str:
        provider: ForeignProvider = request.user
        now = int(time.time())
        claims = {
            "iss": provider.issuer,
            "aud": request.client.client_id,
            "iat": now,
            "exp": now + 300,
            **self.get_authorization_code_claims(request.authorization_code),
            **self.generate_user_info(provider, token["scope"]),
        }
        return provider.id_token(claims)


def _token(**given: Any) -> dict[str, Any]:
    return {"token_type": "Bearer", "access_token": generate_token(32), "expires_in": 300, "scope": given["scope"]}


def _asked(request: web.Request, values: dict[str, Any]) -> OAuth2Request:
    # Authlib wants TLS; on loopback there is none.
    asked = OAuth2Request(request.method, f"https://provider{request.path_qs}", headers=dict(request.headers))
    asked.payload = BasicOAuth2Payload(values)
    type(asked).form = property(lambda self: self.payload.data)
    type(asked).args = property(lambda self: self.payload.data)
    return asked
