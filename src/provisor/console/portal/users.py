"""*Users*: the directory's people, searched, filtered, several at once; the recycle bin; *New user*."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from provisor.console.download import spreadsheet
from provisor.console.lists import FIRST, after
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import export, groups, several, users
from provisor.refusal import Invalid
from provisor.storage.pool import Row

PAGE = Page("users", "/users", action="directory.read")
SHOWN = 50
SUGGESTED = 8
ACCOUNTS: Final = {"enabled": True, "disabled": False}


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    chosen = _chosen(visit)
    async with visit.house.database.reading() as tx:
        found = await users.page(tx, visit.tenant, after(visit), SHOWN + 1, chosen)
    more = {"after": found[SHOWN - 1].upn, "id": found[SHOWN - 1].id} if len(found) > SHOWN else {}
    kept = {"q": chosen.text, "account": _account(visit), "show": "deleted" if chosen.recycled else ""}
    later = visit.query("id") != ""
    return visit.render(users=found[:SHOWN], chosen=chosen, kept=kept, later=later, more=more)


@PAGE.part("/export.csv")
async def export_csv(visit: PortalVisit) -> Response:
    """Whoever the filters choose, as a file that can be imported again."""
    return spreadsheet("users.csv", export.people(visit.house.database, visit.tenant, _chosen(visit)))


@PAGE.part("/suggest")
async def suggest(visit: PortalVisit) -> Response:
    """People, and groups where one may be meant, for a field where somebody is named, as options."""
    text, teams = visit.query(visit.query("field") or "user"), list[Row]()
    async with visit.house.database.reading() as tx:
        found = await users.page(tx, visit.tenant, ("", FIRST), SUGGESTED, users.Choice(text))
        if visit.query("groups"):
            teams = await groups.page(tx, visit.tenant, ("", FIRST), SUGGESTED, text)
    return visit.part("people", people=found, groups=[row["doc"]["displayName"] for row in teams])


@PAGE.post("", action="directory.write")
async def create(visit: PortalVisit) -> Response:
    given = {
        name: visit.form.text(name) for name in ("userPrincipalName", "displayName", "givenName", "surname", "mail")
    }
    async with visit.edit() as edit:
        identity = await users.create(edit, given)
    return await visit.done(f"/users/{identity}", f"{given['userPrincipalName']} is created.")


@PAGE.post("/state", action="directory.write")
async def state(visit: PortalVisit) -> Response:
    """Enable, disable, delete or restore everybody who is ticked, or nobody."""
    ticked, wanted = visit.form.ids("user"), visit.form.text("state")
    if not ticked:
        raise Invalid("Tick at least one user.")
    if wanted not in several.STATES:
        raise Invalid("Nothing was chosen.")
    async with visit.edit() as edit:
        changed = await several.set_state(edit, ticked, wanted)
    said = f"{changed} of {len(ticked)} ticked {several.STATES[wanted]}; the others were so before."
    if changed == len(ticked):
        said = f"{changed} {several.STATES[wanted]}."
    return await visit.done(visit.here("/users"), said)


def _chosen(visit: PortalVisit) -> users.Choice:
    recycled = visit.query("show") == "deleted"
    return users.Choice(visit.query("q"), recycled, ACCOUNTS.get(_account(visit)))


def _account(visit: PortalVisit) -> str:
    found = visit.query("account")
    return found if found in ACCOUNTS else ""
