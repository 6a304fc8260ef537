"""The secrets of an application's synchronization: where its target is, with which token, and a few settings beside.

What was put is what is got, no key more and none less, because Terraform compares: so the keys are remembered, and the
plain values as they were written. The token itself is kept where the directory keeps it, sealed, and shown as ``*``;
``*`` that comes back means the one that is there. An empty value takes a key away. Credentials that fail the test of
the connection are not saved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from provisor.api.graph import enterprise
from provisor.api.graph.call import DONE, Answer, Call
from provisor.api.graph.jobs import found
from provisor.connectors.base import TargetError
from provisor.directory import applications, notification
from provisor.directory.applications import Application
from provisor.directory.edit import Edit
from provisor.refusal import Invalid
from provisor.storage.queries import queries
from provisor.sync import connection

QUERIES = queries("graph_provisioning")
_HIDDEN: Final = "*"
_ADDRESS, _TOKEN, _ALL, _NOTICES, _LEAVE = (
    "BaseAddress",
    "SecretToken",
    "SyncAll",
    "SyncNotificationSettings",
    "SkipOutOfScopeDeletions",
)
_KNOWN: Final = {name.lower(): name for name in (_ADDRESS, _TOKEN, _ALL, _NOTICES, _LEAVE)}
#: Graph has 45 keys.
_MOST: Final = 50


async def count(call: Call) -> Answer:
    return Answer(text=str(len(await _kept(call))))


async def _kept(call: Call) -> list[dict[str, str]]:
    app = await enterprise.full(call)
    async with call.database.reading() as tx:
        row = await tx.fetchrow(QUERIES.remembered, call.tenant.id, app.id)
    put = dict(row["secrets"]) if row is not None and row["secrets"] is not None else None
    return [{"key": key, "value": shown} for key, shown in _shown(app, put)]


async def get(call: Call) -> Answer:
    value = await _kept(call)
    return Answer(body={"@odata.context": call.context("secrets"), "value": value})


def _shown(app: Application, put: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """What was put, as it is now; of an application that was connected elsewhere, its connection."""
    for key, value in (put if put is not None else {_ADDRESS: "", _TOKEN: ""}).items():
        if key == _ADDRESS and app.tenant_url is not None:
            yield key, value if value.strip().rstrip("/") == app.tenant_url else app.tenant_url
        elif key == _TOKEN and app.sealed_token is not None:
            yield key, _HIDDEN
        elif key == _ALL:
            yield key, value if (value.lower() == "true") is (app.scope == "all") else str(app.scope == "all").lower()
        elif key == _NOTICES:
            yield key, _notices(app, value)
        elif key == _LEAVE:
            yield key, value


def _notices(app: Application, put: str) -> str:
    """As they were put, unless somebody chose other recipients elsewhere since."""
    said = _object(put)
    # Recipients of any kind were kept before anybody was told.
    with suppress(Invalid):
        if _recipients(said) == (app.notification_email, app.notification_on):
            return put
    return json.dumps({**said, "Enabled": app.notification_on, "Recipients": ",".join(app.notification_email)})


async def put(call: Call) -> Answer:
    app = await enterprise.full(call, "provisioning.write")
    given = _pairs(call.given.get("value"), "value")
    wanted = _wanted(call, given)
    # Sealed once: sealing again would look like another token.
    connected = _connected(call, app, wanted)

    def changes(current: Application) -> Application:
        return _with(current, connected, wanted)

    async def remember(work: Edit) -> None:
        kept = [[key, _HIDDEN if key == _TOKEN else value] for key, value in given.items() if value]
        await work.tx.execute(QUERIES.remember_secrets, call.tenant.id, app.id, kept)

    try:
        await connection.save(
            call.database,
            call.tenant,
            call.actor,
            app,
            changes,
            lambda item: call.house.target(item, read_only=True),
            also=remember,
        )
    except connection.Untested as error:
        raise Invalid(f"{error.cause} Nothing was saved.") from None
    return DONE


@dataclass(frozen=True, slots=True)
class _Wanted:
    """None: nothing is said about it. ``drops``: the token is taken away."""

    address: str | None = None
    token: str | None = None
    drops: bool = False
    scope: str | None = None
    guard: int | None = None
    told: tuple[tuple[str, ...], bool] | None = None


def _wanted(call: Call, given: Mapping[str, str]) -> _Wanted:
    """What these pairs ask for. Raises Invalid for what is not kept here."""
    for key, value in given.items():
        if key not in _KNOWN.values() and value:
            raise Invalid(f"{key} is not kept here: {', '.join(_KNOWN.values())} are.")
    everybody = given.get(_ALL, "").lower()
    if everybody not in ("", "true", "false"):
        raise Invalid(f"{_ALL} is true (everybody) or false (only who is assigned).")
    if given.get(_LEAVE, "").lower() not in ("", "false"):
        raise Invalid(f"{_LEAVE} cannot be true: whoever goes out of scope is always disabled or deleted.")
    address = given.get(_ADDRESS) or None
    if address is not None:
        address = applications.tenant_url(address, call.house.settings.allowed_targets)
    token = given.get(_TOKEN)
    notices = _object(given.get(_NOTICES, ""))
    return _Wanted(
        address=address,
        token=None if token in (None, "", _HIDDEN) else token,
        drops=token == "",
        scope={"true": "all", "false": "assigned"}.get(everybody),
        guard=_guard(notices),
        told=_recipients(notices) if _NOTICES in given else None,
    )


def _object(text: str) -> dict[str, Any]:
    """Notification settings, which are JSON as a text; nothing when there is none. Raises Invalid."""
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Invalid(f'{_NOTICES} is a JSON object as a text, like {{"DeleteThresholdEnabled": true, …}}.')
    return said


def _recipients(said: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    """Who hears of failures by mail, and whether they do now. Raises Invalid."""
    text, on = said.get("Recipients") or "", said.get("Enabled") or False
    if not isinstance(text, str) or not isinstance(on, bool):
        raise Invalid(f"{_NOTICES}: Recipients are addresses with commas between, and Enabled is true or false.")
    recipients = notification.addresses(text)
    return recipients, on and bool(recipients)


def _guard(said: Mapping[str, Any]) -> int | None:
    """How many deletions the notification settings let through; None when they do not say."""
    most = said.get("DeleteThresholdValue")
    if not said.get("DeleteThresholdEnabled"):
        return None
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise Invalid(f"{_NOTICES}: DeleteThresholdValue is a whole number from 1 on.")
    return most


def _connected(call: Call, app: Application, wanted: _Wanted) -> Application:
    made = applications.connect(app, call.house.box, tenant_url=wanted.address, secret_token=wanted.token)
    return replace(made, sealed_token=None) if wanted.drops else made


def _with(current: Application, connected: Application, wanted: _Wanted) -> Application:
    """``current`` as it is wanted. An address that is taken away is kept, unseen: accounts are known by their ids at
    it, and without a token nothing is sent there."""
    changed = applications.with_guard(current, most=wanted.guard)
    changed = replace(changed, scope=wanted.scope or changed.scope)
    if wanted.told is not None:
        recipients, on = wanted.told
        changed = notification.told(changed, recipients, on=on)
    if wanted.address is None and wanted.token is None and not wanted.drops:
        return changed
    return applications.with_connection(changed, connected)


async def validate(call: Call) -> Answer:
    """*Test Connection*, of what is given or of what is saved; nothing is saved."""
    app = await (enterprise.full if len(call.keys) == 1 else found)(call, "provisioning.write")
    body = call.body or {}
    if not body.get("useSavedCredentials"):
        wanted = _wanted(call, _pairs(body.get("credentials"), "credentials"))
        app = _connected(call, app, wanted)
    if not app.connected:
        raise Invalid(f"There is nothing to test: give {_ADDRESS} and {_TOKEN}, or save them first.")
    try:
        await connection.test_application(app, lambda item: call.house.target(item, read_only=True))
    except TargetError as error:
        raise Invalid(str(error)) from None
    return DONE


def _pairs(value: Any, place: str) -> dict[str, str]:
    """Key to value, in the order in which they came, keys as Graph writes them. Raises Invalid."""
    if value is None and place == "credentials":
        return {}
    if not isinstance(value, list) or len(value) > _MOST:
        raise Invalid(f'{place} must be a list like [{{"key": "BaseAddress", "value": "https://…"}}].')
    found_: dict[str, str] = {}
    for item in value:
        key = item.get("key") if isinstance(item, dict) else None
        text = item.get("value") if isinstance(item, dict) else None
        if not isinstance(key, str) or not isinstance(text, str | None):
            raise Invalid(f'{place} must be a list like [{{"key": "BaseAddress", "value": "https://…"}}].')
        found_[_KNOWN.get(key.lower(), key)] = text or ""
    return found_
