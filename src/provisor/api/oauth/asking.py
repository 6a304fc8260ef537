"""What is sent for a token: a form, with the client's id and secret in it or in the header (RFC 6749 §2.3.1, §4.1.3,
§4.4.2)."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

from starlette.requests import Request

from provisor.api.oauth.refusals import Refused, plain

LARGEST: Final = 64 * 1024
_MOST_FIELDS: Final = 100
_GRANT: Final = "client_credentials"
_CODE: Final = "authorization_code"
GRANTS: Final = (_CODE, _GRANT)
#: RFC 7636 §4.1.
_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_SCOPE: Final = "/.default"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A code that is to be exchanged for who somebody is."""

    code: str = field(repr=False)
    redirect: str
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asking:
    """``client`` as it was sent; ``basic``: in the header, where a refusal says so. ``exchange`` is None for a token of
    the client's own."""

    client: str
    secret: str = field(repr=False)
    basic: bool
    exchange: Exchange | None = None

    @property
    def identity(self) -> UUID:
        """The client's id. Raises Refused."""
        try:
            return UUID(self.client)
        except ValueError:
            raise unknown_client(self.client) from None


def unknown_client(client: str) -> Refused:
    return Refused(700016, "unauthorized_client", f"There is no client {plain(client)} in this tenant.")


def wrong_secret(code: int, sentence: str, *, basic: bool) -> Refused:
    headers = {"WWW-Authenticate": 'Basic realm="Provisor", charset="UTF-8"'} if basic else {}
    return Refused(code, "invalid_client", sentence, 401, headers)


async def read(request: Request) -> Asking:
    """What ``request`` asks for: a client's own token, or what a code stands for. Raises Refused.

    Parameters that are not named here (``client_info``, ``claims``) are ignored, as RFC 6749 §3.2 has it.
    """
    form = _form(await _body(request)) if _is_form(request) else {}
    grant = _needed(form, "grant_type")
    if grant not in GRANTS:
        sentence = f"The grant type {plain(grant)} is not taken: use {' or '.join(GRANTS)}."
        raise Refused(70003, "unsupported_grant_type", sentence)
    asking = _credentials(request.headers.get("authorization"), form, public=grant == _CODE)
    if grant == _CODE:
        return replace(asking, exchange=_exchange(form))
    scope = _needed(form, "scope")
    if " " in scope.strip() or not scope.strip().endswith(_SCOPE):
        sentence = f"The scope {plain(scope)} is not taken: it is the resource's address followed by {_SCOPE}."
        raise Refused(1002012, "invalid_scope", sentence)
    return asking


def _exchange(form: dict[str, str]) -> Exchange:
    found = Exchange(_needed(form, "code"), _needed(form, "redirect_uri"), _needed(form, "code_verifier"))
    if not _VERIFIER.fullmatch(found.verifier):
        sentence = "A code_verifier has 43 to 128 letters, digits and the signs - . _ ~ (RFC 7636)."
        raise Refused(9002325, "invalid_grant", sentence)
    return found


def _credentials(authorization: str | None, form: dict[str, str], *, public: bool) -> Asking:
    """Who asks; ``public``: they may have no secret."""
    if authorization is None:
        client = _needed(form, "client_id")
        if not public and not form.get("client_secret"):
            raise wrong_secret(7000216, "A client_secret is needed.", basic=False)
        return Asking(client, form.get("client_secret", ""), False)
    scheme, _, rest = authorization.strip().partition(" ")
    try:
        client, colon, secret = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        client = colon = secret = ""
    if scheme.lower() != "basic" or not colon:
        raise wrong_secret(7000216, "The Authorization header holds no client id and secret.", basic=True)
    client, secret = unquote_plus(client), unquote_plus(secret)
    if "client_secret" in form or form.get("client_id", client) != client:
        raise Refused(90013, "invalid_request", "Send id and secret in the header or in the form, not in both.")
    return Asking(client, secret, True)


def _needed(form: dict[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        sentence = f"The form needs the parameter {name}; it is sent as {_FORM}."
        raise Refused(900144, "invalid_request", sentence)
    return value


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise Refused(90013, "invalid_request", "The form cannot be read.") from None
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise Refused(9000411, "invalid_request", f"The parameter {plain(name)} is there more than once.")
    return dict(pairs)


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise Refused(90013, "invalid_request", f"The form is longer than {LARGEST} bytes.", 413)
    return body
