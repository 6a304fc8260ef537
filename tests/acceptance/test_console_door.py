"""The console as a server is attacked and misused: sessions, forms of other sites, roles, guesses, what it says."""

from __future__ import annotations

import html
import re
from asyncio import gather, to_thread
from typing import Any
from uuid import uuid4

import pytest

from browser_like import PASSWORD, Client, signed_in, signed_in_to_workspace
from installation import installation
from pair import OPS, Pair
from provisor import compose
from provisor.access import passwords, sessions
from provisor.access.actors import PROVISOR, Actor
from provisor.access.roles import ACTIONS, APPLICATION_OWNER, DIRECTORY_ROLES, ROLES
from provisor.console import portal, workspace
from provisor.console.site import stays
from provisor.directory import sign_in, tenants, users
from provisor.directory.edit import edit
from provisor.refusal import Forbidden
from provisor.workspace import users as accounts

SITES = [(portal.PORTAL, "t"), (workspace.CONSOLE, "w")]
EVERY_ACT = [(site, page, act) for site, _ in SITES for page in site.pages for act in page.acts]


async def link(pair: Pair, name: str = "admin@contoso.com") -> str:
    return await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name)


async def client(pair: Pair, name: str = "admin@contoso.com") -> Client:
    return await signed_in(_base(pair), await link(pair, name))


async def person(pair: Pair, name: str, *roles: str) -> Client:
    """Somebody with these roles, signed in."""
    identity = await pair.user(name, assigned=False)
    async with pair.edit() as work:
        for role in roles:
            await tenants.give_role(work, identity, role)
    return await client(pair, f"{name}@contoso.com")


def _base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


def _start(pair: Pair) -> str:
    return f"/t/{pair.tenant.name}"


# ── signing in ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_set_up_link_works_once_and_looking_at_it_does_not_use_it(pair: Pair) -> None:
    made = await link(pair)
    anybody = Client(_base(pair))
    path, _, token = made.removeprefix(_base(pair)).partition("?token=")
    for _ in range(3):
        assert "admin@contoso.com" in (await anybody.get(f"{path}?token={token}")).text
    await signed_in(_base(pair), made)
    assert (await anybody.get(f"{path}?token={token}")).status == 404
    again = await anybody.post(path, {"token": token, "password": PASSWORD, "again": PASSWORD}, csrf="")
    assert again.status == 404 and "not good" in again.text


async def test_links_and_sessions_of_one_tenant_open_no_other(pair: Pair, standard: Pair) -> None:
    made = (await link(pair)).replace(f"/t/{pair.tenant.name}/", f"/t/{standard.tenant.name}/")
    assert (await Client(_base(pair)).get(made.removeprefix(_base(pair)))).status == 404
    somebody = await client(pair)
    moved = {name.replace(pair.tenant.name, standard.tenant.name): value for name, value in somebody.cookies.items()}
    stranger = Client(_base(pair), moved)
    assert (await stranger.get(f"{_start(standard)}/")).status == 303


async def test_signing_in_needs_the_password_and_says_no_more(pair: Pair) -> None:
    await client(pair)
    anybody, path = Client(_base(pair)), f"{_start(pair)}/sign-in"
    wrong = await anybody.post(path, {"name": "admin@contoso.com", "password": "wrong horse battery"}, csrf="")
    nobody = await anybody.post(path, {"name": "nobody@contoso.com", "password": "wrong horse battery"}, csrf="")
    assert wrong.status == nobody.status == 403
    assert wrong.text.replace("admin", "") == nobody.text.replace("nobody", "")
    good = await anybody.post(path, {"name": "ADMIN@contoso.com", "password": PASSWORD}, csrf="")
    assert good.status == 303 and (await anybody.get(f"{_start(pair)}/")).status == 200


async def tried(pair: Pair, account: str, address: str, device: str = "") -> bool:
    """Whether a try is let through to be looked at."""
    try:
        await passwords.count_try(pair.house.database, pair.tenant.realm, account, address, device)
    except Forbidden as error:
        assert "wait" in str(error)
        return False
    return True


