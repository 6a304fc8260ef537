"""A certificate that vouches for itself: TLS on one machine, for trying clients that want ``https``.

There is no authority behind it: whoever is to believe it is given the certificate itself, as a file of authorities
(``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE``, ``connection_verify``). It cannot sign others, so that believing it means
believing this one server. The key is made here and written so that its owner alone can read it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisor.refusal import Conflict, Invalid

#: What every certificate is for.
LOCAL: Final = ("localhost", "127.0.0.1", "::1")
DAYS: Final = 365
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate and its key, both PEM; ``hosts`` are the names and addresses that it is for."""

    certificate: bytes
    key: bytes
    hosts: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Files:
    certificate: Path
    key: Path


def make(hosts: Iterable[str], now: datetime) -> Made:
    """A new certificate for :data:`LOCAL` and ``hosts`` (names or IP addresses), good for a year.

    Raises Invalid for what is neither a name nor an address.
    """
    names = tuple(dict.fromkeys([*LOCAL, *(_host(host) for host in hosts)]))
    # Every TLS library there is takes P-256, and Go and browsers take no more than that of elliptic curves.
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Provisor (self-signed)")])
    itself = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    begins, until = now - timedelta(minutes=5), now + timedelta(days=DAYS)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([_general(item) for item in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(itself, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Made(
        signed.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        names,
        until,
    )


def write(made: Made, folder: Path, *, force: bool) -> Files:
    """The two files in ``folder``, which is made if need be. Each is there whole or not at all.

    Raises Conflict when one is there already, unless ``force``.
    """
    files = Files(folder / "certificate.pem", folder / "key.pem")
    there = next((path for path in (files.certificate, files.key) if path.exists()), None)
    if there is not None and not force:
        raise Conflict(f"There is {there} already: --force makes another and forgets that one.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(files.key, made.key, 0o600)
    _replace(files.certificate, made.certificate, 0o644)
    return files


def _replace(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _host(given: str) -> str:
    """As certificates have it. Raises Invalid."""
    text = given.strip().lower().removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    try:
        name = text.encode("idna").decode() if not text.isascii() else text
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise Invalid(f"--host {given!r} is neither a host's name nor an IP address; it has no scheme and no port.")
    return name


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
