"""*Non-gallery application*: its name, prefilled from a workspace that has none yet, and the mappings to start from."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications
from provisor.workspace import workspaces

PAGE = Page("non_gallery_application", "/applications/new/non-gallery", action="application.write")
SUFFIX: Final = "-provisioning"
#: Template → what it is for. The first one is where the page of 2019 begins.
TEMPLATES: Final = {
    "customappsso-2019": "The defaults of Azure AD in 2019, to be edited by hand",
    "dataBricks": "Azure Databricks: its recommended mappings, ready to run",
    "scim": "Any SCIM 2.0 service: today's defaults of Entra ID",
}


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render(name=await _suggested(visit), templates=TEMPLATES)


@PAGE.post()
async def create(visit: PortalVisit) -> Response:
    name = visit.form.text("name")
    async with visit.edit() as edit:
        identity = await applications.create(edit, name, visit.form.text("template"))
    return await visit.done(f"/applications/{identity}", f"{name} is added.")


async def _suggested(visit: PortalVisit) -> str:
    """The name of a workspace of this installation that no application is named after, with the page's ending."""
    if not visit.may("workspace.operate"):
        return ""
    async with visit.house.database.reading() as tx:
        taken = {item.name.casefold() for item in await applications.everyone(tx, visit.tenant)}
        names = [f"{space.name}{SUFFIX}" for space in await workspaces.everyone(tx)]
    return next((name for name in names if name.casefold() not in taken), "")
