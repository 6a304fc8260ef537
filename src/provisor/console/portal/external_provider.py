"""*External provider*: the OpenID provider elsewhere that the tenant sends its people to, and who is who there.

The client's secret goes in and never comes out. *Test* asks the issuer that stands in the form, saved or not.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from provisor.console import relying_party
from provisor.console.lists import after
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import external, users
from provisor.directory.external import ExternalProvider, LinksPage
from provisor.refusal import Invalid

PAGE = Page("external_provider", "/external-provider", action="sign_in.write")
SHOWN: Final = 50


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")[:255]
    async with visit.house.database.reading() as tx:
        provider = await external.get(tx, visit.tenant)
        page = LinksPage(text, after(visit), SHOWN + 1)
        found = await external.links(tx, visit.tenant, provider, page) if provider else []
    more = {"after": found[SHOWN - 1]["upn"], "id": found[SHOWN - 1]["id"]} if len(found) > SHOWN else {}
    return visit.render(
        provider=provider,
        redirect_uri=visit.base + visit.url("/signed-in"),
        links=found[:SHOWN],
        text=text,
        more=more,
        later=visit.query("id") != "",
    )


@PAGE.post()
async def save(visit: PortalVisit) -> Response:
    secret = visit.form.text("secret")
    if not secret.isprintable():
        raise Invalid("A client's secret is one line, all of which can be seen.")
    wanted = ExternalProvider(
        _issuer(visit),
        visit.form.text("client_id"),
        visit.form.text("name"),
        visit.form.ticked("only"),
        visit.form.ticked("trust_mfa"),
    )
    async with visit.edit() as edit:
        await external.put(edit, visit.house.box, wanted, secret or None)
    return await visit.done("/external-provider", f"Saved: people sign in with {wanted.name}.")


@PAGE.post("/test")
async def test(visit: PortalVisit) -> Response:
    issuer = _issuer(visit)
    found = await external.examined(visit.house.providers, issuer, relying_party.way(visit, issuer))
    return visit.part("said", kind="success", text=found.sentence)


@PAGE.post("/delete")
async def delete(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        await external.delete(edit)
    return await visit.done("/external-provider", "The provider is taken away: people sign in with their passwords.")


@PAGE.post("/link", action="role.write")
async def link(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, visit.form.text("user"))
        await external.link(edit, user, visit.form.text("subject"))
    return await visit.done("/external-provider", f"{user.upn} is linked.")


@PAGE.post("/unlink", action="role.write")
async def unlink(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.by_id(edit.tx, visit.tenant, visit.form.id("user"))
        await external.unlink(edit, user)
    said = f"{user.upn} is not linked any more, and their sessions have ended."
    return await visit.done(visit.here("/external-provider"), said)


def _issuer(visit: PortalVisit) -> str:
    """The issuer of the form. Raises Invalid."""
    text = visit.form.text("issuer")
    if not text:
        raise Invalid("Enter the issuer: the provider's address, letter by letter as it writes it.")
    return external.issuer(text, visit.house.settings.allowed_targets)
