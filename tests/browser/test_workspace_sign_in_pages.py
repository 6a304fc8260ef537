"""In a browser: from the workspace's page to the tenant and back, signed in; out again, there too."""

from __future__ import annotations

from playwright.async_api import expect
from scene import Scene
from visitor import Visitor, chromium, needs_browser, sign_in

from browser_like import PASSWORD
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.workspace import edit as workspace_edit
from provisor.workspace import users as accounts

pytestmark = needs_browser


async def test_seed_3_59_from_the_portal_into_the_workspace_and_out_again(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await accounts.set_admin(work, "ada@contoso.com", True)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "ada@contoso.com")
    async with chromium() as browser:
        first = await Visitor.arrive(browser)
        await sign_in(first, link)
        # Somebody else's machine: nothing is known there, and the workspace's page comes first.
        visitor = await Visitor.arrive(browser)
        await visitor.page.goto(f"{scene.console}/groups")
        await visitor.press("Sign in with contoso.com")
        await visitor.heading("Sign in to contoso.com")
        await visitor.type("User principal name *", "ada@contoso.com")
        await visitor.type("Password *", PASSWORD)
        await visitor.press("Sign in")
        await visitor.page.wait_for_url(f"{scene.console}/groups", timeout=30_000)
        await visitor.heading("Groups")
        # The second workspace sign-in of the same person takes one press.
        await first.page.goto(f"{scene.console}/")
        await first.press("Sign in with contoso.com")
        await first.heading("Users")
        await first.page.locator("summary", has_text="ada@contoso.com").click()
        await first.click("Your account", within=first.page.locator("details.menu"))
        await first.heading("Your account")
        await first.page.locator("summary", has_text="ada@contoso.com").click()
        await first.press("Sign out", within=first.page.locator("details.menu"))
        await first.sees(f"You are signed out of {pair.workspace.name}.")
        await first.press("Sign out of contoso.com too")
        await first.press("Sign out")
        await expect(first.page.get_by_role("button", name="Sign in with contoso.com")).to_be_visible()
        await first.press("Sign in with contoso.com")
        await first.heading("Sign in to contoso.com")
        assert visitor.complaints == first.complaints == []


async def test_seed_3_who_has_no_account_is_told_so_and_signs_in_as_somebody_else(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(f"{scene.console}/")
        await visitor.press("Sign in with contoso.com")
        await visitor.sees("admin@contoso.com is not in the workspace")
        await visitor.press("Sign in as somebody else")
        await visitor.sees("Sign in once more as")
