"""*What if*: how a sign-in that nobody makes would be judged, policy by policy."""

from __future__ import annotations

from starlette.responses import Response

from provisor.access.conditional_access import Judged
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import admission, policy_words, users
from provisor.directory.admission import METHODS, PASSWORD, PORTAL
from provisor.refusal import Invalid, Refusal

PAGE = Page("what_if", "/conditional-access/what-if", action="policy.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    user, address = visit.query("user"), visit.query("address")
    app = visit.query("app") or PORTAL.id
    methods = visit.request.query_params.getlist("with") or [PASSWORD]
    said, verdict = "", None
    judged: tuple[Judged, ...] = ()
    async with visit.house.database.reading() as tx:
        resources = await policy_words.resources(tx, visit.tenant)
        if user:
            try:
                person = await users.find(tx, visit.tenant, user)
                resource = await policy_words.resource(tx, visit.tenant, app)
                evidence = admission.evidence(methods, _seconds(visit), address or admission.UNKNOWN)
                verdict, judged = await admission.what_if(tx, visit.tenant, person, resource, evidence)
            except Refusal as error:
                said = str(error)
    return visit.render(
        user=user,
        address=address,
        app=app,
        chosen=methods,
        hours=visit.query("hours"),
        resources=[(item.id, item.name) for item in resources],
        methods=METHODS,
        said=said,
        verdict=verdict,
        judged=sorted(judged, key=lambda item: not item.applies),
    )


def _seconds(visit: PortalVisit) -> float:
    text = visit.query("hours") or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise Invalid("How long ago they signed in is a whole number of hours.")
    return int(text) * 3600.0
