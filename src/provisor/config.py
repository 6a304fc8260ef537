"""Settings, read once: from ``provisor.toml``, then ``PROVISOR_*`` variables, then the command's flags (which win).

``load`` returns the settings or raises Invalid with one line for each that is wrong, naming where it came from. The
file is the one given by ``PROVISOR_CONFIG``, else ``provisor.toml`` in the data folder.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from provisor.refusal import Invalid


def default_data_folder() -> Path:
    """Where an installation lives unless told otherwise. The database cannot run below root's private home."""
    if os.geteuid() == 0:
        return Path("/var/lib/provisor/data")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "provisor"


class Settings(BaseSettings):
    """Each field is a key of the file, a variable ``PROVISOR_<FIELD>`` and, where a command has it, a flag."""

    # An empty variable is one that was not given: an empty PROVISOR_DATA must not mean the current folder.
    model_config = SettingsConfigDict(
        env_prefix="PROVISOR_", extra="forbid", validate_default=True, env_ignore_empty=True
    )

    data: Path = Field(default_factory=default_data_folder, description="the data folder")
    database_url: SecretStr | None = Field(None, description="a PostgreSQL of your own instead of the embedded one")
    secret_key: SecretStr | None = Field(None, description="32 bytes in base 64, instead of the key file")
    tenant: str = Field("default", description="the tenant that commands work on")
    acting_as: str | None = Field(None, description="user principal name that commands act as")
    host: str = Field("127.0.0.1", description="address the server listens on")
    port: int = Field(8080, ge=0, le=65535, description="port the server listens on; 0 picks a free one")
    public_url: AnyHttpUrl | None = Field(None, description="how others reach the server; default: host and port")
    tls_cert: Path | None = Field(None, description="certificate chain (PEM)")
    tls_key: Path | None = Field(None, description="private key of the certificate (PEM)")
    allowed_targets: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="hosts asked over plain http, as targets or OpenID providers; loopback always may be"
    )
    trusted_proxies: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(),
        description="addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what the server logs, at least"
    )
    requests_per_second: float = Field(
        1000, ge=0.1, le=1_000_000, description="SCIM requests a second that are taken with one access token"
    )
    requests_at_once: int = Field(
        100, ge=1, le=1_000_000, description="SCIM requests under way at a time with one access token"
    )
    notify_url: AnyHttpUrl | None = Field(None, description="a webhook that hears of quarantines")
    notify_secret: SecretStr | None = Field(None, description="what the webhook's requests are signed with")
    notify_mail: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="addresses that hear of quarantines by mail; in a variable with commas between"
    )
    notify_from: str = Field("provisor@localhost", description="whom those mails come from")
    smtp_url: SecretStr | None = Field(
        None, description="the mail server: smtp://host:port or smtps://user:password@host"
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=32, description="what /metrics asks for, 32 characters at least; unset: there is no /metrics"
    )
    log_days: int = Field(365, ge=1, le=36_600, description="days for which provisioning logs are kept")
    sign_in_log_days: int = Field(30, ge=1, le=36_600, description="days for which the sign-in log is kept")
    target_requests_at_once: int = Field(
        16, ge=1, le=1000, description="requests under way at a time at one target, at most"
    )
    worker_jobs: int = Field(32, ge=1, le=1000, description="cycles that one process runs at a time")
    cycle_minutes: float = Field(30, gt=0, le=1440, description="minutes between safety cycles")

    @field_validator("allowed_targets", "trusted_proxies", "notify_mail", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """``a, b`` or, as it was written before, a JSON list."""
        if not isinstance(value, str):
            return value
        if value.strip().startswith("["):
            return json.loads(value)
        return [item.strip() for item in value.split(",") if item.strip()]

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _file(init_settings()))


def load(flags: Mapping[str, Any]) -> Settings:
    """The settings of this run. ``flags`` are those that were given; None counts as not given."""
    given = {name: value for name, value in flags.items() if value not in (None, "")}
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith("PROVISOR_") and name[9:].lower() not in Settings.model_fields and name not in _OTHER
    )
    if unknown:
        raise Invalid(f"{unknown[0]} is not a setting: docs/reference/settings.md lists them.")
    try:
        return Settings(**given)
    except ValidationError as error:
        raise Invalid("\n".join(_line(problem, given) for problem in error.errors())) from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{_file(given)} is not TOML: {error}.") from None


#: Variables that are read elsewhere, before there are settings.
_OTHER = {"PROVISOR_CONFIG", "PROVISOR_DATABASE_GRACE_SECONDS", "PROVISOR_DEBUG"}


def _file(flags: Mapping[str, Any]) -> Path:
    named = os.environ.get("PROVISOR_CONFIG")
    if named:
        if not Path(named).is_file():
            raise Invalid(f"PROVISOR_CONFIG names {named}, which is not there.")
        return Path(named)
    folder = flags.get("data") or os.environ.get("PROVISOR_DATA") or default_data_folder()
    return Path(folder).expanduser() / "provisor.toml"


def _line(problem: Any, flags: Mapping[str, Any]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    if name in flags:
        place = f"--{name.replace('_', '-')}"
    elif f"PROVISOR_{name.upper()}" in os.environ:
        place = f"PROVISOR_{name.upper()}"
    else:
        place = f"{name} in {_file(flags)}"
    if problem["type"] == "extra_forbidden":
        return f"{place} is not a setting: docs/reference/settings.md lists them."
    return f"{place} is wrong: {problem['msg'][0].lower()}{problem['msg'][1:]}."
