"""Second factors in Chromium: passkeys of its own virtual authenticator, and an app that reads the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pyotp
from playwright.async_api import expect
from visitor import Visitor, chromium, needs_browser, sign_in

from authenticator import base_of, start_of
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR


@asynccontextmanager
async def ada_arrives(pair: Pair, **authenticator: Any) -> AsyncIterator[tuple[Visitor, Any]]:
    """Ada, who has no role, with a virtual authenticator, signed in for the first time."""
    await pair.user("ada", assigned=False)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "ada@contoso.com")
    async with chromium() as browser:
        visitor = await Visitor.arrive(browser)
        devices = await visitor.page.context.new_cdp_session(visitor.page)
        await devices.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **authenticator,
        }
        await devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        await sign_in(visitor, link.replace("127.0.0.1", "localhost"))
        yield visitor, devices


async def page(visitor: Visitor, pair: Pair, path: str) -> None:
    await visitor.page.goto(base_of(pair) + start_of(pair) + path)


async def sign_out(visitor: Visitor) -> None:
    await visitor.page.get_by_text("ada@contoso.com", exact=True).first.click()
    await visitor.press("Sign out")
    await visitor.heading("Sign in to contoso.com")


async def with_password(visitor: Visitor) -> None:
    await visitor.type("User principal name *", "ada@contoso.com")
    await visitor.type("Password *", "correct horse battery")
    await visitor.press("Sign in")


async def signed_in(visitor: Visitor) -> None:
    await visitor.heading("Azure Active Directory")
    await visitor.sees("You have no directory role")


@needs_browser
async def test_a_passkey_is_added_asked_for_after_the_password_and_enough_without_it(pair: Pair) -> None:
    async with ada_arrives(pair) as (visitor, _):
        await visitor.click("My account", within=visitor.page.get_by_role("navigation"))
        await visitor.click("Add an authenticator app or a passkey")
        await visitor.heading("Security info")
        await visitor.type("Name of the passkey", "Laptop")
        await visitor.press("Add a passkey")
        await visitor.sees("Your passkey is added.")
        await visitor.sees("Laptop")
        await page(visitor, pair, "/")
        await sign_out(visitor)
        await with_password(visitor)
        await visitor.heading("Show that it is you")
        await visitor.press("Use a passkey")
        await signed_in(visitor)
        await sign_out(visitor)
        await visitor.press("Sign in with a passkey")
        await signed_in(visitor)
        # The same device again is told apart by the browser itself.
        await page(visitor, pair, "/account/security-info")
        await visitor.press("Add a passkey")
        await visitor.sees("This device has a passkey of yours already.")
        assert visitor.complaints == []
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch(
            "select methods from sign_in where tenant = $1 and outcome = 'success' order by id", pair.tenant.id
        )
        passkey = await tx.fetchrow("select sign_count, used from passkey where tenant = $1", pair.tenant.id)
    assert [set(row["methods"]) for row in rows][-2:] == [{"password", "passkey"}, {"passkey"}]
    assert passkey["used"] is not None and passkey["sign_count"] > 0


@needs_browser
async def test_an_authenticator_that_does_not_verify_its_user_makes_no_passkey(pair: Pair) -> None:
    async with ada_arrives(pair, isUserVerified=False) as (visitor, _):
        await page(visitor, pair, "/account/security-info")
        await visitor.press("Add a passkey")
        await visitor.sees("No passkey was used")
        assert visitor.complaints == []
    async with pair.house.database.reading() as tx:
        assert await tx.fetchval("select count(*) from passkey where tenant = $1", pair.tenant.id) == 0


@needs_browser
async def test_an_app_is_set_up_with_what_the_page_shows(pair: Pair) -> None:
    async with ada_arrives(pair) as (visitor, _):
        await page(visitor, pair, "/account/security-info")
        await visitor.press("Set up an authenticator app")
        picture = visitor.page.get_by_alt_text("QR code with the key for the app")
        await expect(picture).to_be_visible()
        assert await picture.evaluate("picture => picture.complete && picture.naturalWidth > 100")
        key = await visitor.page.get_by_label("Key for the app", exact=True).input_value()
        app = pyotp.TOTP(key.replace(" ", ""))
        await visitor.type("Code that the app shows now *", "000000")
        await visitor.press("Add the app")
        await visitor.sees("That code is not right")
        await visitor.type("Code that the app shows now *", app.now())
        await visitor.press("Add the app")
        await visitor.sees("Make recovery codes")
        await visitor.press("Make recovery codes")
        codes = await visitor.page.get_by_label("Recovery codes", exact=True).input_value()
        assert len(codes.split()) == 10
        await page(visitor, pair, "/")
        await sign_out(visitor)
        await with_password(visitor)
        await visitor.type("Code *", codes.split()[0])
        await visitor.press("Go on")
        await visitor.sees("You have 9 recovery codes left")
        # What the server refused, and nothing of the page's policy.
        assert [said for said in visitor.complaints if "403" not in said] == []
