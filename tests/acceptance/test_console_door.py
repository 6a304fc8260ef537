"""The console as a server is attacked and misused: sessions, forms of other sites, roles, guesses, what it says."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from browser_like import PASSWORD, Client, signed_in, signed_in_to_workspace

from pair import OPS, Pair
from provisor import compose
from provisor.access import passwords, sessions
from provisor.access.actors import PROVISOR, Actor
from provisor.access.roles import ACTIONS, APPLICATION_OWNER, DIRECTORY_ROLES, ROLES
from provisor.console import portal, workspace
from provisor.console.portal.sign_in import stays
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
    assert again.status == 404 and "used already" in again.text


async def test_links_and_sessions_of_one_tenant_open_no_other(pair: Pair, standard: Pair) -> None:
    made = (await link(pair)).replace(f"/t/{pair.tenant.name}/", f"/t/{standard.tenant.name}/")
    assert (await Client(_base(pair)).get(made.removeprefix(_base(pair)))).status == 404
    somebody = await client(pair)
    (name, value), *_ = somebody.cookies.items()
    stranger = Client(_base(pair), {name.replace(pair.tenant.name, standard.tenant.name): value})
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


async def test_many_guesses_wait_longer_and_longer_and_do_not_shut_the_owner_out(pair: Pair) -> None:
    realm, database = sign_in.realm(pair.tenant), pair.house.database
    async with database.transaction() as tx:
        await passwords.try_succeeded(tx, realm, "admin@contoso.com", "192.0.2.1")
    refused = 0
    for _ in range(10):
        try:
            await passwords.count_try(database, realm, "admin@contoso.com", "198.51.100.7")
        except Forbidden:
            refused += 1
    assert refused == 10 - passwords.FREE_TRIES
    await passwords.count_try(database, realm, "admin@contoso.com", "192.0.2.1")


async def test_guesses_from_many_addresses_end_at_the_accounts_limit_but_not_for_the_owners_address(pair: Pair) -> None:
    realm, database = sign_in.realm(pair.tenant), pair.house.database
    await passwords.count_try(database, realm, "admin@contoso.com", "192.0.2.1")
    async with database.transaction() as tx:
        await passwords.try_succeeded(tx, realm, "admin@contoso.com", "192.0.2.1")
    taken = 0
    for number in range(200):
        try:
            await passwords.count_try(database, realm, "admin@contoso.com", f"203.0.113.{number}")
            taken += 1
        except Forbidden as error:
            assert "15 minutes" in str(error)
    assert taken == passwords.AT_ACCOUNT
    await passwords.count_try(database, realm, "admin@contoso.com", "192.0.2.1")


async def test_an_address_that_tries_many_accounts_is_stopped(pair: Pair) -> None:
    realm, taken = sign_in.realm(pair.tenant), 0
    for number in range(passwords.FROM_ADDRESS * 2):
        try:
            await passwords.count_try(pair.house.database, realm, f"user{number}@contoso.com", "2001:db8::1")
            taken += 1
        except Forbidden:
            pass
    assert taken == passwords.FROM_ADDRESS
    with pytest.raises(Forbidden):
        # The same network: whoever has IPv6 has more addresses than one.
        await passwords.count_try(pair.house.database, realm, "other@contoso.com", "2001:db8::ffff")


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
    (morsel,) = answered.cookies.values()
    assert morsel["httponly"] and morsel["samesite"].lower() == "lax" and morsel["path"] == "/"
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch("select * from session")
        dump = repr([dict(row) for row in rows])
    assert morsel.value not in dump and token not in dump
    assert any(row["hash"] == sessions.digest(morsel.value) for row in rows)


async def test_over_https_the_cookie_is_secure_and_the_hosts_own(pair: Pair) -> None:
    made = await link(pair)
    path, _, token = made.removeprefix(_base(pair)).partition("?token=")
    fields = {"token": token, "password": PASSWORD, "again": PASSWORD}
    # A TLS proxy on this machine says how the browser came.
    answered = await Client(_base(pair)).post(path, fields, csrf="", X_Forwarded_Proto="https")
    ((name, morsel),) = answered.cookies.items()
    assert name.startswith("__Host-") and morsel["secure"]


async def test_plain_http_from_another_machine_is_refused_with_a_sentence(pair: Pair) -> None:
    answered = await Client(_base(pair)).get(f"{_start(pair)}/sign-in", X_Forwarded_For="192.0.2.9")
    assert answered.status == 403 and "--tls-cert" in answered.text


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
    assert gone.status == 303 and gone.where == f"{_start(pair)}/sign-in?next=/t/{pair.tenant.name}/users"


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
        assert page.name in {"sign_in", "set_up"}
    else:
        assert act.action in ACTIONS


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
        "object": "user",
        "cycle:int": "1",
        "ordinal:int": "1",
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
    ):
        assert (await somebody.get(f"{app}/{query}")).status in (200, 400, 404), query
    assert (await somebody.get(f"{app}/mappings/robot")).status == 404
