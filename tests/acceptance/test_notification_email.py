"""Whom an application tells by mail: chosen on its page and with the command, and what both say when nobody hears."""

from __future__ import annotations

import json
import re
from asyncio import to_thread
from html import unescape
from typing import Any

from browser_like import Client, signed_in
from installation import Installation
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.sync.notices import Notifier


async def administrator(pair: Pair) -> Client:
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    return await signed_in(pair.base.partition("/w/")[0], link)


def path(pair: Pair, within: str = "/provisioning") -> str:
    return f"/t/{pair.tenant.name}/applications/{pair.application}{within}"


async def saved(client: Client, pair: Pair, **fields: str) -> Any:
    page = (await client.get(path(pair))).text
    mark = re.search(r'name="mark" value="(\w+)"', page)
    assert mark is not None
    return await client.post(path(pair), {"mark": mark[1], "scope": "assigned", "tenant_url": pair.base, **fields})


async def test_the_page_keeps_who_hears_and_whether(pair: Pair) -> None:
    client = await administrator(pair)
    answered = await saved(client, pair, notification_email="a@contoso.com; b@contoso.com", notify="1")
    assert answered.status == 303, answered.text
    app = await pair.app()
    assert (app.notification_email, app.notification_on) == (("a@contoso.com", "b@contoso.com"), True)
    page = (await client.get(path(pair))).text
    assert 'value="a@contoso.com, b@contoso.com"' in page and re.search(r'name="notify" value="1" checked', page)
    assert "This server has no mail server set (smtp_url)" in page
    assert "a@contoso.com, b@contoso.com" in (await client.get(path(pair, ""))).text
    # What the form does not have stays.
    assert (await saved(client, pair)).status == 303
    assert (await pair.app()).notification_on
    assert (await saved(client, pair, notification_email="a@contoso.com")).status == 303
    assert ((await pair.app()).notification_email, (await pair.app()).notification_on) == (("a@contoso.com",), False)
    for wrong, sentence in (
        ("ops", "no e-mail address"),
        # Whoever reads the header of a mail takes it for somebody else's, or for nobody's.
        ("=?utf-8?q?boss=40elsewhere.example=2C_a?=@contoso.com", "no e-mail address"),
        ("ops@contoso..com", "no e-mail address"),
        ("", "Enter a Notification Email"),
    ):
        refused = await saved(client, pair, notification_email=wrong, notify="1")
        assert refused.status == 400 and sentence in refused.text
    stale = await client.post(
        path(pair), {"mark": "0" * 64, "scope": "assigned", "notification_email": "c@contoso.com"}
    )
    assert stale.status == 409
    assert (await pair.app()).notification_email == ("a@contoso.com",)
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch("select after from audit where object_id = $1 order by id", str(pair.application))
    assert [row["after"]["notificationOn"] for row in rows if "notificationOn" in (row["after"] or {})] == [True, False]


async def test_pages_and_the_doctor_say_what_is_not_delivered(shop: Installation, pair: Pair) -> None:
    client = await administrator(pair)
    for within in ("", "/health"):
        assert "not delivered" not in (await client.get(path(pair, within))).text
    await saved(client, pair, notification_email="a@contoso.com", notify="1")
    await pair.connect(pair.base, "not-the-token", force=True)
    await pair.sync()
    await Notifier(pair.house.database, []).deliver()
    sentence = "1 notice is not delivered: the server has no mail server (smtp_url)."
    for within in ("", "/health"):
        assert sentence in unescape((await client.get(path(pair, within))).text), within
    ended = await to_thread(shop.command, "doctor", "app", "--tenant", pair.tenant.name, "--json")
    findings = {item["area"]: item for item in json.loads(ended.out)["findings"]}
    assert findings["notices"]["level"] == "look" and findings["notices"]["finding"].startswith(sentence)


async def test_the_command_sets_and_takes_away(shop: Installation, pair: Pair) -> None:
    words = ("app", "set", "app", "--tenant", pair.tenant.name, "--notification-email")
    said = await to_thread(shop.run, *words, "a@contoso.com,b@contoso.com")
    assert "is saved" in said
    shown = await to_thread(shop.json, "app", "show", "app", "--tenant", pair.tenant.name)
    assert (shown["notificationEmail"], shown["notificationOn"]) == (["a@contoso.com", "b@contoso.com"], True)
    assert "is no e-mail address" in await to_thread(shop.refused, *words, "ops")
    await to_thread(shop.run, *words, "")
    app = await pair.app()
    assert (app.notification_email, app.notification_on) == ((), False)
