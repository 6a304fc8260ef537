"""Charts as people meet them: seen, clicked, read as a table, counted by the viewer's own clock, without script too."""

from __future__ import annotations

from playwright.async_api import expect
from scene import Scene
from visitor import chromium, needs_browser

from pair import Pair

pytestmark = needs_browser


async def test_a_bar_and_its_figure_lead_to_its_rows_of_the_log(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser, timezone_id="Asia/Tokyo")
        page, log = visitor.page, f"{scene.portal}/applications/{pair.application}"
        await page.goto(log)
        drawing = page.get_by_role("img", name="What happened, the last 24 hours")
        await expect(drawing).to_have_accessible_description("created 3, updated 1, failed or refused 1.")
        await page.locator(".hits a", has_text="Failed or refused, 1").click()
        await visitor.heading("Provisioning logs")
        await expect(page.locator("#list tbody tr")).to_have_count(1)
        await visitor.sees("matches the reserved group admins")
        await visitor.sees("(Asia/Tokyo)")
        await expect(page.get_by_label("Result", exact=True)).to_have_value("failed")
        # Typing keeps to the hour; leaving it is one click.
        await visitor.type("Identity", "nobody")
        await visitor.sees("No entry is like that.")
        await visitor.type("Identity", "")
        await expect(page.locator("#list tbody tr")).to_have_count(1)
        await visitor.click("At any time")
        await expect(page.locator("#list tbody tr")).to_have_count(1)
        # The same by keyboard, over the table.
        await page.goto(f"{log}/logs")
        await visitor.click("7 days")
        await page.get_by_text("Figures, times in Asia/Tokyo").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("table").first.get_by_role("link", name="3", exact=True).press("Enter")
        await expect(page.locator("#list tbody tr")).to_have_count(3)
        assert visitor.complaints == []


async def test_a_chart_needs_no_script(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        known = await scene.administrator(browser)
        context = await browser.new_context(java_script_enabled=False)
        await context.add_cookies(await known.page.context.cookies())  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(f"{scene.portal}/sign-ins?span=7d")
        box = await page.locator(".chart path.kind-success").bounding_box()
        assert box is not None and box["height"] > 10
        await page.locator(".hits a", has_text="Granted").first.click()
        assert "outcome=success" in page.url and await page.locator("#list tbody tr").count() >= 1
