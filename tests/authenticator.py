"""What somebody holds in their hands: an authenticator app (pyotp), and an authenticator that makes passkeys.

The app is a library of its own, so that the server's codes are compared with somebody else's. The authenticator signs
as WebAuthn says (Level 3, §6), and does what an attacker's would: another origin, a counter that goes back, nobody
verified. Browsers with Chromium's own virtual one are in ``tests/browser``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pyotp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from browser_like import PASSWORD, Answered, Client, signed_in
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.compose import House
from provisor.directory import tenants

_CSRF = re.compile(r'name="csrf" value="(\w+)"')
_KEY = re.compile(r'value="([A-Z2-7 ]{32,})"')


def base_of(pair: Pair) -> str:
    """The server by a host name: passkeys cannot be for an IP address."""
    return pair.base.partition("/w/")[0].replace("127.0.0.1", "localhost")


def start_of(pair: Pair) -> str:
    return f"/t/{pair.tenant.name}"


async def someone(pair: Pair, name: str = "ada", *roles: str, client: type[Client] = Client) -> Client:
    """A person with these roles, signed in to the portal with a password."""
    identity = await pair.user(name, assigned=False)
    async with pair.edit() as work:
        for role in roles:
            await tenants.give_role(work, identity, role)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, f"{name}@contoso.com")
    return await signed_in(base_of(pair), link.replace("127.0.0.1", "localhost"))


async def send(client: Client, pair: Pair, path: str, **fields: Any) -> Answered:
    """Send a form of a page that a session sees: its token is that of *Security info*, or of the second factor."""
    for page in ("/account/security-info", "/second-factor"):
        found = _CSRF.search((await client.get(start_of(pair) + page)).text)
        if found:
            return await client.post(start_of(pair) + path, fields, csrf=found[1])
    return await client.post(start_of(pair) + path, fields, csrf="")


async def password(pair: Pair, name: str = "ada", client: Client | None = None, **more: Any) -> Client:
    """A browser that has shown the password of ``name``, and what it takes beyond that not yet."""
    client = client or Client(base_of(pair))
    fields = {"name": f"{name}@contoso.com", "password": PASSWORD, **more}
    answered = await client.post(f"{start_of(pair)}/sign-in", fields, csrf="")
    assert answered.status == 303, answered.text
    return client


@dataclass(slots=True)
class App:
    """An app with its key; ``code`` gives codes of the half minute before, this one and the next, each once."""

    key: str
    ahead: int = -1

    async def code(self) -> str:
        """The next code that is good and was not shown."""
        assert self.ahead <= 1, "there are three at a time"
        if time.time() % 30 > 28:
            await asyncio.sleep(30 - time.time() % 30)
        code = pyotp.TOTP(self.key).at(time.time() + 30 * self.ahead)
        self.ahead += 1
        return code


async def add_app(client: Client, pair: Pair) -> App:
    """Set up an authenticator app as the page says."""
    shown = await send(client, pair, "/second-factor/app")
    found = _KEY.search(shown.text)
    assert shown.status == 200 and found, shown.text
    app = App(found[1].replace(" ", ""))
    added = await send(client, pair, "/second-factor/app/add", code=await app.code())
    assert added.status == 303, added.text
    return app


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


@dataclass(slots=True)
class Authenticator:
    """One passkey. ``counts``: it counts its uses; ``verifies``: it has asked for a PIN or a finger."""

    origin: str
    rp_id: str = "localhost"
    counts: bool = True
    verifies: bool = True
    count: int = 0
    handle: bytes = b""
    identity: bytes = field(default_factory=lambda: os.urandom(32))
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> str:
        """What ``navigator.credentials.create`` gives."""
        self.handle = _bytes(options["user"]["id"])
        point = self.private.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        made = bytes(16) + struct.pack(">H", len(self.identity)) + self.identity + cbor2.dumps(key)
        data = self._data(0x40) + made
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._told(
            clientDataJSON=_text(self._client("webauthn.create", options["challenge"])),
            attestationObject=_text(attestation),
            transports=["internal"],
        )

    def get(self, options: dict[str, Any]) -> str:
        """What ``navigator.credentials.get`` gives."""
        self.count += self.counts
        client, data = self._client("webauthn.get", options["challenge"]), self._data()
        signature = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._told(
            clientDataJSON=_text(client),
            authenticatorData=_text(data),
            signature=_text(signature),
            userHandle=_text(self.handle) if self.handle else None,
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, more: int = 0) -> bytes:
        flags = 0x01 | (0x04 if self.verifies else 0) | more
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _told(self, **response: Any) -> str:
        key = _text(self.identity)
        return json.dumps({"id": key, "rawId": key, "type": "public-key", "response": response})


async def add_passkey(client: Client, pair: Pair, name: str = "Laptop", **how: Any) -> Authenticator:
    """Add a passkey as the page's script does."""
    made = Authenticator(base_of(pair), **how)
    asked = await send(client, pair, "/second-factor/passkey/new/options")
    assert asked.status == 200, asked.text
    answer = made.create(json.loads(asked.text))
    added = await send(client, pair, "/second-factor/passkey/new", answer=answer, name=name)
    assert added.status == 303, added.text
    return made


async def by_passkey(pair: Pair, made: Authenticator, client: Client | None = None) -> tuple[Client, Answered]:
    """Sign in with a passkey and no password."""
    client = client or Client(base_of(pair))
    asked = await client.post(f"{start_of(pair)}/sign-in/passkey/options", {}, csrf="")
    assert asked.status == 200, asked.text
    fields = {"answer": made.get(json.loads(asked.text))}
    return client, await client.post(f"{start_of(pair)}/sign-in/passkey", fields, csrf="")


def within(house: House) -> type[Client]:
    """Browsers whose server is in this process, where a test can put something in its place."""
    from urllib.parse import unquote, urlencode, urlsplit

    from multidict import CIMultiDict

    app = compose.doors(house)

    class Within(Client):
        async def _send(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Answered:
            given = {name.replace("_", "-").lower(): value for name, value in headers.items() if value}
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            given["host"] = urlsplit(self.base).netloc
            body = urlencode(data).encode() if data is not None else b""
            if body:
                given["content-type"] = "application/x-www-form-urlencoded"
            parts = urlsplit(path)
            scope = {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": method,
                "scheme": "http",
                "path": unquote(parts.path),
                "raw_path": parts.path.encode(),
                "query_string": parts.query.encode(),
                "headers": [(name.encode(), value.encode()) for name, value in given.items()],
                "client": ("127.0.0.1", 1),
                "server": ("localhost", 80),
            }
            sent: list[Any] = []

            async def receive() -> Any:
                return {"type": "http.request", "body": body, "more_body": False}

            async def put(message: Any) -> None:
                sent.append(message)

            await app(scope, receive, put)
            found = CIMultiDict((name.decode(), value.decode()) for name, value in sent[0]["headers"])
            for cookie in found.getall("set-cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                if value.strip('"') and "max-age=0" not in cookie.lower():
                    self.cookies[name] = value
                else:
                    self.cookies.pop(name, None)
            text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
            return Answered(sent[0]["status"], text, found, None)

    return Within
