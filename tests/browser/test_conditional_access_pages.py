"""Conditional access as an administrator clicks it: a network, a policy that is watched, what if, the log, and on."""

from __future__ import annotations

import re

from playwright.async_api import expect
from visitor import Visitor, chromium, needs_browser, sign_in

from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import conditional_access


async def _arrives(pair: Pair, visitor: Visitor, name: str) -> None:
    await sign_in(visitor, await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name))


async def _made(pair: Pair, name: str) -> conditional_access.Kept:
    async with pair.house.database.reading() as tx:
        return await conditional_access.find_policy(tx, pair.tenant, name)


@needs_browser
async def test_seed_04_a_policy_is_watched_tried_and_switched_on_in_the_portal(pair: Pair) -> None:
    ada = await pair.user("ada")
    staff = await pair.group("Staff", ada)
    start = f"{pair.base.partition('/w/')[0]}/t/{pair.tenant.name}"
    async with chromium() as browser:
        admin, person = await Visitor.arrive(browser), await Visitor.arrive(browser)
        await _arrives(pair, admin, "admin@contoso.com")
        await _arrives(pair, person, "ada@contoso.com")
        # An account for emergencies, and a network.
        await admin.click("Conditional access")
        await admin.type("User principal name *", "admin@contoso.com")
        await admin.press("Name it")
        await admin.sees("admin@contoso.com is a break-glass account now.")
        await admin.click("Named locations")
        await admin.press("New location")
        dialog = admin.page.get_by_role("dialog", name="New location")
        await dialog.get_by_label("Name *").fill("Office")
        await dialog.get_by_label("Address ranges *").fill("192.0.2.1/24")
        await admin.press("Create", dialog)
        await admin.sees("192.0.2.0/24 is the range")
        await dialog.get_by_label("Address ranges *").fill("192.0.2.0/24\n2001:db8::/32")
        await dialog.get_by_label("Trusted").check()
        await admin.press("Create", dialog)
        await admin.sees("The location Office is made.")
        # A policy about Staff, from outside of the office; the account for emergencies is left out from the beginning.
        await admin.click("Conditional access", within=admin.page.get_by_label("Portal"))
        await admin.click("New policy")
        assert await admin.page.get_by_label("Users left out").input_value() == "admin@contoso.com"
        await admin.type("Name *", "Outside")
        await admin.choose("Applies to", "some")
        await admin.press("Create")
        await admin.sees("Who: name at least one user or group, or tick a role, or choose Everybody.")
        await admin.choose("Applies to", "all")
        # Whoever names some has chosen some, and whoever chooses some is shown where to name them.
        await admin.page.locator("summary", has_text="Chosen users").click()
        await admin.type("Groups", "Crew")
        await admin.page.get_by_label("Groups", exact=True).blur()
        await expect(admin.page.get_by_label("Applies to")).to_have_value("some")
        for value, shown in (("some", True), ("all", False)):
            await admin.choose("Signing in to", value)
            await expect(admin.page.get_by_role("group", name="Applications and workspaces")).to_be_visible(
                visible=shown
            )
            if shown:
                await admin.press("Create")
                await admin.sees("What: tick at least one application, or choose Everything.")
        await admin.page.locator("details", has_text="But not from").first.evaluate("part => part.open = true")
        await admin.page.get_by_role("group", name="Locations left out").get_by_label("All trusted locations").check()
        await admin.choose("Access", "block")
        await admin.choose("A sign-in counts", "h")
        await admin.type("Number of hours or days", "-3")
        await admin.press("Create")
        await admin.sees("How often to sign in: enter a number of hours or days, 1 or more.")
        await admin.choose("A sign-in counts", "")
        await admin.press("Create")
        await admin.sees("There is no group Crew")
        await admin.type("Groups", "Staff")
        await admin.press("Create")
        await admin.sees("The policy Outside is made.")
        rule = (await _made(pair, "Outside")).value
        assert rule.groups.include == {str(staff)} and rule.grant == "block" and not rule.users.include
        assert rule.locations is not None and rule.locations.exclude == {"AllTrusted"}
        # Watched: ada still gets in, and the log says what would have become of it.
        await person.press("Sign out", await _menu(person))
        await _signs_in(person)
        await person.heading("Azure Active Directory")
        await admin.click("Sign-in logs")
        await expect(admin.page.get_by_role("row").nth(1)).to_contain_text("ada@contoso.com")
        await admin.page.get_by_role("row").nth(1).get_by_role("link").click()
        await admin.sees("It would have, had it been on.")
        # What if, inside and outside.
        await admin.page.goto(f"{start}/conditional-access/what-if")
        for address, word in (("192.0.2.7", "this location is excluded"), ("198.51.100.7", "blocks")):
            await admin.type("User principal name *", "ada@contoso.com")
            await admin.type("Address", address)
            await admin.press("Judge")
            await admin.sees(word)
            await admin.sees("Let in")
        # On: she is told by which policy.
        await admin.page.goto(f"{start}/conditional-access")
        await admin.click("Outside")
        await admin.choose("State", "on")
        await admin.press("Save")
        await admin.sees("Saved.")
        await person.press("Sign out", await _menu(person))
        await _signs_in(person)
        await person.sees("The conditional access policy Outside does not let you in to Provisor portal")
        # About everybody, the emergency account too: warned about; with nobody left who gets in: refused.
        await admin.choose("Applies to", "all")
        await admin.page.get_by_role("group", name="Locations left out").get_by_label("All trusted locations").uncheck()
        await admin.type("Users left out", "")
        await admin.press("Save")
        await admin.sees("no Global Administrator could sign in to the portal any more")
        await admin.choose("Access", "")
        await admin.choose("A sign-in counts", "h")
        await admin.type("Number of hours or days", "12")
        await admin.press("Save")
        await admin.sees("Outside applies to the break-glass account admin@contoso.com")
        # The browser says of each refusal that it was one, and nothing else.
        assert not [said for said in admin.complaints if not re.search(r"\b40[0349]\b", said)]


async def _menu(visitor: Visitor) -> object:
    menu = visitor.page.locator("details.menu")
    await menu.evaluate("menu => menu.open = true")
    return menu


async def _signs_in(visitor: Visitor) -> None:
    await visitor.type("User principal name *", "ada@contoso.com")
    await visitor.type("Password *", "correct horse battery")
    await visitor.press("Sign in")
