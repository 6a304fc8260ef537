"""A workspace's people sign in through their tenant, over real HTTP, with nothing to set up; and what attackers get."""

from __future__ import annotations

import re
from asyncio import to_thread
from urllib.parse import parse_qs, urlsplit

import pytest

from browser_like import PASSWORD, Answered, Client, signed_in, signed_in_to_workspace
from installation import installation
from pair import OPS, Pair
from provisor import audit, compose
from provisor.access.actors import PROVISOR
from provisor.directory import tenants, users
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups, workspaces
from provisor.workspace import users as accounts

NAME = "ada@contoso.com"


def _base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


def _start(pair: Pair) -> str:
    return f"/w/{pair.workspace.name}"


def workspace_of(pair: Pair) -> workspace_edit.Edit:
    return workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR)


async def at_tenant(pair: Pair, name: str = NAME) -> Client:
    """A browser whose owner is signed in to the tenant."""
    return await signed_in(_base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name))


async def begun(pair: Pair, client: Client, **fields: str) -> str:
    """Where the tenant is asked."""
    answered = await client.post(f"{_start(pair)}/sign-in/tenant", fields)
    assert answered.status == 303, answered.text
    return answered.where


async def onwards(client: Client, address: str, wanted: str) -> str:
    """The address with ``wanted`` in it to which the browser is sent, one way or the other."""
    for _ in range(4):
        answered = await client.get(address)
        assert answered.status == 303, (address, answered.text)
        address = answered.where
        if wanted in address:
            return address
    raise AssertionError(f"{address} has no {wanted}")


async def back(pair: Pair, client: Client, address: str) -> str:
    """Where the tenant sends the browser back to."""
    return await onwards(client, address, f"{_start(pair)}/signed-in?")


async def signing_in(pair: Pair, client: Client, **fields: str) -> Answered:
    return await client.get(await back(pair, client, await begun(pair, client, **fields)))


async def member(pair: Pair, name: str = "ada", *, admin: bool = False) -> Client:
    """Somebody of the directory with an account that provisioning made, signed in to the tenant."""
    await pair.user(name)
    await pair.sync()
    if admin:
        async with workspace_of(pair) as work:
            await accounts.set_admin(work, f"{name}@contoso.com", True)
    return await at_tenant(pair, f"{name}@contoso.com")


async def test_seed_3_59_an_admin_signs_in_through_the_tenant_with_nothing_to_set_up(pair: Pair) -> None:
    ada = await member(pair, admin=True)
    assert "Sign in with contoso.com" in (await ada.get(f"{_start(pair)}/sign-in")).text
    answered = await signing_in(pair, ada)
    assert answered.status == 303 and answered.where == f"{_start(pair)}/"
    page = await ada.get(f"{_start(pair)}/")
    assert page.status == 200 and "Add User" in page.text
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, pair.workspace.log)
        there = await tx.fetch("select * from sign_in where tenant = $1 order by id desc", pair.tenant.id)
        ada_id = str((await users.find(tx, pair.tenant, NAME)).id)
    signed = next(row for row in rows if row["action"] == "sign in")
    assert signed["after"]["subject"] == ada_id
    assert signed["after"]["issuer"] == f"{_base(pair)}/{pair.tenant.id}/v2.0"
    assert there[0]["outcome"] == "success" and there[0]["resource_name"] == pair.workspace.name


async def test_seed_3_who_is_not_signed_in_to_the_tenant_does_that_on_the_way(pair: Pair) -> None:
    await member(pair)
    browser = Client(_base(pair))
    address = await onwards(browser, await begun(pair, browser), f"/t/{pair.tenant.name}/sign-in?")
    wanted = parse_qs(urlsplit(address).query)["next"][0]
    fields = {"name": NAME, "password": "correct horse battery", "next": wanted}
    answered = await browser.post(f"/t/{pair.tenant.name}/sign-in", fields, csrf="")
    assert answered.status == 303, answered.text
    path = await onwards(browser, answered.where, f"{_start(pair)}/account")
    answered = await browser.get(path)
    assert answered.status == 200 and "Your account" in answered.text


