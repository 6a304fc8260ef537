"""What a page costs whoever comes for the first time: document, style, script and pictures, as the browser counts."""

from __future__ import annotations

from typing import Any

from playwright.async_api import CDPSession, Page
from scene import Scene
from visitor import chromium, needs_browser

from pair import Pair

#: Bytes over the line, headers included, with nothing kept from before.
MOST = 200_000


class Meter:
    """Adds up what comes over the line, as Chromium says when a request has ended."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self.bytes = 0
        session.on("Network.loadingFinished", self._add)

    @classmethod
    async def of(cls, page: Page) -> Meter:
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        return cls(session)

    def _add(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])


@needs_browser
async def test_no_page_costs_more_than_200_kb_with_nothing_kept(pair: Pair) -> None:
    scene = await Scene.make(pair)
    for number in range(60):
        # Lists have a full page of rows.
        await pair.user(f"person{number}", assigned=number < 55)
    async with pair.edit() as work:
        await work.tx.execute(
            "insert into sign_in (tenant, upn, resource, resource_name, address, methods, outcome, reason, policies) "
            "select tenant, upn, resource, resource_name, address, methods, outcome, reason, policies "
            "from sign_in, generate_series(1, 60) where tenant = $1",
            pair.tenant.id,
        )
    await pair.sync()
    costs: dict[str, int] = {}
    async with chromium() as browser:
        for visitor, start, paths in (
            (await scene.administrator(browser), scene.portal, [*scene.portal_pages(), "/sign-in"]),
            (await scene.admin(browser), scene.console, [*scene.console_pages(), "/sign-in"]),
        ):
            meter = await Meter.of(visitor.page)
            for path in paths:
                meter.bytes = 0
                await visitor.page.goto(start + path, wait_until="load")
                costs[start[-5:] + path] = meter.bytes
    print("\n".join(f"{cost:8,} {path}" for path, cost in sorted(costs.items(), key=lambda item: -item[1])[:12]))
    assert min(costs.values()) > 50_000, "the browser took style or script from its cache"
    assert {path: cost for path, cost in costs.items() if cost > MOST} == {}
