"""People of a tenant sign in at npm's oidc-provider, a real server that nobody here has written."""

from __future__ import annotations

import contextlib
import json
import re
from asyncio import to_thread
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import pytest_asyncio
from node_programs import needs_node, running
from openid_house import ADMIN, Realm, along

from browser_like import PASSWORD, Answered, Client
from installation import Installation

pytestmark = needs_node
#: Signs that a form, a URL and a header each write in their own way.
SECRET = "a+b c%2B:d/e=f&g?h~i*j'k\"l"
SUBJECT = "idp|42 (Ada)"


@dataclass(slots=True)
class Elsewhere:
    """The provider, seen with the browser of whoever signs in there."""

    issuer: str
    browser: Client
    #: What it was asked for, the last time.
    asked: dict[str, list[str]] = field(default_factory=dict)

    async def carried(self, where: str, back: str, **form: str) -> str:
        """Where the provider sends the browser back to, which may have to sign in with ``form``."""
        assert where.startswith(self.browser.base + "/")
        self.asked = parse_qs(urlsplit(where).query)
        page, answered = await along(self.browser, where, back)
        if answered.status == 200:
            assert form, "nobody should have been asked"
            answered = await self.browser.post(page, form, csrf="")
            _, answered = await along(self.browser, answered.where, back)
        else:
            assert not form, "somebody should have been asked"
        assert answered.where.startswith(back), answered.text
        return answered.where


@contextlib.asynccontextmanager
async def provider(realm: Realm, client: str = "provisor:1 %", **wanted: Any) -> AsyncIterator[Elsewhere]:
    """It runs, and the tenant sends its people there."""
    given = {"client": client, "secret": SECRET, "redirect": f"{realm.url}{realm.portal}/signed-in", **wanted}
    with running("provider.mjs", json.dumps(given)) as program:
        said = await to_thread(program.read)
        secret = () if given.get("method") == "none" else ("--client-secret-file", realm.file(given["secret"]))
        words = ("tenant", "sign-in", "set", "--client-id", client, "--name", "Elsewhere", *secret)
        await realm.run(*words, "--issuer", said["issuer"], *(["--trust-mfa"] if wanted.get("trusted") else []))
        yield Elsewhere(said["issuer"], Client(said["root"]))


@pytest_asyncio.fixture
async def realm(plain: Installation) -> Realm:
    return await Realm.make(plain)


async def begun(realm: Realm, browser: Client, **fields: str) -> str:
    answered = await browser.post(f"{realm.portal}/signed-in/begin", fields)
    assert answered.status == 303, answered.text
    return answered.where


async def signing_in(realm: Realm, there: Elsewhere, browser: Client, again: str = "", **form: str) -> Answered:
    """Come back from the provider."""
    where = await begun(realm, browser, next=f"{realm.portal}/users", **({"again": again} if again else {}))
    return await browser.get(await there.carried(where, realm.url, **form))


async def methods_of(realm: Realm) -> list[str]:
    """What the last sign-in showed."""
    found = (await realm.json("sign-ins"))[0]
    assert found["outcome"] == "success", found
    methods: list[str] = found["methods"]
    return methods


# ── who gets in ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_linked_gets_into_the_portal_and_from_there_into_the_console(realm: Realm) -> None:
    async with provider(realm) as there:
        assert "client_secret_basic" in await realm.run("tenant", "sign-in", "test")
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        somebody = Client(realm.url)
        answered = await signing_in(realm, there, somebody, subject=SUBJECT)
        assert answered.where == f"{realm.portal}/users", answered.text
        assert ADMIN in (await somebody.get(f"{realm.portal}/account")).text
        answered = await somebody.post(f"{realm.console}/sign-in/tenant", {}, csrf="")
        _, page = await along(somebody, answered.where, "/nowhere")
        assert page.status == 200 and "Add User" in page.text
        # Whom the provider knows it does not ask again.
        other = Client(realm.url)
        assert (await signing_in(realm, there, other)).where == f"{realm.portal}/users"


