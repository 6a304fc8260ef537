"""Access tokens of clients: what they say, and every forgery that is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from provisor.access import jwt
from provisor.access.jwt import LEEWAY, LIFETIME
from provisor.refusal import Unauthenticated

NOW = 1_700_000_000.0
BASE = "https://provisor.contoso.com"
TENANT, CLIENT = uuid4(), uuid4()
KEY, OTHER = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
KID = KEY.thumbprint()
SAID = jwt.claims(BASE, TENANT, CLIENT, "Global Reader", NOW)
GOOD = jwt.sign(SAID, KID, KEY)


def public(key: RSAKey) -> dict[str, Any]:
    return key.as_dict(private=False)


def check(value: str, *, key: Any = KEY, base: str = BASE, now: float = NOW) -> jwt.Named:
    named = jwt.read(value)
    jwt.verify(value, public(key) if key is not None else None, base, named, now)
    return named


def refused(value: str, **how: Any) -> str:
    with pytest.raises(Unauthenticated) as found:
        check(value, **how)
    return str(found.value)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else orjson.dumps(value)).rstrip(b"=").decode()


def forged(header: Any, said: Any, signature: Callable[[bytes], bytes]) -> str:
    start = f"{part(header)}.{part(said)}"
    return f"{start}.{part(signature(start.encode()))}"


def test_a_token_says_what_programs_look_for() -> None:
    header, said, _ = GOOD.split(".")
    assert orjson.loads(base64.urlsafe_b64decode(header + "==")) == {"typ": "JWT", "alg": "RS256", "kid": KID}
    found = orjson.loads(base64.urlsafe_b64decode(said + "=="))
    client = str(CLIENT)
    assert len(found.pop("uti")) == 22
    assert found == {
        "aud": "https://graph.microsoft.com",
        "iss": f"{BASE}/{TENANT}/v2.0",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3600,
        "tid": str(TENANT),
        "oid": client,
        "sub": client,
        "appid": client,
        "azp": client,
        "idtyp": "app",
        "roles": ["Global Reader"],
        "ver": "2.0",
    }
    assert check(GOOD) == jwt.Named(KID, TENANT, CLIENT)


def test_no_byte_can_be_another() -> None:
    """In each place: the neighbour (which differs in the last bit alone), and characters that lenient readers skip."""
    for place, byte in enumerate(GOOD):
        for other in {chr(ord(byte) ^ 1), "A", "_", "=", ".", " ", "\n", "ä"} - {byte}:
            refused(GOOD[:place] + other + GOOD[place + 1 :])
    for other in set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") - {GOOD[-1]}:
        # Four of its bits are of no byte.
        refused(GOOD[:-1] + other)


@given(st.integers(0, len(GOOD)), st.integers(0, 3), st.text(max_size=4))
@settings(max_examples=500, deadline=None)
def test_nothing_can_be_put_in_or_left_out(place: int, length: int, text: str) -> None:
    changed = GOOD[:place] + text + GOOD[place + length :]
    if changed != GOOD:
        refused(changed)


@given(
    st.text() | st.lists(st.binary(max_size=60), min_size=3, max_size=3).map(lambda found: ".".join(map(part, found)))
)
@settings(max_examples=500, deadline=None)
def test_what_is_no_token_is_refused_and_never_fails(value: str) -> None:
    refused(value)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9) | st.just(str(TENANT)) | st.just(KID),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alg", "kid", "tid", "appid"]), inner),
)


@given(json, json)
@settings(max_examples=500, deadline=None)
def test_json_that_says_anything_is_refused_and_never_fails(header: Any, said: Any) -> None:
    refused(forged(header, said, lambda _: b"x"))


def test_the_algorithm_is_not_the_headers_to_choose() -> None:
    pem = KEY.as_pem(private=False)
    for secret in (pem, orjson.dumps(public(KEY)), b""):
        header = {"typ": "JWT", "alg": "HS256", "kid": KID}
        refused(forged(header, SAID, lambda start, secret=secret: hmac.digest(secret, start, hashlib.sha256)))
        refused(
            forged({**header, "alg": "RS256"}, SAID, lambda start, secret=secret: hmac.digest(secret, start, "sha256"))
        )
    for algorithm in ("none", "None", "", None, 1, ["RS256"], "RS384", "PS256", "rs256"):
        refused(forged({"typ": "JWT", "alg": algorithm, "kid": KID}, SAID, lambda _: b""))
        refused(f"{part({'alg': algorithm, 'kid': KID})}.{part(SAID)}.{GOOD.split('.')[2]}")
    refused(
        f"{part({'alg': 'RS256', 'kid': KID, 'jwk': public(OTHER)})}." + jwt.sign(SAID, KID, OTHER).split(".", 1)[1]
    )


def test_a_key_of_anybody_else_is_refused() -> None:
    refused(jwt.sign(SAID, KID, OTHER))
    refused(jwt.sign(SAID, OTHER.thumbprint(), OTHER))
    refused(GOOD, key=OTHER)
    refused(GOOD, key=None)
    for kid in ("", "x", "\0" * 43, "../" + KID, KID + "\n", 1, None, [KID]):
        refused(forged({"alg": "RS256", "kid": kid}, SAID, lambda _: b"x"))


@pytest.mark.parametrize(
    "claim,values",
    [
        ("iss", [f"{BASE}/{uuid4()}/v2.0", f"https://elsewhere/{TENANT}/v2.0", "", None]),
        ("aud", ["https://vault.azure.net", "", None, ["https://graph.microsoft.com", "x"]]),
        ("tid", [str(TENANT).upper(), f"{{{TENANT}}}", "", None, 1]),
        ("appid", [str(CLIENT).upper(), "", None, []]),
    ],
)
def test_even_a_signed_token_must_be_for_here(claim: str, values: list[Any]) -> None:
    for value in values:
        refused(jwt.sign({**SAID, claim: value}, KID, KEY))
    refused(jwt.sign({name: value for name, value in SAID.items() if name != claim}, KID, KEY))


def test_an_issuer_under_another_address_is_told_what_to_do() -> None:
    assert "public_url" in refused(GOOD, base="http://localhost:8080")


def test_a_token_counts_for_an_hour() -> None:
    for now in (NOW - LEEWAY, NOW, NOW + LIFETIME - 1):
        check(GOOD, now=now)
    assert "expired" in refused(GOOD, now=NOW + LIFETIME)
    assert "not count yet" in refused(GOOD, now=NOW - LEEWAY - 1)
    for claim in ("exp", "nbf"):
        refused(jwt.sign({name: value for name, value in SAID.items() if name != claim}, KID, KEY))


def test_a_token_that_is_too_long_is_not_looked_at() -> None:
    refused(jwt.sign({**SAID, "more": "x" * 4096}, KID, KEY))


def test_no_two_tokens_are_the_same() -> None:
    assert UUID(SAID["oid"]) == CLIENT
    assert jwt.claims(BASE, TENANT, CLIENT, "Global Reader", NOW)["uti"] != SAID["uti"]