async def test_who_is_no_admin_sees_their_account_and_nothing_else(pair: Pair) -> None:
    ada = await member(pair)
    async with workspace_of(pair) as work:
        await accounts.set_values(work, NAME, {"entitlements": [{"value": "workspace-access"}]})
        inner = await groups.add(work, "Inner")
        outer = await groups.add(work, "Outer", {"entitlements": [{"value": "allow-cluster-create"}]})
        await groups.add_member(work, outer, "Inner")
        await groups.add_member(work, inner, NAME)
    answered = await signing_in(pair, ada)
    home = await ada.get(answered.where)
    assert home.status == 303 and home.where == f"{_start(pair)}/account"
    page = await ada.get(home.where)
    assert page.status == 200 and "Allow cluster creation" in page.text
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
    assert "Allow cluster creation through Inner › Outer" in text
    assert "Outer through Inner" in text and "Workspace access individually" in text
    assert "Add User" not in page.text and "Audit log" not in page.text
    for path in ("/groups", "/tokens", "/audit", "/users/1"):
        refused = await ada.get(_start(pair) + path)
        assert refused.status == 403 and "workspace admin" in refused.text, path
    for path in ("/users/add", "/users/remove", "/tokens", "/groups"):
        assert (await ada.post(_start(pair) + path, {"userName": "eve@contoso.com"}, csrf=_csrf(page))).status == 403
    assert (await ada.post(f"{_start(pair)}/sign-in/end-everywhere", {}, csrf=_csrf(page))).status == 303
    assert (await ada.get(f"{_start(pair)}/account")).status == 303


def _csrf(page: Answered) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert found is not None
    return found[1]


async def test_seed_3_somebody_without_an_account_is_told_so_and_may_be_somebody_else(pair: Pair) -> None:
    await pair.user("grace", assigned=False)
    grace = await at_tenant(pair, "grace@contoso.com")
    refused = await signing_in(pair, grace)
    assert refused.status == 403 and "grace@contoso.com is not in the workspace" in refused.text
    assert (await grace.get(f"{_start(pair)}/account")).status == 303
    address = await begun(pair, grace, again="1")
    query = parse_qs(urlsplit(address).query)
    assert query["prompt"] == ["login"]
    assert "again=1" in await onwards(grace, address, f"/t/{pair.tenant.name}/sign-in?")


async def test_seed_2_the_tenant_refuses_whom_it_disabled_before_any_cycle(pair: Pair) -> None:
    ada = await member(pair, admin=True)
    address = await begun(pair, ada)
    async with pair.edit() as work:
        found = await users.find(work.tx, pair.tenant, NAME)
        await users.change(work, found.id, {"accountEnabled": False})
    assert await onwards(ada, address, f"/t/{pair.tenant.name}/sign-in?")


async def test_a_sign_in_goes_on_to_the_page_that_was_wanted_and_nowhere_else(pair: Pair) -> None:
    ada = await member(pair, admin=True)
    wanted = f"{_start(pair)}/groups?q=x"
    asked = await Client(_base(pair)).get(wanted)
    assert f'value="{wanted}"' in (await Client(_base(pair)).get(asked.where)).text.replace("&amp;", "&")
    assert (await signing_in(pair, ada, next=wanted)).where == wanted
    for evil in ("https://evil.example/", "//evil.example/", "/t/x/", f"{_start(pair)}/\\evil", f"{_start(pair)}evil"):
        assert (await signing_in(pair, ada, next=evil)).where == f"{_start(pair)}/", evil


async def test_another_browser_a_wrong_state_and_a_second_time_are_refused(pair: Pair) -> None:
    ada = await member(pair, admin=True)
    path = await back(pair, ada, await begun(pair, ada))
    state = parse_qs(urlsplit(path).query)["state"][0]
    for client, wrong in (
        (Client(_base(pair)), path),
        (ada, path.replace(state, "x" * 43)),
        (ada, path.replace("state=", "other=")),
    ):
        refused = await client.get(wrong)
        assert refused.status == 403 and "not begun in this browser" in refused.text
    cookies = dict(ada.cookies)
    assert (await ada.get(path)).status == 303
    again = await Client(_base(pair), cookies).get(path)
    assert again.status == 403 and "not begun in this browser" in again.text


async def test_an_answer_for_one_workspace_is_none_for_another(pair: Pair, standard: Pair) -> None:
    """Both sign in through the same tenant: the code is for one client, and the sign-in for one workspace."""
    async with workspace_edit.edit(pair.house.database, standard.workspace, PROVISOR) as work:
        await workspaces.set_sign_in_tenant(work, pair.tenant.id)
        await accounts.add(work, NAME, {}, admin=True)
    ada = await member(pair, admin=True)
    path = await back(pair, ada, await begun(pair, ada))
    moved = path.replace(_start(pair), _start(standard))
    assert "not begun in this browser" in (await ada.get(moved)).text
    # In a sign-in of the other workspace's own, with its state, the code is still the first one's.
    other = await back(standard, ada, await begun(standard, ada))
    code, mine = (parse_qs(urlsplit(item).query)["code"][0] for item in (path, other))
    refused = await ada.get(other.replace(mine, code))
    assert refused.status == 403 and "did not take the code" in refused.text and code not in refused.text


