"""OWASP ASVS 5.0, chapter V7 (session management), levels 1 and 2: each requirement, and the test that shows it.

7.1.1, 7.1.2 and 7.1.3 ask for documentation: docs/howto/sign-in-workspace.md, *Sessions*, which is held against the
code here. 7.5.3 is of level 3.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from browser_like import PASSWORD, Client, signed_in, signed_in_to_workspace
from foreign_provider import SECRET
from pair import OPS, Pair
from provisor import compose
from provisor.access import authentication_requests, sessions
from provisor.access.actors import PROVISOR, Actor
from provisor.console import portal, workspace
from provisor.directory import external, sign_in, users
from provisor.directory.external import ExternalProvider
from provisor.workspace import edit as workspace_edit
from provisor.workspace import openid_sign_in
from provisor.workspace import sign_in as console_sign_in
from provisor.workspace import users as accounts
from provisor.workspace.openid_sign_in import Person

#: Requirement → the tests of it.
TABLE: Final = {
    "7.1.1": ["test_v7_1_the_lifetimes_are_documented_as_they_are"],
    "7.1.2": ["test_v7_1_as_many_sessions_as_somebody_opens"],
    "7.1.3": ["test_v7_1_the_lifetimes_are_documented_as_they_are"],
    "7.2.1": ["test_v7_2_1_the_database_says_whether_a_session_counts"],
    "7.2.2": ["test_v7_2_3_each_session_has_a_secret_of_its_own"],
    "7.2.3": ["test_v7_2_3_each_session_has_a_secret_of_its_own"],
    "7.2.4": ["test_v7_2_4_signing_in_again_makes_another_session"],
    "7.3.1": ["test_v7_3_a_session_ends_unused_and_in_any_case"],
    "7.3.2": ["test_v7_3_a_session_ends_unused_and_in_any_case"],
    "7.4.1": ["test_v7_4_1_a_session_that_has_ended_opens_nothing"],
    "7.4.2": ["test_v7_4_2_sessions_end_with_their_owner"],
    "7.4.3": ["test_v7_4_3_sessions_end_when_what_they_were_proved_with_changes"],
    "7.4.4": ["test_v7_4_4_every_page_has_a_way_out"],
    "7.4.5": ["test_v7_4_5_administrators_end_somebodys_sessions"],
    "7.5.1": ["test_v7_5_1_the_session_alone_changes_no_way_in"],
    "7.5.2": ["test_v7_5_2_people_see_their_sessions_and_end_each"],
    "7.6.1": ["test_v7_6_1_a_session_lasts_no_longer_than_documented_whatever_a_provider_says"],
    "7.6.2": ["test_v7_6_2_nobody_is_signed_in_without_having_asked"],
}


def _base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


def _start(pair: Pair) -> str:
    return f"/t/{pair.tenant.name}"


async def administrator(pair: Pair) -> Client:
    return await signed_in(
        _base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    )


async def again(pair: Pair, password: str = PASSWORD, client: Client | None = None) -> Client:
    """Signed in with the password, in another browser unless one is given."""
    client = client or Client(_base(pair))
    fields = {"name": "admin@contoso.com", "password": password}
    answered = await client.post(f"{_start(pair)}/sign-in", fields, csrf="")
    assert answered.status == 303, answered.text
    return client


async def open_in_workspace(pair: Pair) -> Client:
    made = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, OPS)
    return await signed_in_to_workspace(_base(pair), made)


async def works(pair: Pair, client: Client) -> bool:
    return (await client.get(f"{_start(pair)}/account")).status == 200


def session_of(client: Client, pair: Pair) -> str:
    return client.cookies[f"provisor-t-{pair.tenant.name}"]


def test_the_table_has_every_requirement_of_both_levels() -> None:
    groups = {"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2}
    assert [*TABLE] == [f"{group}.{number + 1}" for group, count in groups.items() for number in range(count)]
    assert all(name in globals() for names in TABLE.values() for name in names)


def test_v7_1_the_lifetimes_are_documented_as_they_are() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs/howto/sign-in-workspace.md").read_text().split())
    part = text[text.index("## Sessions") :]
    assert sessions.IDLE.total_seconds() == 1800 and "half an hour without a request" in part
    assert sessions.LONGEST.total_seconds() == 12 * 3600 and "twelve hours" in part
    assert authentication_requests.LIFETIME == 600 and "ten minutes" in part
    for word in ("as many sessions as", "the tenant's session", "the workspace's session", "provider elsewhere"):
        assert word in part, word


async def test_v7_1_as_many_sessions_as_somebody_opens(pair: Pair) -> None:
    clients = [await administrator(pair), *[await again(pair) for _ in range(5)]]
    assert all([await works(pair, client) for client in clients])


async def test_v7_2_1_the_database_says_whether_a_session_counts(pair: Pair) -> None:
    client = await administrator(pair)
    async with pair.house.database.transaction() as tx:
        await sessions.close(tx, session_of(client, pair))
    assert not await works(pair, client)


async def test_v7_2_3_each_session_has_a_secret_of_its_own(pair: Pair) -> None:
    await administrator(pair)
    values = {session_of(await again(pair), pair) for _ in range(5)}
    # 32 bytes of the system's generator.
    assert len(values) == 5 and all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in values)


async def test_v7_2_4_signing_in_again_makes_another_session(pair: Pair) -> None:
    client = await administrator(pair)
    first = session_of(client, pair)
    page = await client.get(f"{_start(pair)}/account")
    csrf = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert csrf is not None
    fields = {"name": "admin@contoso.com", "password": PASSWORD}
    assert (await client.post(f"{_start(pair)}/sign-in", fields, csrf=csrf[1])).status == 303
    assert session_of(client, pair) != first
    old = Client(_base(pair), {f"provisor-t-{pair.tenant.name}": first})
    assert not await works(pair, old)
    # What a browser brings along is never taken for a new session.
    fixed = Client(_base(pair), {f"provisor-t-{pair.tenant.name}": "x" * 43})
    await again(pair, client=fixed)
    assert session_of(fixed, pair) != "x" * 43


@pytest.mark.parametrize(("column", "limit"), [("seen", sessions.IDLE), ("opened", sessions.LONGEST)])
async def test_v7_3_a_session_ends_unused_and_in_any_case(pair: Pair, column: str, limit: Any) -> None:
    client, admin = await administrator(pair), await open_in_workspace(pair)
    for seconds, lasts in ((-60, True), (1, False)):
        async with pair.house.database.transaction() as tx:
            age = limit.total_seconds() + seconds
            await tx.execute("update session set opened = now(), seen = now() where realm in ($1, $2)", *_realms(pair))
            await tx.execute(
                f"update session set {column} = now() - make_interval(secs => $3) where realm in ($1, $2)",
                *_realms(pair),
                age,
            )
        assert await works(pair, client) is lasts
        assert ((await admin.get(f"/w/{pair.workspace.name}/account")).status == 200) is lasts


def _realms(pair: Pair) -> tuple[str, str]:
    return pair.tenant.realm, pair.workspace.realm


async def test_v7_4_1_a_session_that_has_ended_opens_nothing(pair: Pair) -> None:
    client, admin = await administrator(pair), await open_in_workspace(pair)
    kept, taken = dict(client.cookies), dict(admin.cookies)
    await client.post(f"{_start(pair)}/sign-in/end", {})
    await admin.post(f"/w/{pair.workspace.name}/sign-in/end", {})
    assert f"provisor-t-{pair.tenant.name}" not in client.cookies
    assert not await works(pair, Client(_base(pair), kept))
    assert (await Client(_base(pair), taken).get(f"/w/{pair.workspace.name}/account")).status == 303


@pytest.mark.parametrize("how", ["disabled", "deleted", "removed", "deactivated"])
async def test_v7_4_2_sessions_end_with_their_owner(pair: Pair, how: str) -> None:
    identity = await pair.user("ada", assigned=False)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await accounts.add(work, "ada@contoso.com", {})
    person = Person("contoso.com", pair.tenant.realm, "s", "ada@contoso.com", "https://x")
    secret = await openid_sign_in.with_identity(pair.house.database, pair.workspace, person, Actor("x", "x"))
    client = await signed_in(
        _base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "ada@contoso.com")
    )
    async with pair.edit() as work:
        if how == "disabled":
            await users.change(work, identity, {"accountEnabled": False})
        elif how == "deleted":
            await users.recycle(work, identity)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        if how == "removed":
            await accounts.remove(work, "ada@contoso.com")
        elif how == "deactivated":
            await accounts.set_values(work, "ada@contoso.com", {"active": False})
    async with pair.house.database.reading() as tx:
        left = await tx.fetchval(
            "select count(*) from session where realm = any($1)",
            [pair.tenant.realm] if how in ("disabled", "deleted") else [pair.workspace.realm],
        )
        there = await console_sign_in.arrive(tx, pair.workspace, secret)
    assert left == 0
    assert (there is None) is (how in ("removed", "deactivated"))
    assert await works(pair, client) is (how in ("removed", "deactivated"))


async def test_v7_4_3_sessions_end_when_what_they_were_proved_with_changes(pair: Pair) -> None:
    client, other = await administrator(pair), await again(pair)
    new = "another correct horse battery"
    fields = {"old": PASSWORD, "new": new, "again": new}
    assert (await client.post(f"{_start(pair)}/account/password", fields)).status == 303
    assert await works(pair, client) and not await works(pair, other)
    # A link for a forgotten one, and a link to a provider that an administrator takes away.
    third = await again(pair, new)
    await administrator(pair)
    assert not await works(pair, third) and not await works(pair, client)


async def test_v7_4_4_every_page_has_a_way_out(pair: Pair) -> None:
    client, admin = await administrator(pair), await open_in_workspace(pair)
    for start, who, site in (
        (_start(pair), client, portal.PORTAL),
        (f"/w/{pair.workspace.name}", admin, workspace.CONSOLE),
    ):
        paths = [act.path for page in site.pages for act in page.acts if act.method == "GET" and not act.part]
        seen = 0
        for path in paths:
            if "{" in path or path in ("/sign-in", "/set-up", "/signed-in"):
                continue
            answered = await who.get(start + path)
            if answered.status == 200 and "<main" in answered.text:
                seen += 1
                assert f'action="{start}/sign-in/end"' in answered.text or 'class="alone"' in answered.text, path
        assert seen >= 5


async def test_v7_4_5_administrators_end_somebodys_sessions(pair: Pair) -> None:
    client, admin = await administrator(pair), await open_in_workspace(pair)
    async with pair.edit() as work:
        await sign_in.sign_out_everywhere(work, await users.find(work.tx, pair.tenant, "admin@contoso.com"))
    assert not await works(pair, client)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await accounts.add(work, "second@contoso.com", {}, admin=True)
        ops = await accounts.named(work.tx, pair.workspace, OPS)
    made = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, "second@contoso.com")
    second = await signed_in_to_workspace(_base(pair), made)
    path = f"/w/{pair.workspace.name}/users/{ops.id}/sign-out"
    assert (await second.post(path, {})).status == 303
    assert (await admin.get(f"/w/{pair.workspace.name}/")).status == 303
    assert (await second.get(f"/w/{pair.workspace.name}/")).status == 200


async def test_v7_5_1_the_session_alone_changes_no_way_in(pair: Pair) -> None:
    client = await administrator(pair)
    async with pair.edit() as work:
        provider = ExternalProvider("http://127.0.0.1:1", "provisor", "Entra ID", False, False)
        await external.put(work, pair.house.box, provider, SECRET)
    new = "another correct horse battery"
    for path, fields in (
        ("/account/password", {"old": "", "new": new, "again": new}),
        ("/account/password", {"old": "wrong horse battery", "new": new, "again": new}),
        ("/account/connect", {}),
        ("/account/connect", {"password": "wrong horse battery"}),
    ):
        answered = await client.post(_start(pair) + path, fields)
        assert answered.status == 403 and "present password is wrong" in answered.text, path


async def test_v7_5_2_people_see_their_sessions_and_end_each(pair: Pair) -> None:
    """ASVS wants a factor shown again for ending one. It is not: ending a session of one's own gives nobody
    anything."""
    client, other, third = await administrator(pair), await again(pair), await again(pair)
    page = await client.get(f"{_start(pair)}/account")
    ids = re.findall(r'name="session" value="([0-9a-f]{64})"', page.text)
    assert len(ids) == 2 and "this one" in page.text
    assert sessions.digest(session_of(client, pair)).hex() not in ids
    ended = sessions.digest(session_of(other, pair)).hex()
    assert (await client.post(f"{_start(pair)}/account/end-session", {"session": ended})).status == 303
    assert not await works(pair, other) and await works(pair, third) and await works(pair, client)
    assert (await client.post(f"{_start(pair)}/account/end-session", {"session": ended})).status == 404
    # Nobody ends another's.
    admin = await open_in_workspace(pair)
    mine = sessions.digest(session_of(client, pair)).hex()
    refused = await admin.post(f"/w/{pair.workspace.name}/account/end-session", {"session": mine})
    assert refused.status == 404 and await works(pair, client)
    for wrong in ("", "zz", "0" * 64):
        assert (await client.post(f"{_start(pair)}/account/end-session", {"session": wrong})).status == 404
    assert (await client.post(f"{_start(pair)}/account/sign-out-everywhere", {})).status == 303
    assert not await works(pair, third) and not await works(pair, client)


async def test_v7_6_1_a_session_lasts_no_longer_than_documented_whatever_a_provider_says(pair: Pair) -> None:
    from provisor.connectors.openid import Identity

    provider = ExternalProvider("https://login.example.com", "provisor", "Entra ID", False, False)
    async with pair.edit() as work:
        await external.put(work, pair.house.box, provider, None)
        await external.link(work, await users.find(work.tx, pair.tenant, "admin@contoso.com"), "s")
    identity = Identity(provider.issuer, "s", {"exp": 4_000_000_000, "auth_time": 4_000_000_000})
    begun = await sign_in.with_external(
        pair.house.database, pair.tenant, provider, identity, visitor=Actor("nobody", "nobody")
    )
    client = Client(_base(pair), {f"provisor-t-{pair.tenant.name}": begun.session})
    assert await works(pair, client)
    async with pair.house.database.transaction() as tx:
        long = sessions.LONGEST.total_seconds() + 1
        await tx.execute(
            "update session set opened = now() - make_interval(secs => $2) where realm = $1", pair.tenant.realm, long
        )
    assert not await works(pair, client)


async def test_v7_6_2_nobody_is_signed_in_without_having_asked(pair: Pair) -> None:
    """A sign-in begins with a form of ours, which no other site can send, and ends in the browser where it began."""
    for path in (f"/w/{pair.workspace.name}/sign-in/tenant", f"{_start(pair)}/signed-in/begin"):
        assert (await Client(_base(pair)).get(path)).status in (404, 405)
        for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "", "Origin": "https://evil.example"}):
            refused = await Client(_base(pair)).post(path, {}, csrf="", **headers)
            assert refused.status == 403 and not refused.cookies
    for path in (f"/w/{pair.workspace.name}/signed-in", f"{_start(pair)}/signed-in"):
        came = await Client(_base(pair)).get(f"{path}?code=x&state=y")
        assert came.status in (403, 404) and not any("provisor" in name for name in came.cookies)
