"""A tenant and its workspace with something on every page: people, groups, a plan, a log with a refusal, tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from playwright.async_api import Browser
from visitor import Visitor, sign_in

from pair import OPS, Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import (
    applications,
    assignments,
    clients,
    conditional_access,
    external,
    groups,
    policy_words,
    relying_parties,
    sign_in_log,
    tenants,
    users,
)
from provisor.directory.admission import PASSWORD, PORTAL, Evidence, admit
from provisor.directory.external import ExternalProvider
from provisor.directory.policy_words import Wanted
from provisor.directory.sign_in_log import SUCCESS, Attempt
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups as teams
from provisor.workspace import users as accounts
from provisor.workspace.principals import SERVICE_PRINCIPAL

#: What everybody has for themselves.
SELF = ("/account", "/account/security-info", "/second-factor", "/second-factor?need=passkey")


@dataclass(slots=True)
class Scene:
    """``portal`` and ``console`` are the start addresses of both sites; ``asks``: how an application asks who somebody
    is."""

    pair: Pair
    portal: str
    console: str
    user: UUID
    group: UUID
    account: str
    team: str
    entry: str
    asks: str
    policy: UUID
    signed_in: int
    above: str

    @classmethod
    async def make(cls, pair: Pair, text: str = "Analysts") -> Scene:
        """``text`` stands in every attribute that takes any text."""
        ada = await pair.user("ada", **_texts("User", text))
        group = await pair.group(text, ada, **_texts("Group", text))
        await pair.user("grace", surname=text, department=text)
        async with pair.edit() as work:
            app = await pair.app(work.tx)
            await assignments.add_owner(work, app, await users.find(work.tx, pair.tenant, "ada@contoso.com"))
            seen = "".join(char for char in text[:90] if char.isprintable())
            other = await applications.create(work, f"{seen} app", "customappsso-2019")
            asks = await _asks(work, other)
            gone = await users.create(work, {"userPrincipalName": "gone@contoso.com", "displayName": text})
            await users.recycle(work, gone)
            # A name that the workspace keeps for itself: its plan refuses, and the log says so.
            admins = await groups.create(work, {"displayName": "admins", "description": text})
            await assignments.assign(work, app, [await groups.find(work.tx, pair.tenant, str(admins))])
            await tenants.give_role(work, ada, "Global Reader")
            name = text[:60].strip() or "Entra ID"
            provider = ExternalProvider("https://login.example.com", "provisor", name, False, False)
            await external.put(work, pair.house.box, provider, None)
            made = await clients.create(work, seen or "terraform", "Global Reader")
            await clients.renew(work, str(made.client))
            await external.link(work, await users.find(work.tx, pair.tenant, "ada@contoso.com"), seen)
        async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
            await accounts.add(work, "local@contoso.com", {"displayName": text, "title": text})
            await accounts.add(work, "left@contoso.com", {"displayName": text})
            await accounts.remove(work, "left@contoso.com")
            above = (await teams.add(work, f"{text} team")).id
            await teams.add_member(work, f"{text} team", "local@contoso.com")
            await teams.move(work, f"{text} team", add=[(await teams.add(work, f"{text} crew")).id])
            schema = SERVICE_PRINCIPAL.type_of(pair.workspace).schema.id
            pipeline = {"schemas": [schema], "displayName": text}
            await accounts.create(work, pipeline, principal=SERVICE_PRINCIPAL)
            await accounts.set_values(work, OPS, {"displayName": text})
        await pair.sync()
        await pair.plan()
        base = pair.base.partition("/w/")[0]
        account, team = await pair.account("ada"), await pair.team(text)
        start = f"{base}/t/{pair.tenant.name}"
        row = next(row for row in await pair.log(ada) if row["action"] == "create")
        entry = f"/logs/{row['number']}/{row['ordinal']}"
        policy, signed_in = await _access(pair, ada, seen)
        console = f"{base}/w/{pair.workspace.name}"
        return cls(pair, start, console, ada, group, account["id"], team["id"], entry, asks, policy, signed_in, above)

    async def administrator(self, browser: Browser, name: str = "admin@contoso.com", **more: Any) -> Visitor:
        """Somebody, the Global Administrator unless named, signed in to the portal."""
        visitor = await Visitor.arrive(browser, **more)
        await sign_in(visitor, await compose.set_up_link(self.pair.house, self.pair.tenant, PROVISOR, name))
        return visitor

    async def admin(self, browser: Browser, name: str = OPS, **more: Any) -> Visitor:
        """An admin of the workspace, signed in to its console."""
        visitor = await Visitor.arrive(browser, **more)
        link = await compose.workspace_sign_in_link(self.pair.house, PROVISOR, self.pair.workspace, name)
        await visitor.page.goto(link)
        await visitor.press("Sign in")
        await visitor.heading("Users")
        return visitor

    def portal_pages(self) -> list[str]:
        app = f"/applications/{self.pair.application}"
        people = (
            "/users",
            "/users?show=deleted",
            "/users/import",
            f"/users/{self.user}",
            "/groups",
            f"/groups/{self.group}",
            "/roles",
        )
        others = (
            "/",
            "/leavers",
            "/audit",
            "/workers",
            "/clients",
            "/external-provider",
            *SELF,
            "/applications",
            "/applications/new",
            "/applications/new/non-gallery",
        )
        within = (
            "",
            "/owners",
            "/users-and-groups",
            "/users-and-groups/add",
            "/provisioning",
            "/policies",
            "/plan",
            "/on-demand?user=ada@contoso.com",
            "/health",
            "/summary",
            "/logs",
            "/logs?span=30d&result=failed&since=2026-01-01T00:00Z",
            "/properties",
        )
        more = ("/mappings/user", "/mappings/user?edit=userName", "/mappings/group?add=1", "/attributes/user")
        mapping = ("/mappings/user/scope", "/mappings/group/document", "/mappings/user/try?user=ada@contoso.com")
        openid = (f"/authorize?{self.asks}", "/sign-in?again=1", "/sign-out")
        access = (
            "/conditional-access",
            "/conditional-access/new",
            f"/conditional-access/policies/{self.policy}",
            "/conditional-access/locations",
            "/conditional-access/what-if",
            "/conditional-access/what-if?user=ada@contoso.com&address=192.0.2.7",
            "/sign-ins?span=30d",
            f"/sign-ins/{self.signed_in}",
        )
        return [*people, *others, *openid, *access, *(app + path for path in (*within, *more, *mapping, self.entry))]

    def console_pages(self) -> list[str]:
        return [
            "/",
            "/removed",
            f"/users/{self.account}",
            "/groups",
            f"/groups/{self.team}",
            f"/groups/{self.team}?effective=1",
            f"/groups/{self.above}",
            "/service-principals",
            "/tokens",
            "/audit",
            "/health",
            "/settings",
            "/account",
        ]


async def _asks(work: Any, identity: UUID) -> str:
    """Let an application be a program on somebody's machine that asks everybody who they are; what it sends."""
    app = await applications.by_id(work.tx, work.tenant, identity)
    await applications.save(work, app, applications.with_connection(app, app, scope="all"), "set")
    party, _ = await relying_parties.register(work, app, ["http://localhost/back"], public=True)
    sent = {"client_id": str(party.id), "redirect_uri": "http://localhost/back", "response_type": "code"}
    return urlencode({**sent, "scope": "openid", "code_challenge": "x" * 43, "code_challenge_method": "S256"})


