"""What an administrator does in the portal, beyond the page: drafts and what a save would change, refusals that ask,
plan, logs, live cycles, the keyboard alone."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.async_api import expect
from scene import Scene
from visitor import Visitor, chromium, needs_browser

from pair import Pair
from provisor.console.lists import FIRST
from provisor.directory import applications, users
from provisor.scim.requests import Request

pytestmark = needs_browser


async def _on(pair: Pair, status: str = "On") -> None:
    async with pair.edit() as work:
        before = await applications.locked(work, pair.application)
        await applications.save(work, before, replace(before, provisioning=status), f"provisioning {status}")


async def _until(holds: Any, seconds: float = 15) -> None:
    for _ in range(int(seconds * 10)):
        if await holds():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come about")


def _app(scene: Scene, path: str = "") -> str:
    return f"{scene.portal}/applications/{scene.pair.application}{path}"


async def test_saving_mappings_while_on_shows_first_what_the_next_cycle_will_change(pair: Pair) -> None:
    scene = await Scene.make(pair)
    await pair.user("joan", jobTitle="Programmer")
    await pair.sync()
    await _on(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/mappings/user?add=1"))
        await visitor.type("Source attribute / Expression", "jobTitle")
        await visitor.choose("Target attribute", "title")
        await visitor.press("OK")
        await visitor.press("Save")
        await visitor.sees("What the next cycle will change, once these edits are saved:")
        await visitor.sees("Programmer")
        assert (await pair.account("joan")).get("title") is None, "nothing is done before somebody says so"
        await visitor.press("Save, and let the next cycle do that")
        await visitor.sees("Saved.")

        async def done() -> bool:
            return (await pair.account("joan")).get("title") == "Programmer"

        await _until(done)
        assert visitor.complaints == []


async def test_a_save_that_changes_nothing_at_the_target_asks_nothing(pair: Pair) -> None:
    scene = await Scene.make(pair)
    await _on(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/mappings/user?add=1"))
        await visitor.type("Source attribute / Expression", "employeeLeaveDateTime")
        await visitor.choose("Target attribute", "nickName")
        async with pair.edit() as work:
            for name in ("ada", "grace"):
                user = await users.find(work.tx, pair.tenant, f"{name}@contoso.com")
                await users.change(work, user.id, {"employeeLeaveDateTime": ""})
        await visitor.press("OK")
        await visitor.press("Save")
        await visitor.sees("Saved. The next cycle looks at everything again")


async def test_two_administrators_edit_apart_and_the_later_save_is_refused(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        first = await scene.administrator(browser)
        await pair.user("joan", assigned=False)
        async with pair.edit() as work:
            from provisor.directory import tenants

            joan = await users.find(work.tx, pair.tenant, "joan@contoso.com")
            await tenants.give_role(work, joan.id, "Application Administrator")
        second = await scene.administrator(browser, name="joan@contoso.com")
        for visitor, source in ((first, "jobTitle"), (second, "department")):
            await visitor.page.goto(_app(scene, "/mappings/user?add=1"))
            await visitor.type("Source attribute / Expression", source)
            await visitor.choose("Target attribute", "title")
            await visitor.press("OK")
            await visitor.sees("1 unsaved edit.")
            await expect(visitor.page.get_by_role("cell", name="title", exact=True)).to_be_visible()
        await first.press("Save")
        await first.sees("Saved.")
        await second.press("Save")
        await second.sees("Somebody else saved other mappings")
        await second.press("Discard")
        await expect(second.page.get_by_role("link", name="jobTitle")).to_be_visible()


async def test_leaving_with_unsaved_edits_asks_and_may_discard_them(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/mappings/user"))
        await visitor.press("Delete the mapping of displayName")
        await visitor.sees("1 unsaved edit.")
        await visitor.click("Plan")
        await visitor.press("Leave, keep the draft")
        await visitor.heading("Plan")
        await visitor.page.goto(_app(scene, "/mappings/user"))
        await visitor.sees("1 unsaved edit.")
        await visitor.click("Users")
        await visitor.press("Discard the edits and leave")
        await visitor.heading("Users")
        await visitor.page.goto(_app(scene, "/mappings/user"))
        await expect(visitor.page.get_by_role("cell", name="displayName", exact=True)).to_be_visible()


async def test_closing_the_page_with_something_typed_asks(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/provisioning"))
        asked = []

        async def dismiss(dialog: Any) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        visitor.page.on("dialog", dismiss)
        await visitor.type("Secret Token", "half a token")
        await visitor.click("Owners")
        await _until(lambda: _true(asked == ["beforeunload"]))
        await visitor.heading("Provisioning")


async def _true(value: bool) -> bool:
    return value


async def test_an_expression_that_is_wrong_says_where(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/mappings/user?edit=displayName"))
        await visitor.type("Source attribute / Expression", 'Joyn(" ", [givenName])')
        await visitor.press("OK")
        await expect(visitor.page.locator("pre.sentence")).to_contain_text("^")
        await expect(visitor.page.get_by_label("Source attribute / Expression")).to_have_value('Joyn(" ", [givenName])')


async def test_seed_18_credentials_that_fail_show_the_exchange_and_are_saved_only_when_told_to(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/provisioning"))
        await visitor.type("Secret Token", "dapi-not-a-token")
        await visitor.press("Save")
        await visitor.sees("The target refuses the secret token")
        shown = await visitor.page.locator(".said pre").inner_text()
        assert re.search(r"GET http\S+/Users\?filter=", shown) and "\n403\n" in shown and "not-a-token" not in shown
        assert (await pair.app()).sealed_token is not None
        before = (await pair.app()).sealed_token
        await visitor.press("Save all the same")
        await visitor.sees("Saved.")
        assert (await pair.app()).sealed_token != before


async def test_seed_38_switching_to_all_shows_the_counts_first(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/provisioning"))
        await visitor.choose("Scope", "Sync all users and groups")
        await visitor.press("Save")
        await visitor.sees("All 3 users and 2 groups of contoso.com come into scope")
        await expect(visitor.page.get_by_role("button", name="Sync all users and groups")).to_be_in_viewport()
        assert (await pair.app()).scope == "assigned"
        await visitor.press("Sync all users and groups")
        await visitor.sees("Saved.")
        assert (await pair.app()).scope == "all"


async def test_seed_45_the_tokens_owner_is_not_assigned_in_the_portal(pair: Pair) -> None:
    scene = await Scene.make(pair)
    await pair.user("ops@contoso.com", assigned=False)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/users-and-groups/add"))
        await visitor.type("Search users and groups", "ops@")
        await visitor.tick("ops@contoso.com")
        await visitor.press("Assign")
        await visitor.sees("owns the secret token of app and must not be provisioned by it")


async def test_the_plan_is_by_action_and_reason_and_attribute_by_attribute(pair: Pair) -> None:
    scene = await Scene.make(pair)
    await pair.set_user(scene.user, givenName="Augusta")
    await pair.user("joan")
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/plan"))
        await visitor.press("Plan again")
        await visitor.sees("create user")
        row = visitor.page.get_by_role("listitem").filter(has_text="ada@contoso.com")
        await expect(row).to_contain_text("displayName")
        await expect(row).to_contain_text("Augusta")
        await visitor.page.get_by_role("row").filter(has_text="create user").get_by_role("link").click()
        await expect(visitor.page.get_by_role("listitem").filter(has_text="joan@contoso.com")).to_be_visible()
        await expect(visitor.page.get_by_role("listitem").filter(has_text="ada@contoso.com")).to_have_count(0)
        assert await pair.account("joan") is None, "a plan does nothing"


async def test_a_plan_that_the_guard_holds_says_so_and_so_does_the_quarantine(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with pair.edit() as work:
        before = await applications.locked(work, pair.application)
        await applications.save(work, before, applications.with_guard(before, most=1), "set guard")
    await pair.set_user(scene.user, accountEnabled=False)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/plan"))
        await visitor.press("Plan again")
        await visitor.sees("The guard against accidental deletion holds the plan")
        assert (await pair.sync()).status == "quarantined"
        await visitor.page.goto(_app(scene, ""))
        await visitor.sees("Nothing was sent")
        assert (await pair.account("ada"))["active"] is True


async def test_the_log_is_filtered_and_an_entry_says_why(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/logs"))
        await visitor.type("Identity", "grace")
        await expect(visitor.page.get_by_role("cell", name="ada@contoso.com")).to_have_count(0)
        await visitor.type("Identity", "")
        await visitor.choose("Action", "refuse")
        await visitor.sees("matches the reserved group admins")
        await visitor.page.locator("#list table a").first.click()
        await visitor.heading("Refuse group: admins")
        await visitor.sees("refused, nothing was sent")


async def test_seed_10_quarantine_is_shown_with_its_reason(pair: Pair) -> None:
    scene = await Scene.make(pair)
    from provisor.access.actors import PROVISOR
    from provisor.workspace import edit as workspace_edit
    from provisor.workspace import users as accounts

    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await accounts.add(work, "second@contoso.com", {}, admin=True)
        await accounts.set_values(work, "ops@contoso.com", {"active": False})
    await pair.user("joan")
    await pair.sync()
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene))
        await visitor.sees("Quarantine.")
        await visitor.sees("The owner of this access token, ops@contoso.com, is inactive")


async def test_a_running_cycle_is_followed_without_reloading(pair: Pair) -> None:
    scene = await Scene.make(pair)
    for number in range(5):
        await pair.user(f"person{number}")
    going = asyncio.Event()

    class Slow:
        def __init__(self, target: Any) -> None:
            self._target = target

        def __getattr__(self, name: str) -> Any:
            return getattr(self._target, name)

        async def send(self, request: Request) -> Any:
            await going.wait()
            return await self._target.send(request)

    cycle = asyncio.create_task(pair.cycle(Slow))
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene))
        await visitor.sees("Running")
        await visitor.sees("so far")
        going.set()
        await cycle
        await expect(visitor.page.locator("#cycle")).to_contain_text("create: 5", timeout=10_000)


async def test_a_session_that_ended_leads_back_to_where_one_was(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/logs?status=success"))
        async with pair.house.database.transaction() as tx:
            await tx.execute("delete from session")
        await visitor.type("Identity", "ada")
        await visitor.type("User principal name *", "admin@contoso.com")
        await visitor.type("Password *", "correct horse battery")
        await visitor.press("Sign in")
        await visitor.heading("Provisioning logs")


async def test_a_mapping_is_edited_with_the_keyboard_alone(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        page = visitor.page
        await page.goto(_app(scene, "/mappings/user"))
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        await page.keyboard.press("Enter")
        await _tab_to(visitor, "mail")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Source attribute / Expression")).to_be_focused()
        await page.keyboard.press("Control+A")
        await page.keyboard.type("userPrincipalName")
        await page.keyboard.press("Escape")
        await _tab_to(visitor, "OK")
        await page.keyboard.press("Enter")
        await visitor.sees("1 unsaved edit.")
        await _tab_to(visitor, "Discard")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("unsaved edit")).to_have_count(0)


async def _tab_to(visitor: Visitor, name: str) -> None:
    for _ in range(60):
        await visitor.page.keyboard.press("Tab")
        if await visitor.page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"{name} is not reached with the keyboard")


async def test_people_and_groups_are_edited_in_the_portal(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(f"{scene.portal}/users")
        await visitor.press("New user")
        await visitor.type("User principal name *", "not a name")
        await visitor.press("Create")
        await visitor.sees("is not a user principal name like ada@contoso.com")
        await visitor.type("User principal name *", "joan@contoso.com")
        await visitor.press("Create")
        await visitor.heading("joan@contoso.com")
        await visitor.type("displayName", "Joan Clarke")
        await visitor.press("Save")
        await visitor.heading("Joan Clarke")
        await visitor.press("Disable")
        await visitor.sees("makes their accounts inactive")
        await visitor.press("Disable", visitor.page.get_by_role("dialog"))
        await visitor.sees("joan@contoso.com is disabled")
        await visitor.page.goto(f"{scene.portal}/groups")
        await visitor.click("Analysts")
        await visitor.type("Add a user or group", "joan@contoso.com")
        await visitor.press("Add")
        await visitor.sees("joan@contoso.com is a member of Analysts now")
        await visitor.tick("joan@contoso.com")
        await visitor.press("Remove the ticked")
        await visitor.sees("They stay in the directory.")
        await visitor.press("Remove", visitor.page.get_by_role("dialog"))
        await visitor.sees("1 removed from Analysts")


async def test_the_last_administrator_keeps_the_role(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(f"{scene.portal}/roles")
        row = visitor.page.get_by_role("row").filter(has_text="admin@contoso.com")
        await visitor.press("Remove", row)
        await visitor.press("Remove", visitor.page.get_by_role("dialog"))
        await visitor.sees("appoint another one first")


async def test_an_application_is_renamed_and_deleted_and_its_accounts_stay(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/properties"))
        await visitor.type("Name *", "Data workspace")
        await visitor.press("Save")
        await visitor.sees("Saved.")
        await visitor.press("Delete")
        await visitor.sees("nobody is disabled there")
        await visitor.type("Type its name to confirm *", "data workspace")
        await visitor.press("Delete for good")
        await visitor.sees("Type the name of the application, Data workspace, to delete it.")
        await visitor.type("Type its name to confirm *", "Data workspace")
        await visitor.press("Delete for good")
        await visitor.sees("Data workspace is deleted.")
        await expect(visitor.page.get_by_role("link", name="Data workspace")).to_have_count(0)
        assert (await pair.account("ada"))["active"] is True


async def test_ctrl_k_goes_to_somebody_without_a_mouse(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        page = visitor.page
        await page.keyboard.press("Control+k")
        await page.keyboard.type("grace@")
        await expect(page.locator("#found a")).to_have_count(1)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page).to_have_title(re.compile("grace@contoso.com"))
        await page.keyboard.press("Control+k")
        await page.keyboard.type("workers")
        await expect(page.locator("#found a")).to_have_count(1)
        await page.keyboard.press("Enter")
        await visitor.heading("Workers")
        assert not visitor.complaints


async def test_a_file_of_people_is_checked_and_then_imported(pair: Pair, tmp_path: Path) -> None:
    scene = await Scene.make(pair)
    good, bad, other = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "other.csv"
    head = "userPrincipalName,displayName\n"
    good.write_text(f"\ufeff{head}gwen@contoso.com,Gwen Høpper\nhedy@contoso.com,Hedy\n", "utf-8")
    bad.write_text(f"{head}gwen@contoso.com,Gwen\nnobody,Nobody\n")
    other.write_bytes(f"{head}gwen@contoso.com,Gwen Høpper\n".encode("latin-1"))

    async def there() -> list[str]:
        async with pair.house.database.reading() as tx:
            found = await users.page(tx, pair.tenant, ("", FIRST), 99, users.Choice())
        return [f"{user.upn} {user.doc.get('displayName')}" for user in found if user.upn.startswith(("gwen", "hedy"))]

    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(f"{scene.portal}/users")
        await visitor.click("Import")
        await visitor.heading("Import users, groups and members")
        chooser, field = visitor.page.get_by_label("File"), visitor.page.get_by_label("What is in it")
        await chooser.set_input_files(other)
        await asyncio.sleep(0.2)
        assert await field.input_value() == "", "a letter that cannot be read is not made into another one"
        await chooser.set_input_files(bad)
        await expect(field).to_have_value(bad.read_text())
        await visitor.press("Check")
        await visitor.sees("Line 3: ")
        await visitor.sees("Nothing is imported.")
        await chooser.set_input_files(good)
        await visitor.press("Check")
        await visitor.sees("New or changed would be: 2 users.")
        await visitor.page.get_by_text("Which", exact=True).click()
        await visitor.sees("create user gwen@contoso.com")
        assert await there() == []
        await visitor.press("Import")
        await visitor.sees("Imported: 2 users.")
        assert await there() == ["gwen@contoso.com Gwen Høpper", "hedy@contoso.com Hedy"]
        assert visitor.complaints == []
