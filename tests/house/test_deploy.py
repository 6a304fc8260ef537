"""What ``deploy/`` and its guide say is true of the program: versions, paths, commands, settings, ports, secrets."""

from __future__ import annotations

import base64
import configparser
import fnmatch
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_tree import commands

from provisor import __version__
from provisor.config import Settings, load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir(), key=lambda path: path.name)
PORT = Settings.model_fields["port"].default
USER = "10001:10001"


def runs(words: list[str]) -> None:
    """``words`` are a command of today with options that it has."""
    known = commands()
    name = next(" ".join(words[:length]) for length in range(len(words), 0, -1) if " ".join(words[:length]) in known)
    options = {option for parameter in known[name].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, words


def is_a_setting(name: str) -> bool:
    return name.removeprefix("PROVISOR_").lower() in Settings.model_fields or name == "PROVISOR_CONFIG"


# ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _unit(path: Path) -> dict[str, dict[str, list[str]]]:
    class Several(dict[str, Any]):
        """A key that stands several times has several values."""

        def __setitem__(self, key: str, value: Any) -> None:
            super().__setitem__(key, [*self.get(key, []), *value] if isinstance(value, list) else value)

    parser = configparser.RawConfigParser(dict_type=Several, strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text())
    return {name: {key: value.split("\n") for key, value in parser.items(name)} for name in parser.sections()}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_of_today_and_has_no_right_it_does_not_need(path: Path) -> None:
    service = _unit(path)["Service"]
    program, *words = shlex.split(service["ExecStart"][0])
    assert program == "/opt/provisor/bin/provisor"
    runs(words)
    assert all(is_a_setting(line.partition("=")[0]) for line in service["Environment"])
    assert service["User"] == service["Group"] == ["provisor"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "MemoryDenyWriteExecute"):
        assert service[name] == ["yes"], name
    assert service["ProtectSystem"] == ["strict"]
    # The embedded database is in no unit's hands.
    assert service["KillMode"] == ["process"]


def test_server_and_worker_are_shut_in_alike() -> None:
    server, worker = (_unit(DEPLOY / f"systemd/{name}.service")["Service"] for name in ("provisor", "provisor-worker@"))
    assert server.pop("ExecStart") != worker.pop("ExecStart")
    assert server == worker


def test_the_settings_of_one_machine_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISOR_CONFIG", str(DEPLOY / "provisor.toml"))
    monkeypatch.delenv("PROVISOR_DATA", raising=False)
    settings = load({})
    assert settings.database_url is None and settings.trusted_proxies == {"127.0.0.1", "::1"}
    # Where the units let it write.
    state = _unit(UNITS[0])["Service"]["StateDirectory"][0]
    assert settings.data == Path("/var/lib") / state / "data"


# ── containers ───────────────────────────────────────────────────────────────────────────────────────────────────


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def _last(name: str) -> str:
    return [value for found, value in _instructions() if found == name][-1]


def test_the_image_runs_a_command_of_today_as_somebody_without_rights() -> None:
    assert _last("USER") == USER
    assert json.loads(_last("ENTRYPOINT")) == ["provisor"]
    runs(json.loads(_last("CMD")))
    assert _last("EXPOSE") == str(PORT)
    assert f"http://127.0.0.1:{PORT}/readyz" in _last("HEALTHCHECK")
    names = re.findall(r"(PROVISOR_\w+)=", _last("ENV"))
    assert names and all(map(is_a_setting, names))
    data = re.search(r"PROVISOR_DATA=(\S+)", _last("ENV"))
    assert data and Path(data[1]).is_relative_to(_last("VOLUME"))


def test_the_image_is_made_of_locked_requirements_and_the_wheel_alone() -> None:
    copied = [value.split()[:-1] for name, value in _instructions() if name == "COPY" and "--from" not in value]
    assert copied == [["requirements.lock"], ["dist/provisor-*.whl"]]
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert kept == [source for sources in copied for source in sources]
    assert fnmatch.fnmatch(f"dist/provisor-{__version__}-py3-none-any.whl", copied[1][0])
    installs = [value for name, value in _instructions() if name == "RUN" and "pip install" in value]
    assert all("--require-hashes" in value or "--no-deps --no-index" in value for value in installs)
    # No secret is part of it: what an ENV or ARG says, everybody with the image can read.
    secret = {name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    for name, value in _instructions():
        assert name not in {"ENV", "ARG"} or not any(f"PROVISOR_{found.upper()}" in value for found in secret)


def _compose() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return made


def test_compose_runs_commands_of_today_one_server_and_two_workers() -> None:
    compose = _compose()
    services = compose["services"]
    assert services["server"]["command"] == ["serve", "--no-worker"]
    assert services["worker"]["command"] == ["worker"] and services["worker"]["deploy"]["replicas"] == 2
    assert services["server"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    gateway = compose["networks"]["inside"]["ipam"]["config"][0]["gateway"]
    for name in ("server", "worker"):
        service = services[name]
        runs(service["command"])
        assert service["image"] == f"provisor:{__version__}"
        assert all(map(is_a_setting, service["environment"]))
        assert service["environment"]["PROVISOR_TRUSTED_PROXIES"] == gateway
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert service["depends_on"] == {"database": {"condition": "service_healthy"}}
        assert service["read_only"] and service["init"] and service["cap_drop"] == ["ALL"]
        mounted = [entry.partition(":")[2] for entry in service["volumes"]]
        assert mounted == [_last("VOLUME")]
    assert services["database"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]


def test_compose_has_every_secret_in_a_file_and_every_volume_and_network_declared() -> None:
    compose = _compose()
    for service in compose["services"].values():
        assert set(service["secrets"]) <= compose["secrets"].keys()
        assert set(service["networks"]) <= compose["networks"].keys()
        assert {entry.partition(":")[0] for entry in service["volumes"]} <= compose["volumes"].keys()
        for name, value in service["environment"].items():
            if str(value).startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]
            else:
                assert not re.search("PASSWORD|SECRET|TOKEN|DATABASE_URL", name), name
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for secret in compose["secrets"].values():
        assert f"deploy/{Path(secret['file']).parent.name}/" in ignored


def test_the_secrets_that_the_guide_makes_are_those_that_compose_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = re.search(r"```bash\n(mkdir.*?)```", (ROOT / "docs/howto/deploy.md").read_text(), flags=re.DOTALL)
    assert script is not None
    subprocess.run(["bash", "-euc", script[1]], cwd=tmp_path, check=True, timeout=30)
    compose, made = _compose(), tmp_path / "deploy/secrets"
    assert {Path(secret["file"]).name for secret in compose["secrets"].values()} == {
        path.name for path in made.iterdir()
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in made.iterdir())
    monkeypatch.setenv("PROVISOR_CONFIG", str(made / "provisor.toml"))
    settings = load({"data": str(tmp_path)})
    assert settings.secret_key and len(base64.b64decode(settings.secret_key.get_secret_value())) == 32
    database = compose["services"]["database"]["environment"]
    password = (made / "database_password").read_text().strip()
    assert settings.database_url and settings.database_url.get_secret_value() == (
        f"postgresql://{database['POSTGRES_USER']}:{password}@database/{database['POSTGRES_DB']}"
    )


# ── proxies and the guide ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_a_proxy_leads_to_the_servers_port_and_says_whom_to_trust(name: str) -> None:
    text = (DEPLOY / name).read_text()
    assert re.findall(r"127\.0\.0\.1:(\d+)", text) == [str(PORT)]
    assert all(setting in Settings.model_fields for setting in re.findall(r"`(\w+) = ", text))
    for line in re.findall(r"^    (proxy_\w+ .*;)$", (ROOT / "docs/howto/deploy.md").read_text(), flags=re.MULTILINE):
        assert line in (DEPLOY / "nginx.conf").read_text()


def test_the_guide_names_files_commands_and_versions_that_exist() -> None:
    text = (ROOT / "docs/howto/deploy.md").read_text()
    for target in re.findall(r"make ([\w-]+)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), target
    for path in re.findall(r"(?<![\w/])deploy/[\w./@-]+\w", text):
        assert (ROOT / path).exists() or "secrets" in path, path
    for version in re.findall(r"provisor[-:](\d+\.\d+\.\d+)", text):
        assert version == __version__
    for name in re.findall(r"PROVISOR_\w+", text):
        assert is_a_setting(name), name
