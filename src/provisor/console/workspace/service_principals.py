"""*Service principals*: the accounts of applications, made, searched and deleted; the rest is on a user's page.

A service principal is no person: it does not sign in, and an access token for it is made over the Token Management API.
Only a workspace with the rules of Databricks has any.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.refusal import Invalid
from provisor.scim.errors import ScimError
from provisor.workspace import users
from provisor.workspace.principals import SERVICE_PRINCIPAL

PAGE = Page("service_principals", "/service-principals", action="workspace.admin")
SHOWN: Final = 50


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    SERVICE_PRINCIPAL.type_of(visit.workspace)
    text, after = visit.query("q"), visit.after
    async with visit.house.database.reading() as tx:
        found = await users.search(tx, visit.workspace, after, SHOWN + 1, text, SERVICE_PRINCIPAL)
    more = {"after": found[SHOWN - 1].name} if len(found) > SHOWN else {}
    return visit.render(found=found[:SHOWN], text=text, after=after, more=more, is_admin=users.is_admin)


@PAGE.post()
async def add(visit: WorkspaceVisit) -> Response:
    given = {name: value for name in ("applicationId", "displayName") if (value := visit.form.text(name))}
    if "displayName" not in given:
        raise Invalid("A service principal needs a name that says what it is for.")
    try:
        async with visit.edit() as edit:
            schema = SERVICE_PRINCIPAL.type_of(visit.workspace).schema.id
            made = await users.create(edit, {"schemas": [schema], **given}, principal=SERVICE_PRINCIPAL)
    except ScimError as error:
        raise Invalid(error.detail) from None
    return await visit.done(f"/users/{made.id}", f"{given['displayName']} is a service principal now.")


@PAGE.post("/delete")
async def delete(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        found = await users.get(edit.tx, visit.workspace, visit.form.text("id"))
        await users.delete(edit, found.id, principal=SERVICE_PRINCIPAL)
    said = f"{found.doc.get('displayName') or found.name} is deleted: its access tokens are refused."
    return await visit.done("/service-principals", said)
