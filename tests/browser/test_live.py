"""Pages that stay open: what happens appears by itself, and nothing is taken from under anybody's hands."""

from __future__ import annotations

from collections import Counter

from playwright.async_api import expect
from scene import Scene
from visitor import chromium, needs_browser

from pair import Pair
from provisor.directory import users

pytestmark = needs_browser

#: Whether a page is looked at, as the browser says.
HIDE = """
Object.defineProperty(document, "hidden", {get: () => %s, configurable: true});
document.dispatchEvent(new Event("visibilitychange"));
"""


async def test_what_happens_appears_on_a_page_that_stays_open(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        page = visitor.page
        asked: Counter[str] = Counter()
        page.on("request", lambda request: asked.update(["live" if "x-live" in request.headers else "other"]))
        await page.goto(f"{scene.portal}/applications/{pair.application}/logs")
        await page.evaluate("window.stays = true")
        await pair.user("zoe")
        await pair.sync()
        await expect(page.locator("#list").get_by_text("zoe@contoso.com").first).to_be_visible(timeout=15_000)
        assert await page.evaluate("window.stays") is True and asked["live"]
        # What is marked, or typed into, is not replaced.
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('#list td'))")
        kept = await page.evaluate("document.querySelector('#list').kept = true")
        await pair.user("yan")
        await pair.sync()
        await page.wait_for_timeout(7000)
        assert kept and await page.evaluate("document.querySelector('#list').kept") is True
        await page.evaluate("getSelection().empty()")
        await expect(page.locator("#list").get_by_text("yan@contoso.com").first).to_be_visible(timeout=15_000)
        assert visitor.complaints == []


async def test_nobody_is_asked_for_a_page_that_nobody_sees_and_a_bad_answer_is_not_the_last(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        page = visitor.page
        await page.goto(f"{scene.portal}/applications/{pair.application}")
        asked: Counter[str] = Counter()
        page.on("request", lambda request: asked.update([request.url.rpartition("/")[2]]))
        await page.evaluate(HIDE % "true")
        await page.wait_for_timeout(1000)
        asked.clear()
        await page.wait_for_timeout(5000)
        assert not asked
        await page.route("**/cycle", lambda route: route.fulfill(status=503, body="away"))
        await page.evaluate(HIDE % "false")
        await expect(page.locator("#cycle h2")).to_be_visible()
        await page.wait_for_timeout(5000)
        assert asked["cycle"] >= 1
        await expect(page.locator("#cycle h2")).to_be_visible()
        await page.unroute("**/cycle")
        await pair.user("zoe")
        result = await pair.sync()
        await expect(page.locator("#cycle")).to_contain_text(str(result.cycle.number), timeout=15_000)


async def test_leavers_come_and_go_on_the_open_page(pair: Pair) -> None:
    scene = await Scene.make(pair)
    eve = await pair.user("eve")
    await pair.sync()
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(f"{scene.portal}/leavers")
        async with pair.edit() as work:
            await users.change(work, eve, {"accountEnabled": False})
        await pair.house.notice_leavers(pair.tenant, pair.application)
        await visitor.sees("eve@contoso.com")
        await pair.sync()
        await expect(visitor.page.locator("#leavers")).to_contain_text("Nobody who left is active", timeout=15_000)
        assert visitor.complaints == []


async def test_when_a_cycle_has_ended_the_figures_beside_it_are_new(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        page = visitor.page
        await page.goto(f"{scene.portal}/applications/{pair.application}")
        await pair.user("zoe")
        await pair.sync()
        async with page.expect_response("**/activity?span=*"), page.expect_response("**/statistics"):
            # As if one had been running when it was asked before.
            await page.route("**/cycle", lambda route: route.continue_(url=f"{route.request.url}?running=1"), times=1)
        await expect(page.locator("#activity")).to_contain_text("Created", timeout=15_000)
        assert visitor.complaints == []


async def test_a_form_that_nobody_answers_says_so_and_what_was_said_before_goes(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        page = visitor.page
        await page.goto(f"{scene.portal}/users/{scene.user}")
        await visitor.press("Save")
        await expect(page.locator("#notice .alert")).to_be_visible()
        await page.route("**/users/**", lambda route: route.abort())
        await visitor.press("Save")
        await visitor.sees("The server does not answer: nothing is known to be done.")
        await expect(page.locator("#notice .alert")).to_have_count(0)
