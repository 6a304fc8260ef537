"""Somebody hears of a quarantine when it begins and when it ends: by a signed webhook and by mail, and not twice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

import pytest
import pytest_asyncio
from aiohttp import web

from pair import Pair
from provisor import compose
from provisor.connectors.notify import Mail, Webhook
from provisor.refusal import Invalid
from provisor.sync.notices import Notifier


@dataclass(slots=True)
class Hook:
    """A webhook's other end: ``status`` is what it answers, ``heard`` what came (headers, body)."""

    url: str = ""
    status: int = 204
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@pytest_asyncio.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def postbox() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A mail server's address, and the mails that came."""
    mails: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                mails.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", mails
    server.close()


async def _mine(pair: Pair) -> int:
    """Notices of other tests are not this one's: they are taken as delivered. Returns how many are left."""
    async with pair.house.database.transaction() as tx:
        await tx.execute("update notice set delivered = now() where application <> $1", pair.application)
        return int(await tx.fetchval("select count(*) from notice where delivered is null"))


async def test_a_webhook_hears_once_that_it_began_and_once_that_it_ended(pair: Pair, hook: Hook) -> None:
    await pair.user("ada")
    await pair.sync()
    await pair.connect(pair.base, "not-the-token", force=True)
    for _ in range(3):
        assert (await pair.sync()).status == "quarantined"
    assert await _mine(pair) == 1
    notifier = Notifier(pair.house.database, [Webhook(hook.url, "secret")])
    assert await notifier.deliver() == 1 and await notifier.deliver() == 0
    headers, body = hook.heard[0]
    value = json.loads(body)
    assert (value["kind"], value["application"]) == ("quarantine", "app")
    assert "not-the-token" not in body.decode() and "403" in value["message"]
    signed = hmac.new(b"secret", headers["X-Provisor-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Provisor-Signature"] == f"sha256={signed}"
    # Credentials that pass when they are saved end it at once.
    await pair.connect(pair.base, pair.token)
    await pair.sync()
    assert await notifier.deliver() == 1
    assert json.loads(hook.heard[1][1])["kind"] == "recovered"


async def test_a_quarantine_that_a_cycle_ends_is_told_too(pair: Pair, hook: Hook) -> None:
    from test_guard import crowd

    people = await crowd(pair, 24)
    for person in people[:6]:
        await pair.unassign(person)
    held = await pair.sync()
    await pair.cycle(lambda target: target, release=held.hash)
    await _mine(pair)
    await Notifier(pair.house.database, [Webhook(hook.url, None)]).deliver()
    kinds = [json.loads(body)["kind"] for _, body in hook.heard]
    assert kinds == ["quarantine", "recovered"]
    assert "X-Provisor-Signature" not in hook.heard[0][0]


async def test_what_nobody_takes_is_tried_again_later(pair: Pair, hook: Hook) -> None:
    await pair.connect(pair.base, "not-the-token", force=True)
    await pair.sync()
    await _mine(pair)
    notifier = Notifier(pair.house.database, [Webhook(hook.url, None)])
    hook.status = 500
    assert await notifier.deliver() == 0 and len(hook.heard) == 1
    assert await notifier.deliver() == 0 and len(hook.heard) == 1, "not at once"
    hook.status = 200
    async with pair.house.database.transaction() as tx:
        seconds = await tx.fetchval("select extract(epoch from next_try - now()) from notice where delivered is null")
        assert 30 < seconds <= 60
        await tx.execute("update notice set next_try = now() where delivered is null")
    assert await notifier.deliver() == 1 and len(hook.heard) == 2


async def test_a_mail_says_it_in_a_sentence(pair: Pair, postbox: tuple[str, list[bytes]]) -> None:
    url, mails = postbox
    await pair.connect(pair.base, "not-the-token", force=True)
    await pair.sync()
    await _mine(pair)
    mail = Mail(url, "provisor@contoso.com", ["ops@contoso.com", "boss@contoso.com"])
    assert await Notifier(pair.house.database, [mail]).deliver() == 1
    message: Message = message_from_bytes(mails[0])
    assert (message["Subject"], message["To"]) == (
        "Provisioning of app is in quarantine",
        "ops@contoso.com, boss@contoso.com",
    )
    assert "is in quarantine:" in str(message.get_payload())


async def test_a_password_is_not_sent_in_the_clear(pair: Pair, postbox: tuple[str, list[bytes]]) -> None:
    url, mails = postbox
    await pair.connect(pair.base, "not-the-token", force=True)
    await pair.sync()
    await _mine(pair)
    mail = Mail(url.replace("//", "//user:password@"), "provisor@contoso.com", ["ops@contoso.com"])
    assert await Notifier(pair.house.database, [mail]).deliver() == 0
    assert mails == []


async def test_settings_that_cannot_work_are_a_sentence(pair: Pair) -> None:
    from dataclasses import replace

    settings = pair.house.settings.model_copy(update={"notify_mail": frozenset({"ops@contoso.com"})})
    with pytest.raises(Invalid, match="smtp_url no mail server"):
        compose.notifier(replace(pair.house, settings=settings))
