"""``provisor tls self-signed``: a server with it is reached over https by clients that are given the certificate."""

from __future__ import annotations

import json
import ssl
import stat
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from installation import Installation, installation
from provisor.api import self_signed
from provisor.refusal import Invalid


def get(url: str, authority: Path) -> Any:
    context = ssl.create_default_context(cafile=str(authority))
    # What Python 3.13 asks for by itself.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with urllib.request.urlopen(url, context=context, timeout=30) as answer:
        return json.load(answer)


def test_a_server_with_a_certificate_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with installation() as made:
        # First of all commands: the folder is not there yet.
        files = made.json("tls", "self-signed", "--host", "Provisor.example", "--host", "10.1.2.3")
        certificate, key = Path(files["certificate"]), Path(files["key"])
        assert certificate.parent == key.parent == made.folder / "tls"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert files["hosts"] == ["localhost", "127.0.0.1", "::1", "provisor.example", "10.1.2.3"]
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        url = made.serve("--tls-cert", str(certificate), "--tls-key", str(key))
        assert url.startswith("https://127.0.0.1:")
        for host in ("127.0.0.1", "localhost"):
            found = get(f"{url.replace('127.0.0.1', host)}/metadata/endpoints", certificate)
            assert found["microsoftGraphResourceId"].startswith("https://")
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"{url}/metadata/endpoints", context=ssl.create_default_context(cafile=_other(made)))
        _provisions_itself(made)


def _other(made: Installation) -> str:
    """A certificate of the same kind, of another key."""
    path = made.folder.parent / "other.pem"
    path.write_bytes(self_signed.make((), datetime.now(UTC)).certificate)
    return str(path)


def _provisions_itself(made: Installation) -> None:
    made.run("workspace", "create", "main", "--admin", "ops@contoso.com")
    token = made.folder.parent / "token"
    token.write_text(made.run("workspace", "token", "main", "--user", "ops@contoso.com"))
    made.run("app", "create", "app", "--template", "dataBricks")
    tenant_url = made.json("workspace", "show", "main")["tenantUrl"]
    assert tenant_url.startswith("https://")
    # A process of its own, as commands are: authorities are read once.
    words = ("app", "set", "app", "--tenant-url", tenant_url, "--secret-token-file", str(token))
    with made.process(*words) as setting:
        out, err = setting.communicate(timeout=60)
    assert setting.returncode == 0, out + err


def test_a_certificate_is_not_lost_by_accident(tmp_path: Path) -> None:
    made = Installation(tmp_path / "data")
    files = made.json("tls", "self-signed")
    before = Path(files["certificate"]).read_bytes()
    assert "--force makes another" in made.refused("tls", "self-signed")
    Path(files["certificate"]).unlink()
    assert files["key"] in made.refused("tls", "self-signed"), "a key without its certificate is not lost, either"
    said = made.run("tls", "self-signed", "--force")
    after = Path(files["certificate"]).read_bytes()
    assert before != after
    assert f"provisor serve --tls-cert {files['certificate']} --tls-key {files['key']}" in said
    assert "PRIVATE" not in said
    public = load_pem_private_key(Path(files["key"]).read_bytes(), None).public_key()
    assert x509.load_pem_x509_certificate(after).public_key() == public
    assert sorted(path.name for path in (tmp_path / "data/tls").iterdir()) == ["certificate.pem", "key.pem"]


def test_what_it_is_for() -> None:
    now = datetime(2030, 1, 2, tzinfo=UTC)
    made = self_signed.make(["[FE80::1]", "LOCALHOST", "bücher.example"], now)
    assert made.hosts == ("localhost", "127.0.0.1", "::1", "fe80::1", "xn--bcher-kva.example")
    found = x509.load_pem_x509_certificate(made.certificate)
    assert found.not_valid_before_utc < now and found.not_valid_after_utc == now + timedelta(days=365)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "xn--bcher-kva.example"]
    assert len(names.get_values_for_type(x509.IPAddress)) == 3
    for wrong in ("https://here", "here:8443", "", "a b", "x" * 64, ".example", "*"):
        with pytest.raises(Invalid, match="no scheme and no port"):
            self_signed.make([wrong], now)
