"""API clients and the provider elsewhere in a browser: a secret shown once, a provider tested before it is saved, and
somebody who is asked whether it is them."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from visitor import Visitor, chromium, needs_browser, sign_in

from foreign_provider import SECRET, ForeignProvider
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR


async def administrator(pair: Pair, visitor: Visitor) -> str:
    """Sign the administrator in; returns the portal's address."""
    await sign_in(visitor, await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com"))
    return f"{pair.base.partition('/w/')[0]}/t/{pair.tenant.name}"


async def accessible(visitor: Visitor) -> None:
    found = await Axe().run(visitor.page)
    assert found.response["violations"] == []
    assert await visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@needs_browser
async def test_a_secret_is_shown_once_and_can_be_copied(pair: Pair) -> None:
    async with chromium() as browser:
        visitor = await Visitor.arrive(browser)
        await administrator(pair, visitor)
        await visitor.click("API clients")
        await visitor.press("New client")
        await visitor.type("Name *", "terraform")
        await visitor.press("Create")
        await visitor.sees("Choose a role")
        await visitor.choose("Role", "Global Reader")
        await visitor.press("Create")
        await visitor.sees("terraform is a client now. The secret is shown once: copy it now.")
        secret = await visitor.page.get_by_label("client_secret", exact=True).input_value()
        identity = await visitor.page.get_by_label("client_id", exact=True).input_value()
        assert len(secret) == 43
        await expect(visitor.page.get_by_role("button", name="Create", exact=True)).to_be_hidden()
        await visitor.press("Copy client_secret")
        await visitor.sees("Copied")
        await accessible(visitor)
        await visitor.page.get_by_role("dialog").get_by_role("link", name="Close").click()
        await visitor.sees(identity)
        assert secret not in await visitor.page.content()
        await visitor.press("Renew the secret of terraform")
        await visitor.press("Renew")
        await visitor.sees("terraform has another secret; the one before counts until")
        assert await visitor.page.get_by_label("client_secret", exact=True).input_value() != secret
        await accessible(visitor)
        assert not [text for text in visitor.complaints if "400" not in text]


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
async def test_a_provider_is_tested_saved_and_connected(pair: Pair, width: int, scheme: str) -> None:
    async with chromium() as browser, ForeignProvider.open() as foreign:
        visitor = await Visitor.arrive(browser, width=width, color_scheme=scheme)
        start = await administrator(pair, visitor)
        foreign.register(f"{start}/signed-in")
        foreign.name = "ada@example.com"
        await visitor.click("External provider")
        await expect(visitor.page.get_by_label("Redirect URI")).to_have_value(f"{start}/signed-in")
        await visitor.type("Issuer *", f"{foreign.issuer}/")
        await visitor.press("Test")
        await visitor.sees("the issuer must be written exactly so")
        await visitor.type("Issuer *", foreign.issuer)
        await visitor.press("Test")
        await visitor.sees("answers as an OpenID provider should")
        await visitor.type("Client id *", "provisor")
        await visitor.type("Client secret", SECRET)
        await visitor.type("Name *", "Entra ID")
        await visitor.press("Save")
        await visitor.sees("Saved: people sign in with Entra ID.")
        await visitor.page.goto(f"{start}/account")
        await visitor.page.locator("#f-connect").fill("correct horse battery")
        await visitor.press("Connect with Entra ID")
        await visitor.heading("Is this you at Entra ID?")
        await visitor.sees("ada@example.com")
        await accessible(visitor)
        await visitor.press("Connect")
        await visitor.sees(f"You can sign in with Entra ID from now on, as the subject {foreign.subject}.")
        await visitor.page.goto(f"{start}/external-provider")
        await visitor.press("Unlink")
        await visitor.press("Unlink", visitor.page.get_by_role("dialog"))
        await visitor.sees("is not linked any more")
        assert not [text for text in visitor.complaints if "503" not in text]
