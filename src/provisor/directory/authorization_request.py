"""What a relying party asks the authorization endpoint for, as its parameters say it (RFC 6749 §4.1.1, OpenID Connect
Core §3.1.2.1). Pure.

First who asks, and where the answer goes: what is wrong with these is said to the person, for it could be said to
nobody else. Then the rest: what is wrong with that is said to the relying party.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from provisor.refusal import Invalid

#: Characters of all parameters: so that they fit, encoded once more, into the address of a page that comes before.
LONGEST: Final = 4096
_MOST: Final = 100
#: What is known to ask for; others are passed over (OpenID Connect Core §3.1.2.1).
SCOPES: Final = ("openid", "profile", "email")
PROMPTS: Final = ("none", "login", "consent", "select_account")
FORM_POST: Final = "form_post"
MODES: Final = ("query", FORM_POST)
_UNSAID: Final = re.compile(r"[^ !#-\[\]-~]")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
#: Parameters that would take the place of others: what is not done is not passed over in silence.
_REFUSED: Final = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


class Declined(Exception):
    """What the relying party is told: an ``error`` of OAuth or OpenID Connect, and a sentence."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error, self.sentence = error, sentence


def told(error: str, sentence: str) -> dict[str, str]:
    """An answer with an error, in the signs that RFC 6749 §4.1.2.1 has for it: names of people may have others."""
    return {"error": error, "error_description": _UNSAID.sub("?", sentence.replace('"', "'"))}


@dataclass(frozen=True, slots=True)
class Parameters:
    """``values`` by name; ``twice`` are the names that are there more than once."""

    values: Mapping[str, str]
    twice: frozenset[str]

    def single(self, name: str) -> str:
        """A value that there must be once. Raises Invalid."""
        if name in self.twice:
            raise Invalid(f"The parameter {name} is there more than once.")
        value = self.values.get(name, "")
        if not value:
            raise Invalid(f"The parameter {name} is missing.")
        return value


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that can be answered. ``max_age``: in seconds, None when any age will do."""

    redirect: str
    scopes: frozenset[str]
    nonce: str | None
    challenge: str
    prompt: frozenset[str]
    max_age: int | None
    login_hint: str
    acr: tuple[str, ...]
    id_token_hint: str


def parameters(query: str) -> Parameters:
    """The parameters in a query; those without a value are none (RFC 6749 §3.1). Raises Invalid."""
    if len(query) > LONGEST:
        raise Invalid(f"The parameters are longer than {LONGEST} characters.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST, encoding="utf-8", errors="strict")
    except ValueError:
        raise Invalid("The parameters cannot be read.") from None
    if any("\0" in text for pair in pairs for text in pair):
        raise Invalid("The parameters contain a zero byte.")
    counted = Counter(name for name, _ in pairs)
    twice = frozenset(name for name, times in counted.items() if times > 1)
    return Parameters({name: value for name, value in pairs if value}, twice)


def read(given: Parameters) -> Asked:
    """The request. ``client_id`` and ``redirect_uri`` have been looked at. Raises Declined."""
    values = given.values
    if given.twice:
        raise Declined("invalid_request", f"A parameter is there more than once: {', '.join(sorted(given.twice))}.")
    for name, error in _REFUSED.items():
        if name in values:
            raise Declined(error, f"The parameter {name} is not taken.")
    kind = values.get("response_type")
    if kind is None:
        raise Declined("invalid_request", "The parameter response_type is missing: it is code.")
    if kind != "code":
        raise Declined("unsupported_response_type", "The response_type is not taken: it is code.")
    if values.get("response_mode", "query") not in MODES:
        raise Declined("invalid_request", f"The response_mode is not taken: it is one of {', '.join(MODES)}.")
    scopes = frozenset(values.get("scope", "").split(" "))
    if "openid" not in scopes:
        raise Declined("invalid_scope", "The scope must contain openid.")
    if values.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(values.get("code_challenge", "")):
        raise Declined("invalid_request", "A code_challenge with the code_challenge_method S256 is needed (PKCE).")
    return Asked(
        redirect=values["redirect_uri"],
        scopes=scopes & frozenset(SCOPES),
        nonce=values.get("nonce"),
        challenge=values["code_challenge"],
        prompt=_prompt(values.get("prompt", "")),
        max_age=_seconds(values.get("max_age")),
        login_hint=values.get("login_hint", "")[:256],
        acr=tuple(values.get("acr_values", "").split()),
        id_token_hint=values.get("id_token_hint", ""),
    )


def _prompt(text: str) -> frozenset[str]:
    prompt = frozenset(text.split())
    if prompt - frozenset(PROMPTS):
        raise Declined("invalid_request", f"The prompt is not taken: it is one of {', '.join(PROMPTS)}.")
    if "none" in prompt and len(prompt) > 1:
        raise Declined("invalid_request", "The prompt none stands alone.")
    return prompt


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Declined("invalid_request", "The max_age must be a whole number of seconds.")
    return int(text)
