"""*Provisioning*: mode, credentials, mappings, scope, status, and starting over; one form, one *Save*.

*Test Connection* and *Save* answer into the form, so that nothing that was typed is lost. A save that needs a word more
(the credentials fail, everybody would come into scope) asks there and is sent again with the answer.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, cast

from starlette.responses import Response

from provisor.connectors.base import TargetError
from provisor.console import drafting
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, notification, tenants
from provisor.directory.applications import Application
from provisor.directory.edit import Edit
from provisor.provisioning.schema import OBJECT_TYPES, object_mapping
from provisor.refusal import Conflict, Invalid, Refusal
from provisor.sync import connection, control
from provisor.workspace import workspaces

PAGE = Page("provisioning", "/applications/{application:uuid}/provisioning", action="application.read")
SCOPES = ("assigned", "all")
#: Workspaces of this installation whose addresses are offered.
OFFERED = 20


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    mappings = [(kind, object_mapping(visit.app.schema, kind)) for kind in OBJECT_TYPES]
    addresses = []
    if visit.may("workspace.operate"):
        async with visit.house.database.reading() as tx:
            spaces = await workspaces.everyone(tx)
        addresses = [await visit.house.tenant_url(space) for space in spaces[:OFFERED]]
    draft = await drafting.draft_of(visit)
    return visit.render(
        mappings=mappings,
        addresses=addresses,
        mark=_mark(visit.app),
        unsaved=len(drafting.differences(visit, draft)),
        no_mail="" if visit.house.settings.smtp_url else notification.NO_MAIL_SERVER,
    )


@PAGE.post("/test", action="provisioning.write")
async def test(visit: PortalVisit) -> Response:
    try:
        wanted = _connected(visit)
        if not wanted.connected:
            raise Invalid("Enter Tenant URL and Secret Token first.")
        learned = await connection.test_application(wanted, lambda item: visit.house.target(item, read_only=True))
    except TargetError as error:
        return visit.part("tested", good=False, sentence=str(error), exchange=error.exchange, owner=None)
    return visit.part("tested", good=True, sentence=connection.AUTHORIZED, exchange=None, owner=learned.owner_name)


@PAGE.post(action="provisioning.write")
async def save(visit: PortalVisit) -> Response:
    wanted, status = _wanted(visit), visit.form.text("status")
    _refuse_stale(visit, visit.app)
    if wanted.scope == "all" and visit.app.scope != "all" and not visit.form.ticked("everybody"):
        async with visit.house.database.reading() as tx:
            people, groups = await tenants.size(tx, visit.tenant)
        return visit.part("everybody", people=people, groups=groups)
    full = visit.form.ticked("forget")
    clear = visit.form.ticked("clear") or full

    def changes(current: Application) -> Application:
        _refuse_stale(visit, current)
        connected = applications.with_connection(current, wanted, scope=wanted.scope)
        return notification.told(connected, wanted.notification_email, on=wanted.notification_on)

    async def also(work: Edit) -> None:
        if status in ("On", "Off") and status != visit.app.provisioning:
            await control.switch(work, visit.app.id, cast(Literal["On", "Off"], status))
        if clear:
            ledger = visit.house.ledger(visit.tenant, visit.app.id)
            await control.restart(work, ledger, visit.app, full=full)

    if full and visit.app.connected:
        with suppress(Refusal):
            await visit.house.notice_leavers(visit.tenant, visit.app.id)
    try:
        await connection.save(
            visit.house.database,
            visit.tenant,
            visit.actor,
            visit.app,
            changes,
            lambda item: visit.house.target(item, read_only=True),
            force=visit.form.ticked("force"),
            same=full or visit.form.ticked("same"),
            also=also,
        )
    except connection.Untested as error:
        return visit.part("untested", sentence=str(error.cause), exchange=error.cause.exchange)
    return await visit.done(visit.app_url("/provisioning"), _said(visit.app, status, clear))


def _mark(app: Application) -> str:
    """The same for the same settings: a form that showed others is not saved over these."""
    told = (app.notification_email, app.notification_on)
    shown = repr((app.provisioning_mode, app.tenant_url, app.sealed_token, app.scope, app.provisioning, *told))
    return hashlib.sha256(shown.encode()).hexdigest()


def _refuse_stale(visit: PortalVisit, current: Application) -> None:
    if visit.form.text("mark") != _mark(current):
        raise Conflict("Somebody else has changed these settings meanwhile: load the page again and look at them.")


def _said(before: Application, status: str, clear: bool) -> str:
    sentence = "Saved."
    if status == "On" and (clear or before.provisioning != "On"):
        sentence += " An initial cycle starts at once: the Overview shows it."
    elif clear:
        sentence += " Current state is cleared; the next cycle is an initial one."
    return sentence


def _wanted(visit: PortalVisit) -> Application:
    """The application as the form has it; what the form does not have stays."""
    scope = visit.form.text("scope") or visit.app.scope
    if scope not in SCOPES:
        raise Invalid("Choose a scope.")
    url, token = visit.form.text("tenant_url"), visit.form.text("secret_token")
    mode = visit.form.text("mode") or visit.app.provisioning_mode
    if mode not in ("Automatic", visit.app.provisioning_mode):
        raise Invalid("Choose a Provisioning Mode.")
    if mode == "Manual" and (url or token):
        raise Invalid("With a Tenant URL and a Secret Token the Provisioning Mode is Automatic.")
    wanted = _connected(visit) if url or token else visit.app
    if "notification_email" in visit.form.fields:
        recipients = notification.addresses(visit.form.text("notification_email"))
        if visit.form.ticked("notify") and not recipients:
            raise Invalid("Enter a Notification Email, or take the tick away: somebody has to get the mail.")
        wanted = notification.told(wanted, recipients, on=visit.form.ticked("notify"))
    return replace(wanted, scope=scope, provisioning_mode=mode)


def _connected(visit: PortalVisit) -> Application:
    url, token = visit.form.text("tenant_url"), visit.form.text("secret_token")
    allowed = visit.house.settings.allowed_targets
    given: dict[str, Any] = {"tenant_url": applications.tenant_url(url, allowed) if url else None}
    if given["tenant_url"] == visit.app.tenant_url:
        given["tenant_url"] = None
    wanted = applications.connect(visit.app, visit.house.box, **given, secret_token=token or None)
    if wanted.tenant_url is not None and wanted.sealed_token is None:
        raise Invalid("Enter the Secret Token: it is kept for the host that it was entered for, and no other.")
    return wanted