async def test_a_password_that_was_changed_while_it_was_looked_at_signs_nobody_in(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes a password that somebody else knows ends their sessions, the one that is just beginning too."""
    owner, looked_at = await client(pair), passwords.verify

    async def verify(stored: str | None, password: str) -> bool:
        good = await looked_at(stored, password)
        monkeypatch.setattr(passwords, "verify", looked_at)
        fields = {"old": PASSWORD, "new": "gnarled teapot over Lisbon", "again": "gnarled teapot over Lisbon"}
        assert (await owner.post(f"{_start(pair)}/account/password", fields)).status == 303
        return good

    monkeypatch.setattr(passwords, "verify", verify)
    with pytest.raises(Forbidden, match="password is wrong"):
        await sign_in.with_password(
            pair.house.database,
            pair.tenant,
            "admin@contoso.com",
            PASSWORD,
            visitor=Actor("nobody", "nobody"),
            device="",
        )
    async with pair.house.database.reading() as tx:
        assert await tx.fetchval("select count(*) from session where realm = $1", pair.tenant.realm) == 1


async def test_many_guesses_wait_longer_and_longer_and_the_owners_browser_does_not(pair: Pair) -> None:
    owner = await client(pair)
    name = next(name for name in owner.cookies if name.endswith("_device"))
    async with pair.house.database.reading() as tx:
        account = str((await users.find(tx, pair.tenant, "admin@contoso.com")).id)
    guesses = [await tried(pair, account, "127.0.0.1") for _ in range(10)]
    assert guesses == [True] * passwords.FREE_TRIES + [False] * 5
    path, fields = f"{_start(pair)}/sign-in", {"name": "admin@contoso.com", "password": PASSWORD}
    elsewhere = Client(_base(pair))
    refused = await elsewhere.post(path, fields, csrf="")
    assert refused.status == 403 and "Too many tries" in refused.text
    again = Client(_base(pair), {name: owner.cookies[name]})
    assert (await again.post(path, fields, csrf="")).status == 303


async def test_guesses_from_many_addresses_end_at_the_accounts_limit(pair: Pair) -> None:
    async with pair.house.database.transaction() as tx:
        device = await passwords.know(tx, pair.tenant.realm, "admin@contoso.com")
    taken = [await tried(pair, "admin@contoso.com", f"203.0.113.{number}") for number in range(200)]
    assert sum(taken) == passwords.AT_ACCOUNT
    assert await tried(pair, "admin@contoso.com", "203.0.113.1", device)
    assert not await tried(pair, "admin@contoso.com", "203.0.113.201", "another device")


async def test_an_address_that_tries_many_accounts_is_stopped(pair: Pair) -> None:
    names = [f"user{number}@contoso.com" for number in range(passwords.AT_PLACE * 2)]
    assert sum([await tried(pair, name, "2001:db8::1") for name in names]) == passwords.AT_PLACE
    # The same network: whoever has IPv6 has more addresses than one.
    assert not await tried(pair, "other@contoso.com", "2001:db8::ffff")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "lovelace-1815-x", "x" * 2000])
async def test_weak_passwords_are_refused_and_the_link_stays_good(pair: Pair, password: str) -> None:
    await pair.user("lovelace", assigned=False)
    made = await link(pair, "lovelace@contoso.com")
    path, _, token = made.removeprefix(_base(pair)).partition("?token=")
    anybody = Client(_base(pair))
    answered = await anybody.post(path, {"token": token, "password": password, "again": password}, csrf="")
    assert answered.status == 400 and "assword" in answered.text
    await signed_in(_base(pair), made)


# ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_cookie_is_out_of_reach_and_the_database_does_not_have_it(pair: Pair) -> None:
    made = await link(pair)
    anybody = Client(_base(pair))
    path, _, token = made.removeprefix(_base(pair)).partition("?token=")
    answered = await anybody.post(path, {"token": token, "password": PASSWORD, "again": PASSWORD}, csrf="")
    morsel = next(found for name, found in answered.cookies.items() if not name.endswith("_device"))
    assert morsel["httponly"] and morsel["samesite"].lower() == "lax" and morsel["path"] == "/"
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch("select * from session")
        dump = repr([dict(row) for row in rows])
    assert morsel.value not in dump and token not in dump
    assert any(row["hash"] == sessions.digest(morsel.value) for row in rows)


@pytest.mark.parametrize("proxies", ['["127.0.0.1"]', '["10.20.0.0/24", "127.0.0.0/8"]'])
async def test_behind_a_trusted_proxy_the_cookie_is_secure_and_plain_http_from_elsewhere_is_refused(
    proxies: str,
) -> None:
    with installation() as made:
        (made.folder).mkdir(mode=0o700)
        (made.folder / "provisor.toml").write_text(f"trusted_proxies = {proxies}")
        base = await to_thread(made.serve)
        path, _, token = (await to_thread(made.run, "sign-in", "link")).removeprefix(base).partition("?token=")
        fields = {"token": token, "password": PASSWORD, "again": PASSWORD}
        refused = await Client(base).post(path, fields, csrf="", X_Forwarded_For="192.0.2.9")
        assert refused.status == 403 and "--tls-cert" in refused.text
        by_tls = {"X_Forwarded_For": "192.0.2.9", "X_Forwarded_Proto": "https"}
        answered = await Client(base).post(path, fields, csrf="", **by_tls)
        assert answered.status == 303 and "max-age" in answered.headers["Strict-Transport-Security"]
        for name, morsel in answered.cookies.items():
            assert name.startswith("__Host-") and morsel["secure"] and morsel["httponly"]


async def test_who_comes_through_a_proxy_that_nobody_named_is_not_on_this_machine(pair: Pair) -> None:
    for header in ({"X_Forwarded_For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
        answered = await Client(_base(pair)).get(f"{_start(pair)}/sign-in", **header)
        assert answered.status == 403 and "trusted_proxies" in answered.text


@pytest.mark.parametrize("ending", ["disable", "delete", "sign out everywhere", "idle", "old", "password", "session"])
async def test_a_session_ends_with_the_next_request(pair: Pair, ending: str) -> None:
    somebody = await person(pair, "ada", "Global Reader")
    assert (await somebody.get(f"{_start(pair)}/users")).status == 200
    async with pair.edit() as work:
        ada = await users.find(work.tx, pair.tenant, "ada@contoso.com")
        if ending == "disable":
            await users.change(work, ada.id, {"accountEnabled": False})
        elif ending == "delete":
            await users.recycle(work, ada.id)
        elif ending == "sign out everywhere":
            await sign_in.sign_out_everywhere(work, ada)
        elif ending in ("idle", "old"):
            column = {"idle": "seen", "old": "opened"}[ending]
            await work.tx.execute(
                f"update session set {column} = {column} - interval '12 hours 1 second' where subject = $1", str(ada.id)
            )
    if ending == "password":
        await client(pair, "ada@contoso.com")
    if ending == "session":
        await somebody.post(f"{_start(pair)}/sign-in/end", {})
    gone = await somebody.get(f"{_start(pair)}/users")
    assert gone.status == 303 and gone.where.startswith(
        f"{_start(pair)}/sign-in?next=%2Ft%2F{pair.tenant.name}%2Fusers"
    )


async def test_a_role_that_is_taken_away_counts_from_the_next_request(pair: Pair) -> None:
    somebody = await person(pair, "ada", "User Administrator")
    assert (await somebody.get(f"{_start(pair)}/users")).status == 200
    async with pair.edit() as work:
        ada = await users.find(work.tx, pair.tenant, "ada@contoso.com")
        await tenants.take_role(work, ada.id, "User Administrator")
    gone = await somebody.get(f"{_start(pair)}/users")
    assert gone.status == 403 and "may not read users and groups" in gone.text


async def test_seed_49_a_removed_demoted_or_inactive_admin_has_no_console_from_the_next_request(pair: Pair) -> None:
    for step in ("remove", "demote", "deactivate"):
        name = f"{step}@contoso.com"
        async with pair_workspace_edit(pair) as work:
            await accounts.add(work, name, {}, admin=True)
        made = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, name)
        somebody = await signed_in_to_workspace(_base(pair), made)
        path = f"/w/{pair.workspace.name}/"
        assert (await somebody.get(path)).status == 200
        async with pair_workspace_edit(pair) as work:
            if step == "remove":
                await accounts.remove(work, name)
            elif step == "demote":
                await accounts.set_admin(work, name, False)
            else:
                await accounts.set_values(work, name, {"active": False})
        assert (await somebody.get(path)).status == 303


def pair_workspace_edit(pair: Pair) -> Any:
    from provisor.workspace import edit as workspace_edit

    return workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR)


async def test_a_console_link_is_for_admins_and_works_once(pair: Pair) -> None:
    async with pair_workspace_edit(pair) as work:
        await accounts.add(work, "grace@contoso.com", {})
    with pytest.raises(Forbidden, match="no active admin"):
        await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, "grace@contoso.com")
    made = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, None)
    assert OPS in (await Client(_base(pair)).get(made.removeprefix(_base(pair)))).text
    await signed_in_to_workspace(_base(pair), made)
    path, _, token = made.removeprefix(_base(pair)).partition("?token=")
    assert (await Client(_base(pair)).post(path, {"token": token}, csrf="")).status == 404


# ── forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "", "Origin": "null"},
        {"Sec_Fetch_Site": ""},
    ],
)
async def test_a_form_from_elsewhere_is_refused(pair: Pair, headers: dict[str, str]) -> None:
    somebody = await client(pair)
    fields = {"userPrincipalName": "eve@contoso.com"}
    refused = await somebody.post(f"{_start(pair)}/users", fields, **headers)
    assert refused.status == 403
    own = {"Sec_Fetch_Site": "", "Origin": _base(pair)}
    assert (await somebody.post(f"{_start(pair)}/users", fields, **own)).status == 303


async def test_a_form_needs_its_sessions_token(pair: Pair) -> None:
    somebody, other = await client(pair), await person(pair, "ada", "Global Administrator")
    found = re.search(r'name="csrf" value="(\w+)"', (await other.get(f"{_start(pair)}/")).text)
    assert found
    for csrf in ("", "0" * 64, found[1]):
        refused = await somebody.post(f"{_start(pair)}/users", {"userPrincipalName": "eve@contoso.com"}, csrf=csrf)
        assert refused.status == 403 and "another session" in refused.text


async def test_only_forms_are_read_and_only_so_much_of_them(pair: Pair) -> None:
    somebody = await client(pair)
    path = f"{_start(pair)}/users"
    assert (await somebody.post(path, {}, Content_Type="text/plain")).status == 400
    assert (await somebody.post(path, {"userPrincipalName": "x" * 2_000_000})).status == 400
    assert (await somebody.post(path, {"userPrincipalName": "a\0b@contoso.com"})).status == 400


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/t/x//evil.example",
        "javascript:alert(1)",
        "/t/xevil",
        "/t/x/\\evil",
        "/t/x/\r\nSet-Cookie: a=b",
        "",
        "/w/x/",
    ],
)
def test_after_signing_in_one_stays_on_the_site(wanted: str) -> None:
    assert not stays("/t/x", wanted)
    assert stays("/t/x", "/t/x/users?q=ada")


# ── who may ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("site", "page", "act"), EVERY_ACT, ids=lambda item: getattr(item, "path", ""))
def test_every_function_of_every_page_takes_an_action_of_the_table(site: Any, page: Any, act: Any) -> None:
    if page.public:
        assert page.name in {"sign_in", "signed_in", "set_up", "authorize", "sign_out"}
    else:
        assert act.action in ACTIONS
    if page.pending:
        assert page.name in {"sign_in", "second_factor"}


#: Directory role, or owner → the status of each GET page of the portal that asks for an action.
async def test_each_role_sees_what_the_table_says(pair: Pair) -> None:
    somebodies: dict[str, tuple[Client, frozenset[str]]] = {}
    for number, role in enumerate(DIRECTORY_ROLES):
        somebodies[role] = (await person(pair, f"person{number}", role), ROLES[role] | {"account.own"})
    owner = await pair.user("owner", assigned=False)
    async with pair.edit() as work:
        from provisor.directory import assignments

        await assignments.add_owner(work, await pair.app(work.tx), await users.find(work.tx, pair.tenant, str(owner)))
    somebodies["owner"] = (await client(pair, "owner@contoso.com"), APPLICATION_OWNER | {"account.own"})
    somebodies["nobody in particular"] = (await person(pair, "nobody"), frozenset({"account.own"}))
    for role, (somebody, actions) in somebodies.items():
        for page in portal.PORTAL.pages:
            for act in page.acts:
                if page.public or act.method != "GET":
                    continue
                path = _filled(pair, act.path, owner)
                status = (await somebody.get(_start(pair) + path)).status
                allowed = act.action in actions
                assert (status != 403) is allowed, f"{role}: GET {path} is {status}, {act.action} is needed"
                assert status in (200, 204, 303, 403, 404), f"{role}: GET {path} is {status}"


async def test_whoever_may_not_change_anything_cannot_by_sending_forms(pair: Pair) -> None:
    reader, owner = await person(pair, "reader", "Global Reader"), await pair.user("someone")
    for page in portal.PORTAL.pages:
        for act in page.acts:
            if page.public or act.method != "POST" or act.action == "account.own":
                continue
            answered = await reader.post(_start(pair) + _filled(pair, act.path, owner), {})
            assert answered.status == 403, act.path
    async with edit(pair.house.database, pair.tenant, Actor("x", "x")) as work:
        assert not work.entries


async def test_nobody_gets_no_page_and_the_console_of_a_workspace_is_its_own_admins(pair: Pair, standard: Pair) -> None:
    anybody = Client(_base(pair))
    for site, letter in SITES:
        name = pair.tenant.name if letter == "t" else pair.workspace.name
        for page in site.pages:
            for act in page.acts:
                if page.public:
                    continue
                path = f"/{letter}/{name}{_filled(pair, act.path, uuid4())}"
                answered = await (anybody.get(path) if act.method == "GET" else anybody.post(path, {}, csrf=""))
                assert answered.status == 303 and "/sign-in" in answered.where, path
    made = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, None)
    admin = await signed_in_to_workspace(_base(pair), made)
    (name, value), *_ = admin.cookies.items()
    stranger = Client(_base(pair), {name.replace(pair.workspace.name, standard.workspace.name): value})
    assert (await stranger.get(f"/w/{standard.workspace.name}/")).status == 303


def _filled(pair: Pair, path: str, somebody: Any) -> str:
    values = {
        "application:uuid": str(pair.application),
        "user:uuid": str(somebody),
        "group:uuid": str(uuid4()),
        "policy:uuid": str(uuid4()),
        "number": "1",
        "object": "user",
        "cycle": "1",
        "ordinal": "1",
        "user": "1",
        "group": "1",
    }
    return re.sub(r"\{([^}]+)\}", lambda found: values[found[1]], path)


# ── what it says ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_answer_forbids_what_pages_of_ours_do_not_do(pair: Pair) -> None:
    somebody = await client(pair)
    for path in ("/sign-in", "/", "/users", "/nothing", "/users/not-a-user"):
        answered = await somebody.get(_start(pair) + path, Accept="text/html")
        policy = answered.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answered.headers["X-Content-Type-Options"] == "nosniff"
        assert answered.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r'(src|href|action)="(https?:)?//', answered.text), path
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", answered.text), path


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/t/nowhere/", 404),
        ("/w/nowhere/", 404),
        ("/t/nowhere/sign-in", 404),
        ("/users/00000000-0000-0000-0000-000000000000", 404),
        ("/groups/00000000-0000-0000-0000-000000000000", 404),
        ("/applications/00000000-0000-0000-0000-000000000000", 404),
        ("/users?after=%ff&q=%f0%9f%a4%b7", 200),
        ("/users?q=%25&after='", 200),
        ("/groups?after=a&id=b", 200),
        ("/groups?after=a&id=1e5", 200),
    ],
)
async def test_odd_addresses_get_a_sentence(pair: Pair, path: str, status: int) -> None:
    somebody = await client(pair)
    answered = await somebody.get(path if path[1] in "tw" and path[2] == "/" else _start(pair) + path)
    assert answered.status == status
    assert "Traceback" not in answered.text


async def test_odd_numbers_in_addresses_get_a_sentence(pair: Pair) -> None:
    somebody = await client(pair)
    app = f"{_start(pair)}/applications/{pair.application}"
    for query in (
        "plan?phase=99999999&after=1",
        "plan?phase=1&after=99999999999999999999",
        "logs?number=1&phase=2&ordinal=99999999999999999999",
        "logs?cycle=-1",
        "logs?cycle=9999999999999999999999",
        "users-and-groups?type=x&after=y&id=z",
        "mappings/user?edit=nothing",
        "logs/99999999999999999999/1",
        "logs/" + "9" * 5000 + "/1",
    ):
        assert (await somebody.get(f"{app}/{query}")).status in (200, 400, 404), query
    assert (await somebody.get(f"{app}/mappings/robot")).status == 404


# ── whom it is about ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_link_is_of_a_person_and_not_of_whoever_has_the_name_now(pair: Pair) -> None:
    """A link of somebody who was deleted does not become that of another who takes the name."""
    temp = await pair.user("temp", assigned=False)
    made = await link(pair, "temp@contoso.com")
    async with pair.edit() as work:
        await users.recycle(work, temp)
        admin = await users.find(work.tx, pair.tenant, "admin@contoso.com")
        await users.change(work, admin.id, {"userPrincipalName": "temp@contoso.com"})
    path, _, token = made.removeprefix(_base(pair)).partition("?token=")
    answered = await Client(_base(pair)).post(path, {"token": token, "password": PASSWORD, "again": PASSWORD}, csrf="")
    assert answered.status == 404
    async with pair.house.database.reading() as tx:
        assert not await sign_in.is_set_up(tx, pair.tenant)


@pytest.mark.parametrize("step", ["disable", "password"])
async def test_what_was_open_before_stays_closed(pair: Pair, step: str) -> None:
    """Neither a session nor a link of before counts again when somebody is enabled again, or has another password."""
    somebody, second = await person(pair, "ada", "Global Reader"), await link(pair, "ada@contoso.com")
    async with pair.edit() as work:
        ada = await users.find(work.tx, pair.tenant, "ada@contoso.com")
        if step == "disable":
            await users.change(work, ada.id, {"accountEnabled": False})
            await users.change(work, ada.id, {"accountEnabled": True})
    if step == "password":
        third = await link(pair, "ada@contoso.com")
        await signed_in(_base(pair), third)
    assert (await somebody.get(f"{_start(pair)}/")).status == 303
    assert (await Client(_base(pair)).get(second.removeprefix(_base(pair)))).status == 404


async def test_a_role_is_taken_from_the_one_whose_row_it_is(pair: Pair) -> None:
    old = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, old, "Global Reader")
        await users.recycle(work, old)
    new = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, new, "Global Reader")
    somebody = await client(pair)
    await somebody.post(f"{_start(pair)}/roles/remove", {"user": str(old), "role": "Global Reader"})
    async with pair.house.database.reading() as tx:
        holders = {row["id"] for row in await tenants.role_holders(tx, pair.tenant) if row["role"] == "Global Reader"}
    assert holders == {new}


async def test_pages_of_a_workspace_act_on_the_one_they_show(standard: Pair) -> None:
    """In a workspace of profile standard anybody can be called like somebody's id."""
    async with pair_workspace_edit(standard) as work:
        bob = await accounts.add(work, "bob@contoso.com", {})
        await accounts.add(work, bob.id, {})
    made = await compose.workspace_sign_in_link(standard.house, PROVISOR, standard.workspace, None)
    admin = await signed_in_to_workspace(_base(standard), made)
    start = f"/w/{standard.workspace.name}"
    await admin.post(f"{start}/users/{bob.id}/admin", {"admin": "Yes"})
    await admin.post(f"{start}/users/switch", {"user": bob.id, "which": "clusters", "on": "1"})
    async with standard.house.database.reading() as tx:
        found = await accounts.get(tx, standard.workspace, bob.id)
        other = await accounts.find(tx, standard.workspace, bob.id)
    assert accounts.is_admin(found) and other.id != bob.id and not accounts.is_admin(other)


async def test_the_recycle_bin_is_paged_although_many_have_one_name(pair: Pair) -> None:
    made = []
    for _ in range(60):
        made.append(await pair.user("ada", assigned=False))
        async with pair.edit() as work:
            await users.recycle(work, made[-1])
    somebody, path, seen = await client(pair), f"{_start(pair)}/users?show=deleted", set()
    while path:
        text = (await somebody.get(path)).text
        seen |= set(re.findall(r"/users/([0-9a-f-]{36})", text))
        found = re.search(r'href="([^"]*)" rel="next"', text)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == {str(identity) for identity in made}


# ── at the same time ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_edits_at_once_are_all_kept(pair: Pair) -> None:
    somebody = await client(pair)
    start = f"{_start(pair)}/applications/{pair.application}/mappings/user"
    await somebody.get(start)
    found = re.search(r'name="csrf" value="(\w+)"', (await somebody.get(start)).text)
    assert found
    targets = ["displayName", "active", 'emails[type eq "work"].value']
    await gather(*(somebody.post(f"{start}/delete", {"target": target}, csrf=found[1]) for target in targets))
    assert "3 unsaved edits" in (await somebody.get(start)).text


async def test_a_form_that_shows_other_settings_is_not_saved_over_these(pair: Pair) -> None:
    somebody = await client(pair)
    path = f"{_start(pair)}/applications/{pair.application}/provisioning"
    found = re.search(r'name="mark" value="(\w+)"', (await somebody.get(path)).text)
    assert found
    fields = {"mode": "Automatic", "tenant_url": pair.base, "scope": "assigned", "status": "Off", "mark": found[1]}
    assert (await somebody.post(path, {**fields, "mode": "Robot"})).status == 400
    assert (await somebody.post(path, {**fields, "status": "On"})).status == 303
    stale = await somebody.post(path, fields)
    assert stale.status == 409 and "meanwhile" in stale.text
    assert (await pair.app()).provisioning == "On"


async def test_two_who_edit_different_attributes_of_one_user_both_win(pair: Pair) -> None:
    ada = await pair.user(
        "ada", streetAddress="12 St James's Square\nLondon", otherMails=["a;b@contoso.com", "c@x.org"]
    )
    somebody, path = await client(pair), f"{_start(pair)}/users/{ada}"
    text = (await somebody.get(path)).text
    assert "St James&#39;s Square\nLondon</textarea>" in text
    shown = {"was:displayName": "", "was:jobTitle": "", "was:streetAddress": "12 St James's Square\r\nLondon"}
    untouched = {"displayName": "", "jobTitle": "", "streetAddress": "12 St James's Square\r\nLondon"}
    await somebody.post(path, {**shown, **untouched, "displayName": "Ada"})
    await somebody.post(path, {**shown, **untouched, "jobTitle": "Countess"})
    async with pair.house.database.reading() as tx:
        doc = (await users.by_id(tx, pair.tenant, ada)).doc
    assert (doc["displayName"], doc["jobTitle"]) == ("Ada", "Countess")
    assert doc["streetAddress"] == "12 St James's Square\nLondon" and doc["otherMails"] == [
        "a;b@contoso.com",
        "c@x.org",
    ]


async def test_the_same_application_made_twice_at_once_is_there_once(pair: Pair) -> None:
    somebody, path = await client(pair), f"{_start(pair)}/applications/new/non-gallery"
    fields = {"name": "twice", "template": "scim"}
    found = re.search(r'name="csrf" value="(\w+)"', (await somebody.get(path)).text)
    assert found
    answers = await gather(*(somebody.post(path, fields, csrf=found[1]) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [303, 409, 409, 409]


async def test_a_part_that_renews_itself_does_not_keep_a_session(pair: Pair) -> None:
    somebody = await client(pair)
    path = f"{_start(pair)}/applications/{pair.application}"
    async with pair.house.database.transaction() as tx:
        await tx.execute("update session set seen = now() - interval '20 minutes'")
    assert (await somebody.get(f"{path}/cycle", HX_Request="true")).status == 200
    async with pair.house.database.reading() as tx:
        assert await tx.fetchval("select max(seen) < now() - interval '19 minutes' from session")
    assert (await somebody.get(path)).status == 200
    async with pair.house.database.reading() as tx:
        assert await tx.fetchval("select max(seen) > now() - interval '1 minute' from session")


async def test_a_plan_counts_together_what_differs_only_in_what_it_quotes(pair: Pair) -> None:
    from provisor.sync.cycle import dry_run

    for name in ("ada", "o'hara", "bob"):
        if name != "bob":
            await pair.call("POST", "/Users", {"userName": f"{name}@contoso.com"})
        await pair.user(name)
    async with pair.house.job(pair.tenant, pair.application, read_only=True) as job:
        await dry_run(job, lambda stage, done, total: None)
    somebody, path = await client(pair), f"{_start(pair)}/applications/{pair.application}/plan"
    page = (await somebody.get(path)).text
    (link,) = re.findall(r'href="([^"]+)">(an account with userName … was there before and is merged[^<]*)<', page)
    assert re.search(rf'{re.escape(link[1])}</a></td><td class="number">2</td>', page)
    chosen = (await somebody.get(html.unescape(link[0]))).text.partition("<h2>")[2]
    assert "ada@contoso.com" in chosen and "hara@contoso.com" in chosen and "bob@contoso.com" not in chosen


async def test_the_plan_of_edits_that_are_not_saved_is_not_the_next_cycles(pair: Pair) -> None:
    from provisor.provisioning import edit as editing
    from provisor.sync.cycle import dry_run
    from provisor.sync.history import History

    await pair.user("ada", jobTitle="Countess")
    await pair.sync()
    schema = editing.add_mapping((await pair.app()).schema, "User", "title", attribute="jobTitle")
    async with pair.house.job(pair.tenant, pair.application, read_only=True, schema=schema) as job:
        result = await dry_run(job, lambda stage, done, total: None, everything=True)
    assert result.kinds == {"update user": 1}
    history = History(pair.house.database, pair.tenant.id, pair.application)
    assert await history.latest("plan") is None
    assert [row["detail"]["attributes"] for row in await history.planned(result.cycle.id, (0, 0), 5)] == [
        {"title": [None, "Countess"]}
    ]
    assert (await pair.sync()).counts == {}, "nothing of it was kept"


async def test_another_password_makes_every_browser_a_stranger(pair: Pair) -> None:
    somebody = await person(pair, "ada")
    device = next(value for name, value in somebody.cookies.items() if name.endswith("_device"))
    async with pair.house.database.reading() as tx:
        account = str((await users.find(tx, pair.tenant, "ada@contoso.com")).id)
    place = await passwords.count_try(pair.house.database, pair.tenant.realm, account, "192.0.2.1", device)
    assert place.startswith("device/")
    again = await client(pair, "ada@contoso.com")
    place = await passwords.count_try(pair.house.database, pair.tenant.realm, account, "192.0.2.1", device)
    assert place == "192.0.2.1"
    fields = {"name": "ada@contoso.com", "password": PASSWORD}
    await again.post(f"{_start(pair)}/sign-in/end", {})
    known = next(value for name, value in again.cookies.items() if name.endswith("_device"))
    await again.post(f"{_start(pair)}/sign-in", fields, csrf="")
    assert known in again.cookies.values(), "a browser that is known stays known by the same secret"


async def test_an_admin_who_comes_back_signs_in_anew(pair: Pair) -> None:
    async with pair_workspace_edit(pair) as work:
        await accounts.add(work, "second@contoso.com", {}, admin=True)
    links = [
        await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, "second@contoso.com")
        for _ in range(2)
    ]
    somebody = await signed_in_to_workspace(_base(pair), links[0])
    async with pair_workspace_edit(pair) as work:
        await accounts.set_values(work, "second@contoso.com", {"active": False})
        await accounts.set_values(work, "second@contoso.com", {"active": True})
    assert (await somebody.get(f"/w/{pair.workspace.name}/")).status == 303
    assert (await somebody.get(links[1].removeprefix(_base(pair)))).status == 404


async def test_an_attribute_list_that_shows_another_one_is_not_saved_over_it(pair: Pair) -> None:
    first, second = await client(pair), await person(pair, "ada", "Application Administrator")
    path = f"{_start(pair)}/applications/{pair.application}/attributes/user"
    found = re.search(r'name="mark" value="(\w+)"', (await first.get(path)).text)
    assert found
    fields = {"mark": found[1], "name": "userName", "type": "String", "primary": "id", "required": "userName"}
    assert (await second.post(f"{path}/save", fields)).status == 303
    stale = await first.post(f"{path}/save", {**fields, "required": "", "new": "nickName2"})
    assert stale.status == 409 and "others now" in stale.text
