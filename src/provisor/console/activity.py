"""What happened over time, for the pages that show it: of one application's provisioning, and of signing in."""

from __future__ import annotations

from typing import Final

from provisor.console import intervals, provisioning_log
from provisor.console.figures import Figures, Subject, span_of, within
from provisor.console.visit import PortalVisit
from provisor.directory import sign_in_log
from provisor.directory.sign_in_log import FAILURE, INTERRUPTED, SUCCESS

_SIGN_INS: Final = {SUCCESS: "Granted", INTERRUPTED: "More asked", FAILURE: "Refused"}


async def provisioned(visit: PortalVisit) -> Figures:
    """What was done to the application's accounts and groups in the span that the address names."""
    subject = Subject("What happened", provisioning_log.RESULTS, visit.url(visit.app_url("/logs")), "result")
    span = span_of(visit.query("span"))
    found = within(span, visit.zone)
    async with visit.house.database.reading() as tx:
        counts = await provisioning_log.counts(tx, visit.tenant.id, visit.app.id, found)
    return Figures(subject, span, visit.zone, found, counts)


async def signed_in(visit: PortalVisit) -> Figures:
    """Who was let in in the span that the address names, and who was not."""
    subject = Subject("Sign-ins over time", _SIGN_INS, visit.url("/sign-ins"), "outcome")
    span = span_of(visit.query("span"))
    found = within(span, visit.zone)
    async with visit.house.database.reading() as tx:
        counts = await sign_in_log.counts(tx, visit.tenant, intervals.bounds(found))
    return Figures(subject, span, visit.zone, found, counts)