async def test_who_is_not_linked_is_shown_the_subject_which_an_administrator_links(realm: Realm) -> None:
    async with provider(realm) as there:
        somebody = Client(realm.url)
        refused = await signing_in(realm, there, somebody, subject=SUBJECT)
        assert refused.status == 403 and SUBJECT in refused.text
        assert (await somebody.get(f"{realm.portal}/account")).status == 303
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        assert (await signing_in(realm, there, somebody)).status == 303


async def test_somebody_connects_their_account_themselves(realm: Realm) -> None:
    owner = await realm.admin()
    async with provider(realm) as there:
        away = await owner.post(f"{realm.portal}/account/connect", {"password": PASSWORD})
        back = await there.carried(away.where, realm.url, subject=SUBJECT)
        shown = await owner.get(back)
        assert shown.status == 200 and SUBJECT in shown.text
        sealed = re.search(r'name="identity" value="([^"]+)"', shown.text)
        assert sealed is not None
        connected = await owner.post(f"{realm.portal}/signed-in/connect", {"identity": sealed[1]})
        assert connected.where == f"{realm.portal}/account"
        assert [row["subject"] for row in await realm.json("tenant", "sign-in", "list")] == [SUBJECT]
        assert (await signing_in(realm, there, Client(realm.url))).status == 303


@pytest.mark.parametrize("path", ["", "/realms/contoso"])
@pytest.mark.parametrize("slash", [False, True], ids=["bare", "slash"])
async def test_the_issuer_is_taken_as_it_writes_itself_and_not_otherwise(realm: Realm, path: str, slash: bool) -> None:
    async with provider(realm, path=path, slash=slash) as there:
        assert there.issuer.endswith("/") is slash
        await realm.run("tenant", "sign-in", "test")
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        assert (await signing_in(realm, there, Client(realm.url), subject=SUBJECT)).status == 303
        wrong = there.issuer.removesuffix("/") if slash else there.issuer + "/"
        await realm.run("tenant", "sign-in", "set", "--issuer", wrong, "--client-id", "provisor:1 %")
        assert f"calls itself '{there.issuer}'" in await realm.refused("tenant", "sign-in", "test")
        answered = await Client(realm.url).post(f"{realm.portal}/signed-in/begin", {}, csrf="")
        assert answered.status >= 400 and not answered.where and there.issuer in answered.text


async def test_an_answer_of_somebody_else_is_refused(realm: Realm) -> None:
    async with provider(realm) as there:
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        form = {"subject": SUBJECT}
        for spoil in ("iss", "state", "code"):
            somebody = Client(realm.url)
            back = await there.carried(await begun(realm, somebody), realm.url, **form)
            parts, form = urlsplit(back), {}
            values = {name: value for name, (value,) in parse_qs(parts.query).items()}
            assert values["iss"] == there.issuer
            for changed in (
                {**values, spoil: "https://evil.example/"},
                {k: v for k, v in values.items() if k != spoil},
            ):
                refused = await somebody.get(parts._replace(query=urlencode(changed)).geturl())
                assert refused.status == 403, (spoil, refused.where)
            # One try is all that a sign-in has, where its answer was looked at.
            assert (await somebody.get(back)).status == (303 if spoil == "state" else 403)
            assert (await somebody.get(back)).status == 403


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_the_tenant_shows_who_it_is_as_the_provider_wants_it(realm: Realm, method: str) -> None:
    async with provider(realm, method=method) as there:
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        assert (await signing_in(realm, there, Client(realm.url), subject=SUBJECT)).status == 303
        if method != "none":
            words = ("tenant", "sign-in", "set", "--client-id", "provisor:1 %", "--issuer", there.issuer)
            await realm.run(*words, "--client-secret-file", realm.file(SECRET + "x"))
            refused = await signing_in(realm, there, Client(realm.url))
            assert refused.status == 403 and "did not take the code and answered: invalid_client" in refused.text


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_its_id_tokens_are_read_however_they_are_signed(realm: Realm, algorithm: str) -> None:
    async with provider(realm, algorithm=algorithm) as there:
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        assert (await signing_in(realm, there, Client(realm.url), subject=SUBJECT)).status == 303


