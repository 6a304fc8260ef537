"""Somebody hears of a quarantine when it begins and when it ends: by a signed webhook and by mail, and not twice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from pair import Pair
from provisor import workers
from provisor.connectors.notify import Mail, Webhook
from provisor.directory import applications, notification
from provisor.refusal import Invalid
from provisor.sync.notices import Notifier, undelivered


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
    settings = pair.house.settings.model_copy(update={"notify_mail": frozenset({"ops@contoso.com"})})
    with pytest.raises(Invalid, match="smtp_url no mail server"):
        workers.notifier(replace(pair.house, settings=settings))


async def told(pair: Pair, *recipients: str, on: bool = True) -> None:
    async with pair.edit() as work:
        app = await applications.locked(work, pair.application)
        await applications.save(work, app, notification.told(app, recipients, on=on), "set")


async def said(pair: Pair) -> str:
    """What is said of those that were not delivered."""
    async with pair.house.database.reading() as tx:
        return await undelivered(tx, pair.tenant.id, pair.application)


async def quarantined(pair: Pair) -> None:
    await pair.connect(pair.base, "not-the-token", force=True)
    await pair.sync()
    await _mine(pair)


async def due(pair: Pair) -> None:
    async with pair.house.database.transaction() as tx:
        await tx.execute("update notice set next_try = now() where delivered is null")


def notifier(pair: Pair, **settings: object) -> Notifier:
    """The server's, of these settings."""
    given = {name: SecretStr(str(value)) if name == "smtp_url" else value for name, value in settings.items()}
    return workers.notifier(replace(pair.house, settings=pair.house.settings.model_copy(update=given)))


async def delivered(pair: Pair, wanted: Notifier, number: int = 1) -> None:
    """Let ``wanted`` deliver so many. The server of all tests, which has no way to send mail, may have been quicker."""
    found = 0
    for _ in range(20):
        await due(pair)
        found += await wanted.deliver()
        if found >= number:
            break
    assert found == number


async def refused(pair: Pair, wanted: Notifier, reason: str) -> None:
    """Let ``wanted`` try, and fail for this reason."""
    for _ in range(20):
        await due(pair)
        assert await wanted.deliver() == 0
        if reason in await said(pair):
            return
    raise AssertionError(await said(pair))


async def test_whom_an_application_names_hears_by_mail(pair: Pair, postbox: tuple[str, list[bytes]]) -> None:
    url, mails = postbox
    await told(pair, "app@contoso.com", "owner@contoso.com")
    await quarantined(pair)
    found = notifier(pair, smtp_url=url, notify_mail=frozenset({"ops@contoso.com"}))
    await delivered(pair, found)
    assert await found.deliver() == 0
    assert [str(message_from_bytes(mail)["To"]) for mail in mails] == [
        "ops@contoso.com",
        "app@contoso.com, owner@contoso.com",
    ]
    await told(pair, "app@contoso.com", on=False)
    await pair.connect(pair.base, pair.token)
    await pair.sync()
    await _mine(pair)
    assert await found.deliver() == 1 and len(mails) == 3
    assert message_from_bytes(mails[2])["To"] == "ops@contoso.com", "the tick was taken away"


async def test_an_application_hears_although_nobody_else_does(pair: Pair, postbox: tuple[str, list[bytes]]) -> None:
    url, mails = postbox
    await quarantined(pair)
    assert await notifier(pair, smtp_url=url).deliver() == 0, "nobody is to hear it"
    assert await said(pair) == ""
    await told(pair, "app@contoso.com")
    await delivered(pair, notifier(pair, smtp_url=url))
    assert len(mails) == 1


async def test_who_has_heard_is_not_told_again_because_another_has_not(pair: Pair, hook: Hook) -> None:
    """There is no mail server: the webhook hears once, and the application's people are waited for."""
    await told(pair, "app@contoso.com")
    await quarantined(pair)
    found = notifier(pair, notify_url=hook.url)
    for _ in range(3):
        await refused(pair, found, "no mail server")
    assert len(hook.heard) == 1
    assert await said(pair) == (
        "1 notice is not delivered: the server has no mail server (smtp_url). It is tried again for 7 days."
    )


async def test_what_is_not_delivered_is_said_until_it_is(pair: Pair, postbox: tuple[str, list[bytes]]) -> None:
    url, mails = postbox
    away = notifier(pair, smtp_url="smtp://127.0.0.1:1")
    await told(pair, "app@contoso.com")
    assert await said(pair) == ""
    await quarantined(pair)
    await refused(pair, away, "1 notice is not delivered: the mail server does not take it (ConnectionRefusedError).")
    await pair.connect(pair.base, pair.token)
    await pair.sync()
    await refused(pair, away, "2 notices are not delivered: the mail server does not take it")
    await delivered(pair, notifier(pair, smtp_url=url), 2)
    assert len(mails) == 2 and await said(pair) == ""


async def test_nobody_is_waited_for_who_is_not_named_any_more(pair: Pair) -> None:
    await told(pair, "app@contoso.com")
    await quarantined(pair)
    await refused(pair, notifier(pair), "no mail server")
    await told(pair)
    await due(pair)
    await notifier(pair).deliver()
    assert await said(pair) == ""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("ops", "'ops' is no e-mail address"),
        ("ops@contoso.com night@contoso.com", "is no e-mail address"),
        ("ops@contoso.com\nBcc: eve@example.com", "is no e-mail address"),
        ("Ops <ops@contoso.com>", "is no e-mail address"),
        ("ö@contoso.com", "is no e-mail address"),
        (f"ops@{'a' * 260}.com", "is no e-mail address"),
        (",".join(f"a{number}@contoso.com" for number in range(11)), "at most 10"),
    ],
)
def test_what_is_no_address_is_a_sentence(text: str, wrong: str) -> None:
    with pytest.raises(Invalid, match=wrong):
        notification.addresses(text)


def test_addresses_may_be_written_in_several_ways() -> None:
    assert notification.addresses(" a@b.com;c@d.com, a@b.com ,") == ("a@b.com", "c@d.com")
    assert notification.addresses(" ") == ()
