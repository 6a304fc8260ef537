"""An application lets somebody sign in with a real browser: there and back across two sites, and out again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web
from playwright.async_api import expect
from visitor import Visitor, chromium, needs_browser

from pair import Pair
from provisor.directory import relying_parties
from relying_party import RelyingParty, World, discovered
from serving import serving

PASSWORD = "correct horse battery"


@asynccontextmanager
async def application(pair: Pair, *, public: bool = False) -> AsyncIterator[tuple[RelyingParty, list[dict[str, str]]]]:
    """An application with a web site, and what browsers have brought there."""
    brought: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            brought.append({name: str(value) for name, value in (await request.post()).items()})
            # Another site of the application's.
            onwards = request.url.with_host("localhost").with_query(done="1")
            return web.Response(status=303, headers={"Location": str(onwards)})
        if request.query:
            brought.append(dict(request.query))
        return web.Response(text=f"<h1>The application: {request.path}</h1>", content_type="text/html")

    async with serving(answer) as site:
        async with pair.edit() as work:
            app = await pair.app(work.tx)
            party, secret = await relying_parties.register(work, app, [f"{site}/in"], [f"{site}/out"], public=public)
            if not public:
                party, secret = await relying_parties.renew(work, app)
        yield RelyingParty(pair, str(party.id), secret, await discovered(pair), f"{site}/in"), brought


async def sign_in(visitor: Visitor, name: str | None) -> None:
    if name is not None:
        await visitor.type("User principal name *", name)
    await visitor.type("Password *", PASSWORD)
    await visitor.press("Sign in")


@needs_browser
async def test_seed_03_somebody_signs_in_to_an_application_and_out_of_it(pair: Pair) -> None:
    world = await World.make(pair)
    async with application(pair) as (party, brought), chromium() as browser:
        visitor = await Visitor.arrive(browser)
        asking = party.ask()
        await visitor.page.goto(asking.url)
        await sign_in(visitor, "ada@contoso.com")
        await visitor.heading("The application: /in")
        told = await asking.told(await asking.fetch(brought[-1]["code"]))
        assert told["sub"] == str(world.ada) and brought[-1]["iss"] == told["iss"]
        # Signed in as they are, nobody is asked; asked again, they are, and with their name filled in.
        quick = party.ask()
        await visitor.page.goto(quick.url)
        await visitor.heading("The application: /in")
        fresh = party.ask(prompt="login")
        await visitor.page.goto(fresh.url)
        await visitor.heading("Sign in to contoso.com")
        await expect(visitor.page.get_by_label("User principal name *")).to_have_value("ada@contoso.com")
        await sign_in(visitor, None)
        await visitor.heading("The application: /in")
        assert [one["state"] for one in brought] == [asking.state, quick.state, fresh.state]
        # Out, asked because the application shows no proof.
        out = f"client_id={party.client}&post_logout_redirect_uri={party.redirect.replace('/in', '/out')}&state=x"
        await visitor.page.goto(f"{party.configuration['end_session_endpoint']}?{out}")
        await visitor.heading("Sign out of contoso.com?")
        await visitor.press("Sign out")
        await visitor.heading("The application: /out")
        assert brought[-1] == {"state": "x"}
        await visitor.page.goto(party.ask().url)
        await visitor.heading("Sign in to contoso.com")
        assert visitor.complaints == []


@needs_browser
async def test_a_program_on_somebodys_machine_is_let_on_with_a_click(pair: Pair) -> None:
    world = await World.make(pair)
    async with application(pair, public=True) as (party, brought), chromium() as browser:
        visitor = await Visitor.arrive(browser)
        asking = replace(party).ask()
        await visitor.page.goto(asking.url)
        await sign_in(visitor, "ada@contoso.com")
        await visitor.heading("Go on to app?")
        assert brought == []
        await visitor.press("Go on")
        await visitor.heading("The application: /in")
        assert (await asking.told(await asking.fetch(brought[-1]["code"])))["sub"] == str(world.ada)
        assert visitor.complaints == []


@needs_browser
async def test_whoever_is_not_assigned_reads_why_and_finds_the_way_back(pair: Pair) -> None:
    world = await World.make(pair)
    await pair.unassign(world.ada)
    async with application(pair) as (party, brought), chromium() as browser:
        visitor = await Visitor.arrive(browser)
        await visitor.page.goto(party.ask().url)
        await sign_in(visitor, "ada@contoso.com")
        await visitor.sees("ada@contoso.com is not assigned to app")
        await visitor.click("Back to app")
        await visitor.heading("The application: /in")
        assert brought[-1]["error"] == "access_denied"


@needs_browser
async def test_an_answer_in_a_form_goes_to_the_application_by_itself_and_on_to_where_it_sends(pair: Pair) -> None:
    world = await World.make(pair)
    async with application(pair) as (party, brought), chromium() as browser:
        visitor = await Visitor.arrive(browser)
        asking = party.ask(response_mode="form_post", prompt="consent")
        await visitor.page.goto(asking.url)
        await sign_in(visitor, "ada@contoso.com")
        await visitor.heading("Go on to app?")
        await visitor.press("Go on")
        await visitor.heading("The application: /in")
        assert brought[-1] == {"done": "1"}
        assert brought[-2]["state"] == asking.state
        assert (await asking.told(await asking.fetch(brought[-2]["code"])))["sub"] == str(world.ada)
        assert visitor.complaints == []
