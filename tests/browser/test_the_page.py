"""The page in a browser, from the first click to the last, against the second of two workspaces; one screen a step.

What must be clicked is counted for each statement of the page: never more than the page itself asks for.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Iterator

import pytest
from playwright.async_api import expect
from visitor import Visitor, chromium, needs_browser, sign_in

from installation import Installation, installation

pytestmark = needs_browser
SPACE, OTHER, OPS = "contoso-workspace", "another-workspace", "ops@contoso.com"
APP = f"{SPACE}-provisioning"
JOIN = 'Join(" ", [givenName], [surname])'
SWITCH = 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'
USERS = "Synchronize Azure Active Directory Users to customappsso"
GROUPS = "Synchronize Azure Active Directory Groups to customappsso"
#: Statement → clicks that the page asks for, one for each label that it says to click, tick or choose.
ASKED = {8: 3, 11: 2, 12: 3, 13: 1, 14: 3, 17: 1, 18: 1, 20: 2, 21: 16, 23: 2, 24: 1, 25: 2, 26: 3, 27: 5}
ASKED |= {29: 4, 30: 4, 31: 4, 32: 4, 34: 2, 35: 4, 36: 5, 37: 3, 38: 1, 39: 2, 41: 5, 42: 3}


@pytest.fixture
def contoso() -> Iterator[Installation]:
    with installation() as made:
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        made.run("directory", "import", *[f"examples/contoso/{name}.csv" for name in ("users", "groups", "members")])
        made.serve()
        for space in (OTHER, SPACE):
            made.run("workspace", "create", space, "--admin", OPS)
        made.run("app", "create", f"{OTHER}-provisioning")
        yield made


async def test_the_page_in_a_browser(contoso: Installation) -> None:
    async with chromium() as browser:
        console = await Visitor.arrive(browser)
        token = await _token(console, await to_thread(contoso.run, "sign-in", "workspace-link", SPACE))
        portal = await Visitor.arrive(browser)
        await sign_in(portal, await to_thread(contoso.run, "sign-in", "link"))
        await _connect(portal, (await to_thread(contoso.json, "workspace", "show", SPACE))["tenantUrl"], token)
        await _user_mappings(portal)
        await _group_mappings(portal)
        await _start(portal)
        await _look(portal, console)
        said = await to_thread(contoso.run, "app", "mappings", "diff", APP, "--recommended")
        assert "recommended" in said
        clicks = portal.clicks + console.clicks
        del clicks[0]
        assert {number: count for number, count in clicks.items() if count > ASKED[number]} == {}
        assert portal.complaints + console.complaints == []


async def _token(console: Visitor, link: str) -> str:
    await console.page.goto(link)
    await console.press("Sign in")
    await console.heading("Users")
    console.statement = 8
    await console.click("Access Tokens")
    await console.press("Generate New Token")
    await console.sees("must not be managed by the application that uses it")
    await console.type("Comment", "provisioning")
    await console.press("Generate")
    shown = console.page.get_by_label(f"The access token of {OPS}")
    await expect(shown).to_be_visible()
    token = await shown.input_value()
    await shown.evaluate("field => { field.value = 'dapi' + '•'.repeat(40) }")
    await console.screen("08-access-token")
    console.statement = 0
    await console.click("Close")
    assert token not in await console.page.content()
    return token


async def _connect(portal: Visitor, url: str, token: str) -> None:
    portal.statement = 11
    await portal.click("Azure Active Directory")
    await portal.click("Enterprise Applications")
    await portal.heading("Enterprise Applications")
    await portal.screen("11-enterprise-applications")
    portal.statement = 12
    await portal.click("New Application")
    await portal.sees("Add your own app")
    await portal.screen("12-new-application")
    await portal.page.get_by_role("link", name="Non-gallery application").click()
    portal.clicks[12] += 1
    portal.statement = 13
    await expect(portal.page.get_by_label("Name *")).to_have_value(APP)
    await portal.screen("13-name")
    await portal.press("Add")
    await portal.heading(APP)
    portal.statement = 14
    await portal.click("Provisioning")
    await portal.choose("Provisioning Mode", "Automatic")
    await portal.type("Tenant URL", url)
    await portal.type("Secret Token", "dapi-wrong")
    portal.statement = 0
    await portal.press("Test Connection")
    await portal.sees("The exact request and answer")
    await portal.type("Secret Token", token)
    portal.statement = 17
    await portal.press("Test Connection")
    await portal.sees("The supplied credentials are authorized to enable provisioning.")
    await portal.screen("17-test-connection")
    portal.statement = 18
    await portal.press("Save")
    await portal.sees("Saved.")
    assert token not in await portal.page.content()


async def _user_mappings(portal: Visitor) -> None:
    portal.statement = 20
    await portal.screen("20-mappings")
    await portal.click(USERS)
    await portal.heading(USERS)
    portal.statement = 21
    await portal.press("Delete all that can be deleted")
    await portal.sees("16 unsaved edits")
    await portal.screen("22-one-stays")
    portal.statement = 23
    await portal.page.get_by_text("Show advanced options").click()
    portal.clicks[23] += 1
    await portal.click("Edit attribute list for customappsso")
    portal.statement = 24
    await portal.tick("Delete: name.formatted")
    portal.statement = 25
    await portal.tick("Primary: userName")
    await portal.tick("Required: userName")
    await portal.screen("25-attribute-list")
    portal.statement = 27
    await portal.press("Save")
    await portal.sees("Saved.")
    await portal.sees("The next cycle would change nothing.")
    portal.statement = 26
    await portal.click("mailNickname")
    await portal.type("Source attribute / Expression", "userPrincipalName")
    await portal.choose("Target attribute", "userName")
    await portal.screen("26-edit-mapping")
    await portal.press("OK")
    for number, kind, source, target in (
        (29, "Direct", "extensionAttribute1", "id"),
        (30, "Direct", "mail", 'emails[type eq "work"].value'),
        (31, "Expression", JOIN, "displayName"),
        (32, "Expression", SWITCH, "active"),
    ):
        portal.statement = number
        await portal.click("Add New Mapping")
        if kind != "Direct":
            await portal.choose("Mapping Type", kind)
        await portal.type("Source attribute / Expression", source)
        await portal.choose("Target attribute", target)
        if number == 31:
            await portal.screen("28-add-new-mapping")
        await portal.press("OK")
        await expect(portal.page.get_by_role("cell", name=target, exact=True)).to_be_visible()
    await portal.screen("33-user-mappings")
    await _leaving_asks(portal)
    portal.statement = 27
    await portal.press("Save")
    await portal.sees("Saved.")


async def _leaving_asks(portal: Visitor) -> None:
    """Somebody who clicks away with unsaved edits is asked, and may stay."""
    portal.statement = 0
    await portal.click("Owners")
    await portal.sees("Leave with unsaved edits?")
    await portal.press("Stay")
    await expect(portal.page.get_by_text("unsaved edits. No cycle uses them")).to_be_visible()


async def _group_mappings(portal: Visitor) -> None:
    portal.statement = 34
    await portal.click("Provisioning", within=portal.page.get_by_role("navigation", name="Portal"))
    await portal.click(GROUPS)
    portal.statement = 35
    for target in ("externalId", 'emails[type eq "work"].value', "mailEnabled", "securityEnabled"):
        await portal.press(f"Delete the mapping of {target}")
        await expect(portal.page.get_by_role("cell", name=target, exact=True)).to_have_count(0)
    portal.statement = 36
    await portal.click("Add New Mapping")
    await portal.type("Source attribute / Expression", "extensionAttribute1")
    await portal.choose("Target attribute", "id")
    await portal.choose("Match object using attribute", "Yes")
    await portal.type("Matching precedence", "2")
    await portal.press("OK")
    await expect(portal.page.get_by_role("cell", name="id", exact=True)).to_be_visible()
    await portal.screen("36-group-mappings")
    portal.statement = 27
    await portal.press("Save")
    await portal.sees("Saved.")


async def _start(portal: Visitor) -> None:
    portal.statement = 37
    await portal.click("Owners")
    await portal.press("Add myself")
    await portal.sees("is an owner of")
    await portal.screen("37-owners")
    portal.statement = 38
    await portal.click("Provisioning", within=portal.page.get_by_role("navigation", name="Portal"))
    await expect(portal.page.get_by_label("Scope")).to_have_value("assigned")
    portal.statement = 39
    await portal.tick("On")
    await portal.screen("39-settings")
    await portal.press("Save")
    await portal.sees("Saved. An initial cycle starts at once")
    portal.statement = 41
    await portal.click("Users and groups")
    await portal.click("Add")
    await portal.type("Search users and groups", "data platform")
    await portal.tick("Data Platform London")
    await portal.type("Search users and groups", "hedy")
    await portal.tick("hedy.lamarr@contoso.com")
    await portal.screen("41-assign")
    await portal.press("Assign")
    await portal.sees("2 assigned to")
    await portal.screen("41-users-and-groups")
    portal.statement = 42
    await portal.click("Provisioning", within=portal.page.get_by_role("navigation", name="Portal"))
    await portal.tick("Clear current state and restart synchronization")
    await portal.press("Save")
    await portal.sees("An initial cycle starts at once")


async def _look(portal: Visitor, console: Visitor) -> None:
    portal.statement = console.statement = 0
    await portal.click("Overview")
    await portal.heading(APP)
    groups = portal.page.get_by_role("definition").filter(has_text="1 provisioned")
    await expect(groups.first).to_be_visible(timeout=30_000)
    await portal.screen("43-overview")
    await portal.click("Provisioning logs", within=portal.page.get_by_role("navigation", name="Portal"))
    await portal.sees("hedy.lamarr@contoso.com")
    await portal.screen("52-provisioning-logs")
    await console.click("Users")
    await console.type("Search users by name", "hedy")
    await console.sees("hedy.lamarr@contoso.com")
    await console.screen("43-workspace-users")
    await console.click("Groups")
    await console.click("Data Platform London")
    await console.sees("ada.lovelace@contoso.com")
    await console.screen("55-workspace-group")