async def test_whoever_does_not_want_to_is_told_so_in_our_words(realm: Realm) -> None:
    async with provider(realm) as there:
        refused = await signing_in(realm, there, Client(realm.url), abort="1")
        assert refused.status == 403 and "it answered access_denied" in refused.text
        assert "Nobody" not in refused.text


# ── what it proves ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("trusted", "amr", "methods"),
    [
        (False, "pwd mfa", ["external"]),
        (True, "pwd mfa", ["external", "totp"]),
        (True, "pwd otp", ["external", "totp"]),
        (True, "pwd sms", ["external"]),
        (True, "", ["external"]),
    ],
)
async def test_what_it_says_of_a_second_factor_counts_when_it_is_trusted(
    realm: Realm, trusted: bool, amr: str, methods: list[str]
) -> None:
    async with provider(realm, trusted=trusted) as there:
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        form = {"subject": SUBJECT, **({"amr": amr} if amr else {})}
        assert (await signing_in(realm, there, Client(realm.url), **form)).status == 303
        assert await methods_of(realm) == methods


async def test_whoever_must_sign_in_afresh_is_asked_by_it_even_when_it_knows_them(realm: Realm) -> None:
    async with provider(realm) as there:
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        somebody = Client(realm.url)
        assert (await signing_in(realm, there, somebody, subject=SUBJECT, ago="7200")).status == 303
        assert (await signing_in(realm, there, somebody)).status == 303
        assert "prompt" not in there.asked and "max_age" not in there.asked
        assert (await signing_in(realm, there, somebody, again="1", subject=SUBJECT)).status == 303
        assert (there.asked["prompt"], there.asked["max_age"]) == (["login"], ["0"])
        refused = await signing_in(realm, there, somebody, again="1", subject=SUBJECT, ago="7200")
        assert refused.status == 403 and "did not ask you again" in refused.text


@pytest.mark.parametrize("always", [["auth_time"], []], ids=["says-when", "says-nothing"])
async def test_a_policy_about_fresh_sign_ins_sends_people_there_once_more(realm: Realm, always: list[str]) -> None:
    """A provider that does not say when somebody signed in counts as one that has known them for long."""
    words = ("policy", "create", "Fresh", "--users", "All", "--app", "portal", "--sign-in-every", "1h")
    await realm.run("conditional-access", *words, "--state", "on")
    async with provider(realm, always=always) as there:
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        somebody = Client(realm.url)
        answered = await signing_in(realm, there, somebody, subject=SUBJECT)
        if always:
            assert answered.where == f"{realm.portal}/users"
        else:
            assert answered.where.startswith(f"{realm.portal}/sign-in?again=1"), answered.where
        assert (await signing_in(realm, there, somebody, again="1", subject=SUBJECT)).where == f"{realm.portal}/users"
        assert (await somebody.get(f"{realm.portal}/account")).status == 200


async def test_a_workspace_that_wants_a_fresh_sign_in_gets_it_from_there(realm: Realm) -> None:
    async with provider(realm) as there:
        await realm.run("tenant", "sign-in", "link", ADMIN, "--subject", SUBJECT)
        somebody = Client(realm.url)
        await signing_in(realm, there, somebody, subject=SUBJECT, ago="7200")
        sent = await somebody.post(f"{realm.console}/sign-in/tenant", {"again": "1"}, csrf="")
        where, page = await along(somebody, sent.where, "/nowhere")
        assert where.startswith(f"{realm.portal}/sign-in?again=1") and "Sign in with Elsewhere" in page.text
        wanted = parse_qs(urlsplit(where).query)["next"][0]
        away = await begun(realm, somebody, again="1", next=wanted)
        back = await somebody.get(await there.carried(away, realm.url, subject=SUBJECT))
        assert there.asked["prompt"] == ["login"]
        _, page = await along(somebody, back.where, "/nowhere")
        assert page.status == 200 and "Add User" in page.text
