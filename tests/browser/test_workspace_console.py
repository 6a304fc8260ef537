"""What a workspace's admin does in its console: users, check boxes, groups, access tokens, and what is asked first."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect
from scene import Scene
from visitor import chromium, needs_browser

from pair import Pair
from provisor.access.actors import PROVISOR
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups as teams
from provisor.workspace import tokens
from provisor.workspace import users as accounts

pytestmark = needs_browser


async def test_admin_and_cluster_creation_are_check_boxes_and_the_last_admin_stays(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.tick("Allow cluster creation: ada@contoso.com")
        await visitor.sees("ada@contoso.com: Allow cluster creation on.")
        assert {"value": "allow-cluster-create"} in (await pair.account("ada"))["entitlements"]
        await visitor.page.get_by_label("Admin: ops@contoso.com").click()
        await visitor.sees("The last active admin")
        await expect(visitor.page.get_by_label("Admin: ops@contoso.com")).to_be_checked()
        await visitor.tick("Admin: local@contoso.com")
        await visitor.sees("local@contoso.com: Admin on.")


async def test_seed_48_an_entitlement_is_shown_with_what_gives_it(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Groups")
        await visitor.click("Analysts")
        await visitor.page.get_by_role("checkbox", name="Allow cluster creation").check()
        await visitor.sees("Saved.")
        await visitor.click("ada@contoso.com")
        await visitor.sees("through Analysts")
        box = visitor.page.get_by_role("checkbox", name="Allow cluster creation")
        await expect(box).not_to_be_checked()
        await box.check()
        await visitor.sees("also through Analysts")


async def test_seed_49_removing_a_user_says_what_it_does_and_does_it(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        row = visitor.page.get_by_role("row").filter(has_text="ada@contoso.com")
        await visitor.press("Remove", row)
        await visitor.sees("Other workspaces are not touched")
        await visitor.press("Delete User", visitor.page.get_by_role("dialog"))
        await visitor.sees("ada@contoso.com is removed")
        assert await pair.account("ada") is None
        await visitor.click("Removed users (2)")
        await expect(visitor.page.get_by_role("cell", name="ada@contoso.com", exact=True)).to_be_visible()


async def test_groups_are_created_filled_and_deleted(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Groups")
        await visitor.press("Create Group")
        await visitor.type("Name *", "admins")
        await visitor.press("Create Group", visitor.page.get_by_role("dialog"))
        await visitor.sees("is reserved")
        await visitor.type("Name *", "Night shift")
        await visitor.press("Create Group", visitor.page.get_by_role("dialog"))
        await visitor.heading("Night shift")
        for member in ("local@contoso.com", "Analysts"):
            await visitor.type("Add users or groups", member)
            await visitor.press("Add")
            await visitor.sees(f"{member} is a member of Night shift now")
        await visitor.press("Remove", visitor.page.get_by_role("row").filter(has_text="local@contoso.com"))
        await visitor.sees("local@contoso.com leaves Night shift. What other groups give")
        await visitor.press("Remove member", visitor.page.get_by_role("dialog"))
        await visitor.sees("local@contoso.com is no member of Night shift any more")
        await visitor.press("Delete")
        await visitor.press("Delete", visitor.page.get_by_role("dialog"))
        await visitor.sees("The group Night shift is deleted")


async def test_seed_8_9_a_token_is_shown_once_warns_and_is_revoked(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Access Tokens")
        await visitor.press("Generate New Token")
        await visitor.sees("ops@contoso.com is provisioned by no application now")
        await visitor.type("Comment", "for the other application")
        await visitor.press("Generate")
        shown = visitor.page.get_by_label("The access token of ops@contoso.com")
        token = await shown.input_value()
        await visitor.press("Copy")
        status, _ = await pair.call("GET", "/Me", headers={"Authorization": f"Bearer {token}"})
        assert status == 200
        await visitor.click("Close")
        assert token not in await visitor.page.content()
        await visitor.press("Revoke", visitor.page.get_by_role("row").filter(has_text="for the other application"))
        await visitor.sees("for the other application is refused from the next request on")
        await visitor.press("Revoke Token", visitor.page.get_by_role("dialog"))
        await visitor.sees("The token is revoked")
        status, _ = await pair.call("GET", "/Me", headers={"Authorization": f"Bearer {token}"})
        assert status == 403


async def test_seed_9_an_admin_who_is_provisioned_is_warned_before_making_a_token(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await accounts.set_admin(work, "ada@contoso.com", True)
    async with chromium() as browser:
        visitor = await scene.admin(browser, name="ada@contoso.com")
        await visitor.click("Access Tokens")
        await visitor.press("Generate New Token")
        await visitor.sees("ada@contoso.com is provisioned now, by app: use another admin for that application.")


async def test_the_audit_log_is_searched_and_shows_before_and_after(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.tick("Allow cluster creation: ada@contoso.com")
        await visitor.sees("ada@contoso.com: Allow cluster creation on.")
        await visitor.click("Audit log")
        await visitor.type("What", "ADA@contoso")
        await visitor.choose("Action", "change")
        rows = visitor.page.get_by_role("row").filter(has_text="change")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("ops@contoso.com")
        await expect(rows).to_contain_text("127.0.0.1")
        await rows.locator("summary").click()
        await expect(rows).to_contain_text("allow-cluster-create")
        await visitor.type("What", "nobody at all")
        await visitor.sees("No entry is like that.")


async def test_tokens_are_turned_off_limited_and_permitted(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Access Tokens")
        await visitor.type("Longest lifetime (days)", "30")
        await visitor.press("Save")
        await visitor.sees("Saved.")
        await visitor.press("Generate New Token")
        await visitor.type("Lifetime (days)", "31")
        await visitor.press("Generate")
        await visitor.sees("A token lives at most 30 days")
        await visitor.page.keyboard.press("Escape")
        await visitor.type("User or group *", "Analysts")
        await visitor.press("Add")
        await visitor.sees("Analysts may use access tokens now.")
        await visitor.press("Remove")
        await visitor.press("Remove", visitor.page.get_by_role("dialog"))
        await visitor.sees("0 tokens have ended")
        await visitor.page.get_by_label("Enabled").uncheck()
        await visitor.press("Save")
        await visitor.sees("Turned off")
        assert (await pair.call("GET", "/Me"))[0] == 403
        await visitor.page.get_by_label("Enabled").check()
        await visitor.press("Save")
        # The page of before says Saved. as well.
        await visitor.page.get_by_text("Turned off").first.wait_for(state="detached")
        assert (await pair.call("GET", "/Me"))[0] == 200


async def test_the_health_of_a_token_is_shown(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await accounts.set_admin(work, "ada@contoso.com", True)
        owner = await accounts.find(work.tx, pair.workspace, "ada@contoso.com")
        token = (await tokens.create(work, owner, comment="hers", lifetime_days=3)).value
    headers = {"Authorization": f"Bearer {token}"}
    assert (await pair.call("POST", "/Users", {"userName": "ada@contoso.com"}, headers=headers))[0] == 409
    await asyncio.sleep(1.5)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Access Tokens")
        row = visitor.page.get_by_role("row").filter(has_text="hers")
        await expect(row).to_contain_text("ada@contoso.com is provisioned by app, which can disable this token.")
        await expect(row).to_contain_text("It expires within two weeks.")
        await expect(row).to_contain_text("409, User with username ada@contoso.com already exists. (1 in all)")


async def test_who_was_removed_is_allowed_again(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Removed users (1)")
        await visitor.press("Allow left@contoso.com again")
        await visitor.sees("left@contoso.com may be provisioned here again.")
        await visitor.sees("Nobody was removed here.")


async def test_ctrl_k_finds_what_is_in_the_workspace(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.page.keyboard.press("Control+k")
        field = visitor.page.get_by_label("A page, a user, a group or a service principal")
        await expect(field).to_be_focused()
        await field.fill("ada@")
        await expect(visitor.page.locator("#found a")).to_have_count(1)
        await visitor.page.keyboard.press("Enter")
        await visitor.sees("Provisioned by app")
        await visitor.press("Go to… Ctrl K")
        await field.fill("sett")
        await visitor.page.get_by_role("link", name="Settings Page").click()
        await visitor.heading("Settings")


async def test_an_extension_and_the_names_of_groups_are_set(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Settings")
        await visitor.press("Add an extension")
        await visitor.type("Schema", '{"id": "urn:x')
        await visitor.press("Add", visitor.page.get_by_role("dialog"))
        await visitor.sees("The schema is not JSON that can be used")
        urn = "urn:ietf:params:scim:schemas:extension:contoso:2.0:User"
        await visitor.type(
            "Schema", f'{{"id": "{urn}", "name": "C", "attributes": [{{"name": "badge", "type": "string"}}]}}'
        )
        await visitor.press("Add", visitor.page.get_by_role("dialog"))
        await visitor.sees(f"Each User can have {urn} now.")
        await visitor.sees("Of each User: badge")
        await visitor.choose("Another name for a group", "Allowed")
        await visitor.press("Save")
        await visitor.sees("Saved.")
        await expect(visitor.page.get_by_label("Another name for a group")).to_have_value("allow")


async def test_seed_48_a_nested_grant_is_shown_with_its_whole_way(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await teams.add(work, "Everybody here", {"entitlements": [{"value": "allow-cluster-create"}]})
        await teams.add_member(work, "Everybody here", "Analysts")
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("ada@contoso.com")
        await visitor.sees("through Analysts › Everybody here")


async def test_effective_members_are_those_through_groups_too(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await teams.add(work, "Everybody here")
        for member in ("Analysts", "local@contoso.com"):
            await teams.add_member(work, "Everybody here", member)
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Groups")
        await visitor.click("Everybody here")
        ada = visitor.page.get_by_role("row").filter(has_text="ada@contoso.com")
        await expect(ada).to_have_count(0)
        await visitor.click("Effective members")
        await expect(ada).to_contain_text("through Analysts")
        await visitor.type("Search members", "local")
        await expect(ada).to_have_count(0)
        await expect(visitor.page.get_by_role("row").filter(has_text="local@contoso.com")).to_have_count(1)
        await visitor.click("Direct members")
        await expect(visitor.page.get_by_role("heading", name="Members", exact=True)).to_be_visible()


async def test_groups_in_groups_are_unfolded_and_their_parents_changed(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        for name in ("Top", "Middle", "Bottom"):
            await teams.add(work, name)
        await teams.add_member(work, "Top", "Middle")
        await teams.add_member(work, "Middle", "Bottom")
        await teams.add_member(work, "Bottom", "local@contoso.com")
    async with chromium() as browser:
        visitor = await scene.admin(browser)
        await visitor.click("Groups")
        await visitor.click("Top")
        bottom = visitor.page.get_by_role("link", name="Bottom", exact=True)
        await expect(bottom).to_have_count(0)
        await visitor.page.get_by_text("1 group in Middle").click()
        await bottom.click()
        await visitor.heading("Bottom")
        await expect(visitor.page.get_by_role("listitem").filter(has_text="Top")).to_contain_text("through Middle")
        await visitor.type("Add to a group", "Bottom")
        await visitor.press("Add parent")
        await visitor.sees("Bottom contains Bottom and cannot be a member of it.")
        await visitor.press("Remove", visitor.page.get_by_role("listitem").filter(has_text="Middle").first)
        await visitor.sees("Bottom leaves Middle: its members lose what only Middle gives them.")
        await visitor.press("Remove parent", visitor.page.get_by_role("dialog"))
        await visitor.sees("Bottom is no member of Middle any more.")
        await visitor.type("Add to a group", "Top")
        await visitor.press("Add parent")
        await visitor.sees("Bottom is a member of Top now.")
