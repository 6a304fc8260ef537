"""Passkeys (WebAuthn, W3C Level 3): what a browser is asked, and whether its answer proves anything.

The protocol is py_webauthn's; here stands what this server demands: that the authenticator has verified its user (a
PIN, a finger, a face), one of the origins that people use, and a counter that does not go back. Attestation is not
asked for: who makes somebody's authenticator is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from provisor import jsongate
from provisor.refusal import Forbidden, Invalid

#: An answer is short: a few hundred bytes, a few thousand with an attestation.
_LONGEST: Final = 64 * 1024
_NAME: Final = "Provisor"
_NOT_GOOD: Final = "The passkey's answer is not good: try again."


@dataclass(frozen=True, slots=True)
class Party:
    """For whom a passkey is: ``rp_id`` is the host name that it is bound to, ``origins`` the addresses of its pages."""

    rp_id: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """A new passkey, as it is stored."""

    id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sends: which passkey (``id``), whose it says to be (``handle``, or None), and all of it."""

    id: bytes
    handle: bytes | None
    content: dict[str, Any]


def to_register(
    party: Party, handle: bytes, name: str, display_name: str, known: Sequence[bytes]
) -> tuple[bytes, dict[str, Any]]:
    """A challenge, and what ``navigator.credentials.create`` is called with. ``known``: passkeys that there are."""
    from webauthn import generate_registration_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.rp_id,
        rp_name=_NAME,
        user_id=handle,
        user_name=name,
        user_display_name=display_name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=identity) for identity in known],
    )
    return options.challenge, options_to_json_dict(options)


def registered(party: Party, challenge: bytes, answer: str) -> Credential:
    """The passkey that a browser has made. Raises Forbidden."""
    from webauthn import verify_registration_response

    content = _read(answer)
    try:
        found = verify_registration_response(
            credential=content,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=list(party.origins),
            require_user_verification=True,
        )
    except Exception as error:
        raise _refused(error) from None
    return Credential(found.credential_id, found.credential_public_key, found.sign_count, _transports(content))


def to_prove(party: Party, known: Sequence[tuple[bytes, Sequence[str]]] = ()) -> tuple[bytes, dict[str, Any]]:
    """A challenge, and what ``navigator.credentials.get`` is called with; any passkey for the host unless ``known``."""
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorTransport,
        PublicKeyCredentialDescriptor,
        UserVerificationRequirement,
    )

    names = {item.value for item in AuthenticatorTransport}
    options = generate_authentication_options(
        rp_id=party.rp_id,
        allow_credentials=[
            PublicKeyCredentialDescriptor(
                id=identity, transports=[AuthenticatorTransport(way) for way in ways if way in names] or None
            )
            for identity, ways in known
        ],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options.challenge, options_to_json_dict(options)


def read(answer: str) -> Answer:
    """A browser's answer to :func:`to_prove`, of which nothing is proved yet. Raises Invalid."""
    from webauthn.helpers import base64url_to_bytes

    content = _read(answer)
    try:
        response = content["response"]
        handle = response.get("userHandle")
        return Answer(base64url_to_bytes(content["id"]), base64url_to_bytes(handle) if handle else None, content)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Invalid(_NOT_GOOD) from None


def proved(party: Party, challenge: bytes, answer: Answer, public_key: bytes) -> int:
    """The counter of the passkey with this ``public_key``, which has signed ``challenge``. Raises Forbidden.

    That the counter has grown is for whoever knows the one before: see :func:`went_back`.
    """
    from webauthn import verify_authentication_response

    try:
        found = verify_authentication_response(
            credential=answer.content,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:
        raise _refused(error) from None
    return found.new_sign_count


def went_back(before: int, now: int) -> bool:
    """Whether a counter says that there are two of one authenticator (W3C, §7.2 step 22). Many do not count at all."""
    return (before > 0 or now > 0) and now <= before


def _read(answer: str) -> dict[str, Any]:
    try:
        content = jsongate.loads(answer.encode("utf-8", "replace"), limit=_LONGEST)
    except jsongate.JsonError:
        content = None
    if not isinstance(content, dict):
        raise Invalid("There is no answer of a passkey: scripts must be allowed on this page.")
    return content


def _transports(content: dict[str, Any]) -> tuple[str, ...]:
    from webauthn.helpers.structs import AuthenticatorTransport

    names = {item.value for item in AuthenticatorTransport}
    response = content.get("response")
    given = response.get("transports") if isinstance(response, dict) else None
    return tuple(way for way in given if way in names) if isinstance(given, list) else ()


def _refused(error: Exception) -> Forbidden:
    """The library raises errors of its own, and whatever its parsers do for what is no answer at all."""
    from webauthn.helpers.exceptions import WebAuthnException

    reason = str(error) if isinstance(error, WebAuthnException) else "it cannot be read"
    if "verif" in reason and "user" in reason.lower():
        return Forbidden("The authenticator has not verified that it is you: set a PIN, a finger or a face for it.")
    if "origin" in reason:
        return Forbidden("The passkey's answer is for a page at another address.")
    if "challenge" in reason:
        return Forbidden("The passkey's answer is to another question: try again.")
    return Forbidden(_NOT_GOOD)