async def test_an_answer_that_names_another_issuer_is_refused(pair: Pair, standard: Pair) -> None:
    ada = await member(pair, admin=True)
    path = await back(pair, ada, await begun(pair, ada))
    refused = await ada.get(path.replace(str(pair.tenant.id), str(standard.tenant.id)))
    assert refused.status == 403 and "does not come from" in refused.text


async def test_whom_the_tenant_names_otherwise_is_another_person(pair: Pair) -> None:
    """Ada left, was deleted for good, and a new colleague was given her name."""
    ada = await member(pair)
    assert (await signing_in(pair, ada)).status == 303
    async with pair.edit() as work:
        found = await users.find(work.tx, pair.tenant, NAME)
        await users.recycle(work, found.id)
        await users.purge(work, found.id)
        await users.create(work, {"userPrincipalName": NAME, "displayName": "Ada the second"})
    second = await at_tenant(pair)
    refused = await signing_in(pair, second)
    assert refused.status == 403 and "belongs to somebody else" in refused.text
    made = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, None)
    ops = await signed_in_to_workspace(_base(pair), made)
    account = (await pair.account("ada"))["id"]
    assert str(found.id) in (await ops.get(f"{_start(pair)}/users/{account}")).text
    assert (await ops.post(f"{_start(pair)}/users/{account}/unlink", {})).status == 303
    assert (await signing_in(pair, second)).status == 303


async def test_signing_out_here_offers_to_sign_out_there_too(pair: Pair) -> None:
    ada = await member(pair, admin=True)
    await signing_in(pair, ada)
    ended = await ada.post(f"{_start(pair)}/sign-in/end", {})
    assert ended.where == f"{_start(pair)}/sign-in?ended=out"
    page = await ada.get(ended.where)
    assert f"signed out of {pair.workspace.name}" in page.text and "Sign out of contoso.com too" in page.text
    away = await ada.post(f"{_start(pair)}/sign-in/end-tenant", {}, csrf="")
    assert away.status == 303
    query = parse_qs(urlsplit(away.where).query)
    assert query["post_logout_redirect_uri"] == [f"{_base(pair)}{_start(pair)}/sign-in"]
    path = await onwards(ada, away.where, "/sign-out") if "/t/" not in away.where else away.where
    page = await ada.get(path)
    assert page.status == 200 and "ign out" in page.text


async def test_without_a_tenant_links_are_left_and_their_use_is_audited(pair: Pair) -> None:
    async with workspace_of(pair) as work:
        await workspaces.set_sign_in_tenant(work, None)
    page = await Client(_base(pair)).get(f"{_start(pair)}/sign-in")
    assert "Sign in with" not in page.text and "workspace-link" in page.text
    refused = await Client(_base(pair)).post(f"{_start(pair)}/sign-in/tenant", {}, csrf="")
    assert refused.status == 404 and "provisor workspace sign-in" in refused.text
    answered = await Client(_base(pair)).get(f"{_start(pair)}/signed-in?code=x&state=y")
    assert answered.status == 404
    made = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, OPS)
    await signed_in_to_workspace(_base(pair), made)
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, pair.workspace.log)
    assert [row["action"] for row in rows if "link" in row["action"]] == ["make sign-in link"]
    assert next(row["after"] for row in rows if row["action"] == "sign in") == {"with": "one-time link"}


async def test_at_another_address_than_public_it_is_begun_there(pair: Pair) -> None:
    """A cookie of one address is not there at another: localhost and 127.0.0.1 are two."""
    ada = await member(pair, admin=True)
    elsewhere = await ada.post(f"{_start(pair)}/sign-in/tenant", {}, Host="localhost:1", Sec_Fetch_Site="same-origin")
    assert elsewhere.status == 303 and elsewhere.where.startswith("http://localhost:1/")
    assert parse_qs(urlsplit(elsewhere.where).query)["redirect_uri"] == [f"http://localhost:1{_start(pair)}/signed-in"]
    odd = await ada.post(f"{_start(pair)}/sign-in/tenant", {}, Host="evil/..", Sec_Fetch_Site="same-origin")
    assert odd.status == 303 and odd.where == f"{_base(pair)}{_start(pair)}/sign-in"


