"""The engine in the portal: approving a plan, policies, on demand, health with drift, the summary."""

from __future__ import annotations

import asyncio
import csv
import json

from playwright.async_api import expect
from scene import Scene
from visitor import chromium, needs_browser

from pair import Pair
from provisor import audit

pytestmark = needs_browser


def _app(scene: Scene, path: str) -> str:
    return f"{scene.portal}/applications/{scene.pair.application}{path}"


async def test_a_plan_is_approved_and_done_or_refused_when_something_moved(pair: Pair) -> None:
    scene = await Scene.make(pair)
    eve = await pair.user("eve")
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/plan"))
        await visitor.press("Plan again")
        await visitor.sees("eve@contoso.com")
        await pair.set_user(eve, surname="Moved")
        await visitor.press("Approve, and do exactly that")
        await visitor.sees("Nothing was done: source or target moved since the plan was made")
        assert await pair.account("eve") is None
        await visitor.press("Plan again")
        await visitor.press("Approve, and do exactly that")
        await visitor.sees("The plan was done as cycle")
        assert (await pair.account("eve"))["displayName"] == "Eve Moved"
        assert visitor.complaints == []
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, f"tenant/{pair.tenant.name}", 10, audit.Filter(action="approve plan"))
    assert len(rows) == 2 and "admin@contoso.com" in rows[0]["actor"]


async def test_the_guard_is_released_in_the_portal_by_a_word_of_its_own(pair: Pair) -> None:
    scene = await Scene.make(pair)
    people = [await pair.user(f"p{number}") for number in range(25)]
    await pair.sync()
    for person in people[:10]:
        await pair.unassign(person)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/plan"))
        await visitor.press("Plan again")
        await visitor.sees("The guard against accidental deletion holds the plan")
        await visitor.press("Approve, and do exactly that")
        await visitor.sees("Nothing was done: The guard")
        await visitor.press("Plan again")
        await visitor.tick("It is meant: let it through")
        await visitor.press("Approve, and do exactly that")
        await visitor.sees("The plan was done as cycle")
        assert (await pair.account("p0"))["active"] is False


async def test_policies_are_kept_and_adoptions_wait_for_approval(pair: Pair) -> None:
    scene = await Scene.make(pair)
    await pair.call("POST", "/Users", {"userName": "eve@contoso.com", "displayName": "By hand"})
    await pair.user("eve")
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/policies"))
        await visitor.choose("Accounts that were there before", "hold")
        await visitor.choose("Drift of displayName", "overwrite")
        await visitor.type("Per cent of the accounts", "35")
        await visitor.press("Save")
        await visitor.sees("Saved. The next cycle looks at everything")
        app = await pair.app()
        assert (app.policies.adoption, app.policies.about("displayName"), app.guard_percent) == (
            "hold",
            "overwrite",
            35,
        )
        assert app.policies.about("userName") == "report"
        await pair.sync()
        assert (await pair.account("eve"))["displayName"] == "By hand"
        await visitor.page.goto(_app(scene, "/plan"))
        await visitor.tick("Merge accounts that were there before")
        await visitor.press("Plan again")
        await visitor.sees("was there before and is merged")
        await visitor.press("Approve, and do exactly that")
        await visitor.sees("The plan was done as cycle")
        assert (await pair.account("eve"))["displayName"] == "Eve"


async def test_somebody_is_explained_and_provisioned_on_demand(pair: Pair) -> None:
    scene = await Scene.make(pair)
    await pair.user("eve")
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/on-demand"))
        await visitor.type("Name", "eve@contoso.com")
        await visitor.press("Explain")
        await visitor.sees("eve@contoso.com is assigned directly.")
        await visitor.sees("create user: is assigned directly and has no account")
        await visitor.press("Provision now")
        await visitor.heading("Provision on demand")
        await visitor.sees("was created at the target")
        await visitor.sees("is theirs.")
        assert await pair.account("eve") is not None
        await visitor.type("Name", "nobody@contoso.com")
        await visitor.press("Explain")
        await visitor.sees("There is no user nobody@contoso.com")
        assert visitor.complaints == []


async def test_health_finds_what_is_wrong_and_what_was_changed_at_the_target(pair: Pair) -> None:
    scene = await Scene.make(pair)
    operations = [{"op": "replace", "path": "displayName", "value": "By hand"}]
    await pair.call("PATCH", f"/Users/{scene.account}", {"Operations": operations})
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/health"))
        await visitor.sees("Provisioning Status is Off: only provisor sync runs a cycle.")
        await visitor.click("Schedule")
        await visitor.heading("Provisioning")
        await visitor.page.goto(_app(scene, "/health"))
        await visitor.press("Compare now")
        await visitor.sees("was changed at the target: displayName is 'By hand' instead of")
        await visitor.page.goto(_app(scene, "/summary"))
        await expect(visitor.page.get_by_role("img", name="Operations per day")).to_be_visible()
        await visitor.sees("EntrySynchronizationError: 1")
        await visitor.page.get_by_role("link", name="7 days").click()
        await visitor.sees("In 7 days")
        assert visitor.complaints == []


async def test_seed_52_the_log_is_downloaded_as_it_is_filtered_and_tells_its_steps(pair: Pair) -> None:
    scene = await Scene.make(pair, "=1+1")
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_app(scene, "/logs?action=create&q=ada"))
        async with visitor.page.expect_download() as download:
            await visitor.page.get_by_role("link", name="CSV").click()
        path = await (await download.value).path()
        rows = list(csv.reader(await asyncio.to_thread(lambda: path.read_text("utf-8-sig").splitlines())))
        assert len(rows) == 2 and rows[1][4] == "ada@contoso.com"
        assert not any(value.startswith(("=", "+")) for row in rows for value in row)
        async with visitor.page.expect_download() as download:
            await visitor.page.get_by_role("link", name="JSON").click()
        path = await (await download.value).path()
        value = json.loads(await asyncio.to_thread(path.read_text))
        assert [item["provisioningAction"] for item in value["value"]] == ["create"]
        await visitor.page.goto(_app(scene, scene.entry))
        await visitor.sees("User 'ada@contoso.com': no account has its matching attributes")
        assert visitor.complaints == []
