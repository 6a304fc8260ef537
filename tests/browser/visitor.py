"""Somebody at a browser: Debian's Chromium, driven by what people see (roles and names), with clicks counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = Path("/usr/bin/chromium")
#: No sandbox: tests run as root too, and only ever see pages of their own.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_browser = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="no /usr/bin/chromium: make test installs it where it may (apt-get install chromium)"
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(slots=True)
class Visitor:
    """``complaints``: what the browser's console said: errors of scripts, things that the page's policy kept out."""

    page: Page
    clicks: Counter[int] = field(default_factory=Counter)
    statement: int = 0
    complaints: list[str] = field(default_factory=list)

    @classmethod
    async def arrive(cls, browser: Browser, *, width: int = 1280, height: int = 800, **more: Any) -> Visitor:
        context = await browser.new_context(viewport={"width": width, "height": height}, **more)
        page = await context.new_page()
        visitor = cls(page)
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        page.on("console", lambda said: visitor.complaints.append(said.text) if said.type == "error" else None)
        page.set_default_timeout(10_000)
        return visitor

    async def click(self, name: str, role: str = "link", within: Any = None) -> None:
        """Click what is called ``name``; counted for the page's statement that is being followed."""
        place = within or self.page
        await place.get_by_role(role, name=name, exact=True).click()
        self.clicks[self.statement] += 1

    async def press(self, name: str, within: Any = None) -> None:
        await self.click(name, "button", within)

    async def choose(self, label: str, option: str) -> None:
        await self.page.get_by_label(label, exact=True).select_option(option)
        self.clicks[self.statement] += 1

    async def tick(self, label: str) -> None:
        await self.page.get_by_label(label, exact=True).check()
        self.clicks[self.statement] += 1

    async def type(self, label: str, text: str) -> None:
        await self.page.get_by_label(label, exact=True).fill(text)

    async def sees(self, text: str) -> None:
        await expect(self.page.get_by_text(text).first).to_be_visible(timeout=15_000)

    async def heading(self, text: str) -> None:
        await expect(self.page.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()


async def sign_in(visitor: Visitor, link: str, password: str = "correct horse battery") -> None:
    """Set a password with a one-time link; the portal's first page follows."""
    await visitor.page.goto(link)
    await visitor.type("New password *", password)
    await visitor.type("The same again *", password)
    await visitor.press("Set password and sign in")
    await visitor.heading("Azure Active Directory")