@pytest.mark.parametrize("ending", ["deactivated", "removed", "demoted", "signed out everywhere", "unlinked"])
async def test_seed_49_a_session_by_openid_ends_with_the_next_request(pair: Pair, ending: str) -> None:
    ada = await member(pair, admin=True)
    await signing_in(pair, ada)
    assert (await ada.get(f"{_start(pair)}/")).status == 200
    async with workspace_of(pair) as work:
        found = await accounts.named(work.tx, pair.workspace, NAME)
        if ending == "deactivated":
            await accounts.set_values(work, NAME, {"active": False})
        elif ending == "removed":
            await accounts.remove(work, NAME)
        elif ending == "demoted":
            await accounts.set_admin(work, NAME, False)
        elif ending == "unlinked":
            from provisor.workspace import openid_sign_in

            await openid_sign_in.unlink(work, found)
        else:
            from provisor.workspace import sign_in

            await sign_in.sign_out_everywhere(work, found)
    gone = await ada.get(f"{_start(pair)}/")
    assert gone.status == 303 and "/sign-in" in gone.where
    again = await signing_in(pair, ada)
    assert again.status == (403 if ending in ("deactivated", "removed") else 303)


async def test_a_tenants_administrators_are_nobody_in_its_workspaces_without_an_account(pair: Pair) -> None:
    admin = await at_tenant(pair, "admin@contoso.com")
    async with pair.house.database.reading() as tx:
        assert await tenants.role_holders(tx, pair.tenant)
    refused = await signing_in(pair, admin)
    assert refused.status == 403 and "admin@contoso.com is not in the workspace" in refused.text


async def test_the_tenant_is_asked_within_the_server_wherever_others_would_reach_it() -> None:
    """The public address is nowhere: no name, no certificate, no way back in. The browser's steps are all that go
    there."""
    with installation() as made:
        made.folder.mkdir(mode=0o700)
        (made.folder / "provisor.toml").write_text('public_url = "https://provisor.invalid"')
        base = await to_thread(made.serve)
        admin = "admin@default.localhost"
        await to_thread(made.run, "workspace", "create", "space", "--admin", admin)
        link = await to_thread(made.run, "sign-in", "link")
        path, _, token = link.partition("?token=")
        assert path.startswith("https://provisor.invalid/")
        browser, host = Client(base), {"Host": "provisor.invalid"}
        fields = {"token": token, "password": PASSWORD, "again": PASSWORD}
        assert (await browser.post(path, fields, csrf="", **host)).status == 303
        answered = await browser.post("/w/space/sign-in/tenant", {}, csrf="", **host)
        assert answered.where.startswith("https://provisor.invalid/"), answered.text
        assert f"__Host-provisor-w-space_request={browser.cookies['__Host-provisor-w-space_request']}" in str(
            answered.headers["Set-Cookie"]
        )
        address = answered.where
        for _ in range(6):
            answered = await browser.get(address, **host)
            if answered.status != 303:
                break
            address = answered.where
        assert answered.status == 200 and "Add User" in answered.text, answered.text
        # By another name of the server it begins at the public one.
        elsewhere = await Client(base).post("/w/space/sign-in/tenant", {}, csrf="")
        assert elsewhere.where == "https://provisor.invalid/w/space/sign-in"


# ── names that change hands ─────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_is_given_a_name_does_not_get_the_account_that_was_made_under_it(pair: Pair) -> None:
    """Before its owner's first sign-in too: an account of Databricks keeps the name with which it was made."""
    owner = await pair.user("lena")
    await pair.sync()
    made = (await pair.account("lena"))["id"]
    await pair.set_user(owner, userPrincipalName="married@contoso.com")
    await pair.sync()
    assert (await pair.account("lena"))["id"] == made
    await pair.user("lena", assigned=False)
    stranger = await at_tenant(pair, "lena@contoso.com")
    answered = await signing_in(pair, stranger)
    assert answered.status == 403, answered.text
    assert "is that of somebody else in contoso.com, who had this name before" in answered.text
    renamed = await at_tenant(pair, "married@contoso.com")
    assert (await signing_in(pair, renamed)).status == 303
    async with pair.house.database.reading() as tx:
        (row,) = await audit.entries(tx, pair.workspace.log, 10, audit.Filter(action="link sign-in"))
    assert row["object_id"] == made and row["after"]["subject"] == str(owner)
    assert (await signing_in(pair, stranger)).status == 403
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, pair.workspace.log, 10, audit.Filter(action="refuse sign-in"))
    assert len(rows) == 2 and rows[0]["actor"].startswith("lena@contoso.com")
    assert "is that of somebody else" in rows[0]["after"]["reason"]


async def test_somebody_whom_provisioning_does_not_know_is_known_by_name(pair: Pair) -> None:
    await pair.call("POST", "/Users", {"userName": "hand@contoso.com"})
    await pair.user("hand", assigned=False)
    assert (await signing_in(pair, await at_tenant(pair, "hand@contoso.com"))).status == 303