async def _access(pair: Pair, ada: UUID, text: str) -> tuple[UUID, int]:
    """A policy that is warned about, one that is only watched, a network, and a sign-in that both were about."""
    async with pair.edit() as work:
        ranges = [{"cidrAddress": "192.0.2.0/24"}, {"cidrAddress": "2001:db8::/32"}]
        place = {"displayName": text or "Office", "isTrusted": True, "ipRanges": ranges}
        office = await conditional_access.create_location(work, place)
        person = await users.by_id(work.tx, pair.tenant, ada)
        await conditional_access.add_break_glass(work, person)
        about = {"groups": (str((await users.memberships(work.tx, pair.tenant, ada))[0]["id"]),), "apps": ("All",)}
        watched = Wanted(f"{text} watched"[:200], "report-only", require="block", locations=(str(office.id),), **about)
        met = Wanted(f"{text} met"[:200], "on", every="12h", exclude_locations=(str(office.id),), **about)
        for wanted in (watched, met):
            given = await policy_words.document(work.tx, pair.tenant, wanted)
            made = await conditional_access.create_policy(work, given)
        evidence = Evidence(frozenset({PASSWORD}), 0, "192.0.2.7")
        verdict = await admit(work.tx, pair.tenant, person, PORTAL, evidence)
        attempt = Attempt(person, PORTAL, evidence.address, evidence.methods, SUCCESS, text, verdict.policies)
        await sign_in_log.record(work.tx, pair.tenant, attempt)
        return made.id, (await sign_in_log.entries(work.tx, pair.tenant, 1))[0]["id"]


def _texts(kind: str, text: str) -> dict[str, Any]:
    """Every attribute that is any text, with ``text`` in it."""
    from provisor.provisioning.source_names import GROUP_ATTRIBUTES, USER_ATTRIBUTES

    known = USER_ATTRIBUTES if kind == "User" else GROUP_ATTRIBUTES
    # Names that mean something, and one of the two that make up the name at the workspace, which has a limit.
    apart = {"userPrincipalName", "mail", "manager", "extensionAttribute1", "surname"}
    if kind == "Group":
        apart = {"displayName", "extensionAttribute1"}
    return {
        name: [text.replace(";", ",")] if of.endswith("[]") else text
        for name, of in known.items()
        if of in ("String", "String[]", "DateTime") and name not in apart and "." not in name
    }
