"""Every page as people meet it: no violation of accessibility, nothing wider than a phone, nothing that somebody wrote
taken for markup, no complaint of the browser."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from scene import Scene
from visitor import Visitor, chromium, needs_browser

from authenticator import add_app, add_passkey, base_of, send, someone, start_of
from browser_like import signed_in, signed_in_to_workspace
from installation import Installation
from pair import OPS, Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.compose import House

#: Every page of both sites, one after the other.
pytestmark = pytest.mark.timeout(1200)
PAYLOADS: list[str] = json.loads((Path(__file__).parent / "payloads.json").read_text())


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
async def test_every_page_is_accessible_and_fits(pair: Pair, width: int, scheme: Any) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        administrator = await scene.administrator(browser, width=width, color_scheme=scheme)
        admin = await scene.admin(browser, width=width, color_scheme=scheme)
        faults = await _signed_out(scene, await Visitor.arrive(browser, width=width, color_scheme=scheme), width)
        faults += await _with_factors(scene, await Visitor.arrive(browser, width=width, color_scheme=scheme), width)
        for visitor, start, paths in (
            (administrator, scene.portal, scene.portal_pages()),
            (admin, scene.console, scene.console_pages()),
        ):
            for path in paths:
                faults += await _looked_at(visitor, start + path, width)
            faults += visitor.complaints
        assert not faults, "\n".join(faults)


async def _signed_out(scene: Scene, visitor: Visitor, width: int) -> list[str]:
    paths = [f"{scene.portal}/sign-in", f"{scene.console}/sign-in"]
    faults = [fault for path in paths for fault in await _looked_at(visitor, path, width)]
    # Whoever comes back with nothing is told so.
    for path in (f"{scene.portal}/signed-in", f"{scene.console}/signed-in"):
        faults += await _looked_at(visitor, path, width, status=403)
    return faults


async def _with_factors(scene: Scene, visitor: Visitor, width: int) -> list[str]:
    """The pages of somebody with an app, passkeys and recovery codes: while they sign in, and when they have."""
    pair = scene.pair
    client = await someone(pair, "pia")
    app = await add_app(client, pair)
    for name in ("Laptop", "Blue key"):
        await add_passkey(client, pair, name)
    await send(client, pair, "/account/security-info/recovery-codes")
    start = base_of(pair) + start_of(pair)
    faults = await _looked_at(visitor, f"{start}/sign-in", width)
    await visitor.type("User principal name *", "pia@contoso.com")
    await visitor.type("Password *", "correct horse battery")
    await visitor.press("Sign in")
    await visitor.heading("Show that it is you")
    for query in ("", "?need=passkey"):
        faults += await _looked_at(visitor, f"{start}/second-factor{query}", width)
    await visitor.page.goto(f"{start}/second-factor")
    await visitor.type("Code *", await app.code())
    await visitor.press("Go on")
    await visitor.heading("Azure Active Directory")
    faults += await _looked_at(visitor, f"{start}/account/security-info", width)
    return [*faults, *visitor.complaints]


async def _looked_at(visitor: Visitor, address: str, width: int, status: int = 200) -> list[str]:
    """What is wrong with a page, its dialogs and its folded parts open."""
    answer = await visitor.page.goto(address)
    assert answer is not None and answer.status == status, address
    await visitor.page.evaluate("for (const part of document.querySelectorAll('main details')) part.open = true")
    wide = await visitor.page.evaluate("document.documentElement.scrollWidth")
    faults = [f"{address} is {wide} wide"] if wide > width else []
    for number in range(-1, min(await visitor.page.locator("dialog").count(), 2)):
        if number >= 0:
            await visitor.page.locator("dialog").nth(number).evaluate("dialog => dialog.showModal()")
        found = await Axe().run(visitor.page)
        faults += [
            f"{address}: {violation['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for violation in found.response["violations"]
            for node in violation["nodes"]
        ]
        if number >= 0:
            await visitor.page.locator("dialog").nth(number).evaluate("dialog => dialog.close()")
    return faults


@needs_browser
async def test_nothing_that_somebody_wrote_runs(pair: Pair) -> None:
    """All payloads at once in a browser: no script of theirs runs, and the page's policy has nothing to keep out."""
    scene = await Scene.make(pair, " ".join(PAYLOADS)[:250])
    async with chromium() as browser:
        for visitor, start, paths in (
            (await scene.administrator(browser), scene.portal, scene.portal_pages()),
            (await scene.admin(browser), scene.console, scene.console_pages()),
        ):
            visitor.page.on("dialog", lambda dialog: visitor.complaints.append(dialog.message))  # noqa: B023
            for path in paths:
                await visitor.page.goto(start + path)
                assert await visitor.page.evaluate("window.hit") is None, path
            assert visitor.complaints == []


class _Shape(HTMLParser):
    """Elements with the names of their attributes, counted: rows may come in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag, tuple(name for name, _ in attrs)] += 1


def _shape(text: str) -> Counter[tuple[str, tuple[str, ...]]]:
    shape = _Shape()
    shape.feed(text)
    return shape.found


def _chunks(payloads: list[str], most: int = 220) -> list[str]:
    """The payloads, as many in one text as a name can hold."""
    found = [""]
    for payload in payloads:
        if len(found[-1]) + len(payload) > most:
            found.append("")
        found[-1] += payload
    return found


async def _shapes(scene: Scene) -> dict[str, Counter[tuple[str, tuple[str, ...]]]]:
    base = scene.portal.partition("/t/")[0]
    house, pair = scene.pair.house, scene.pair
    administrator = await signed_in(base, await compose.set_up_link(house, pair.tenant, PROVISOR, "admin@contoso.com"))
    link = await compose.workspace_sign_in_link(house, PROVISOR, pair.workspace, OPS)
    admin = await signed_in_to_workspace(base, link)
    found = {}
    for client, start, paths in (
        (administrator, scene.portal, scene.portal_pages()),
        (admin, scene.console, scene.console_pages()),
    ):
        for number, path in enumerate(paths):
            answered = await client.get(start.removeprefix(base) + path)
            while path == "/workers" and "Nothing of this tenant is at work" not in answered.text:
                # The server's own cycles come and go.
                await asyncio.sleep(0.2)
                answered = await client.get(start.removeprefix(base) + path)
            assert answered.status == 200, path
            found[f"{start[len(base) :][:3]} {number}"] = _shape(answered.text)
    return found


async def test_forty_payloads_in_every_text_leave_every_page_as_it_is(shop: Installation, house: House) -> None:
    """A page with payloads in every text has the same elements and attributes as one with a harmless word there."""
    assert len(PAYLOADS) == 40
    plain: dict[str, Any] = {}
    texts = ["Word", *_chunks(PAYLOADS)]
    # All workspaces first: pages offer their addresses.
    pairs = [await Pair.make(shop, house) for _ in texts]
    for pair, text in zip(pairs, texts, strict=True):
        shapes = await _shapes(await Scene.make(pair, text))
        await pair.close()
        plain = plain or shapes
        for page, shape in shapes.items():
            assert shape == plain[page], f"{text} on {page}"
