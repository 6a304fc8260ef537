"""Which account of a workspace an identity opens: by its name at first, by its subject from then on."""

from __future__ import annotations

from asyncio import gather, to_thread
from typing import Any

import pytest

from installation import Installation, installation
from pair import OPS, Pair
from provisor import audit
from provisor.access.actors import PROVISOR, Actor
from provisor.console import parties
from provisor.directory import relying_parties
from provisor.directory import users as people
from provisor.refusal import Forbidden, NotFound
from provisor.workspace import edit as workspace_edit
from provisor.workspace import openid_sign_in, sign_in, tombstones
from provisor.workspace import users as accounts
from provisor.workspace.openid_sign_in import Person
from provisor.workspace.principals import SERVICE_PRINCIPAL
from provisor.workspace.sign_in import Arrival

NAME = "ada@contoso.com"
ISSUER = "tenant/00000000-0000-0000-0000-000000000001"


def person(name: str = NAME, subject: str = "subject-1", issuer: str = ISSUER) -> Person:
    return Person("contoso.com", issuer, subject, name, "https://provisor.example/x/v2.0")


def workspace_of(pair: Pair) -> Any:
    return workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR)


async def arrives(pair: Pair, who: Person) -> Arrival:
    """Sign in, and what the next request finds."""
    visitor = Actor("nobody", "nobody").via("192.0.2.1")
    secret = await openid_sign_in.with_identity(pair.house.database, pair.workspace, who, visitor)
    async with pair.house.database.reading() as tx:
        arrival = await sign_in.arrive(tx, pair.workspace, secret)
    assert arrival is not None
    return arrival


async def refused(pair: Pair, who: Person) -> str:
    with pytest.raises(Forbidden) as found:
        await arrives(pair, who)
    return str(found.value)


async def test_seed_3_an_account_opens_by_its_name_in_any_case_and_is_linked(pair: Pair) -> None:
    await pair.user("ada")
    await pair.sync()
    arrival = await arrives(pair, person("ADA@Contoso.com"))
    assert arrival.actor.name == NAME and arrival.actor.roles == {"workspace user"}
    assert arrival.methods == {"openid"}
    async with pair.house.database.reading() as tx:
        user = await accounts.named(tx, pair.workspace, NAME)
        linked = await openid_sign_in.linked(tx, pair.workspace, user)
        first, second, *_ = await audit.entries(tx, pair.workspace.log)
    assert linked is not None and (linked.issuer, linked.subject) == (ISSUER, "subject-1")
    assert {first["action"], second["action"]} == {"sign in", "link sign-in"}
    said = first if first["action"] == "sign in" else second
    assert said["after"] == {
        "with": "OpenID Connect",
        "issuer": "https://provisor.example/x/v2.0",
        "subject": "subject-1",
    }
    assert said["address"] == "192.0.2.1"
    assert (await arrives(pair, person())).actor.name == NAME


async def test_an_admin_arrives_as_one(pair: Pair) -> None:
    assert (await arrives(pair, person(OPS))).actor.roles == {"workspace admin"}


async def test_seed_3_who_is_not_let_in_is_told_why(pair: Pair) -> None:
    said = await refused(pair, person("nobody@contoso.com"))
    assert said == (
        f"nobody@contoso.com is not in the workspace {pair.workspace.name}: assign them to its application in "
        "contoso.com and let provisioning run."
    )
    async with workspace_of(pair) as work:
        await accounts.add(work, "idle@contoso.com", {"active": False})
        await accounts.add(work, "gone@contoso.com", {})
        await accounts.remove(work, "gone@contoso.com")
        program = await accounts.create(work, {"displayName": "a program"}, principal=SERVICE_PRINCIPAL)
    assert "idle@contoso.com is inactive in the workspace" in await refused(pair, person("idle@contoso.com"))
    assert "was removed from the workspace" in await refused(pair, person("GONE@contoso.com"))
    assert "is a service principal" in await refused(pair, person(program.name))
    assert "preferred_username" in await refused(pair, person(""))
    async with workspace_of(pair) as work:
        await tombstones.allow_again(work, "gone@contoso.com")
    assert "is not in the workspace" in await refused(pair, person("gone@contoso.com"))


async def test_somebody_else_of_the_same_name_does_not_get_in_until_an_admin_unlinks(pair: Pair) -> None:
    """A person left, and another one was given the name."""
    async with workspace_of(pair) as work:
        await accounts.add(work, NAME, {})
    await arrives(pair, person())
    for other in (person(subject="subject-2"), person(issuer="tenant/2")):
        said = await refused(pair, other)
        assert "belongs to somebody else" in said and "unlink" in said and "subject-1" not in said
    async with workspace_of(pair) as work:
        user = await accounts.named(work.tx, pair.workspace, NAME)
        await openid_sign_in.unlink(work, user)
        with pytest.raises(NotFound, match="unlinked already"):
            await openid_sign_in.unlink(work, user)
    assert (await arrives(pair, person(subject="subject-2"))).actor.name == NAME
    assert "belongs to somebody else" in await refused(pair, person())


async def test_of_two_first_sign_ins_at_once_one_is_the_first(pair: Pair) -> None:
    async with workspace_of(pair) as work:
        await accounts.add(work, NAME, {})
    tries = await gather(
        *(arrives(pair, person(subject=f"subject-{number}")) for number in range(6)), return_exceptions=True
    )
    assert sum(isinstance(found, Arrival) for found in tries) == 1
    assert all(isinstance(found, Arrival | Forbidden) for found in tries)


async def test_a_link_goes_with_its_account(pair: Pair) -> None:
    """Whoever is made under the name again gets the id again, and is linked anew."""
    async with workspace_of(pair) as work:
        before = await accounts.add(work, NAME, {})
    await arrives(pair, person())
    async with workspace_of(pair) as work:
        await accounts.remove(work, NAME)
        after = await accounts.add(work, NAME, {})
    assert before.id == after.id
    assert (await arrives(pair, person(subject="subject-2"))).actor.name == NAME


async def test_a_renamed_person_keeps_their_account_until_it_is_closed(pair: Pair) -> None:
    """A databricks workspace keeps user names: who is made under the new one is another account."""
    king = "ada.king@contoso.com"
    async with workspace_of(pair) as work:
        for name in (NAME, king):
            await accounts.add(work, name, {})
    await arrives(pair, person())
    assert (await arrives(pair, person(king))).actor.name == NAME
    async with workspace_of(pair) as work:
        await accounts.set_values(work, NAME, {"active": False})
    assert (await arrives(pair, person(king))).actor.name == king
    async with workspace_of(pair) as work:
        await accounts.set_values(work, NAME, {"active": True})
    assert (await arrives(pair, person(king))).actor.name == king


async def test_two_people_whose_names_change_places_stay_in_their_own_accounts(pair: Pair) -> None:
    """Before the next cycle the names at the workspace are still the old ones."""
    async with workspace_of(pair) as work:
        for name in (NAME, "bob@contoso.com"):
            await accounts.add(work, name, {})
    await arrives(pair, person())
    await arrives(pair, person("bob@contoso.com", subject="subject-2"))
    assert (await arrives(pair, person("bob@contoso.com"))).actor.name == NAME
    assert (await arrives(pair, person(subject="subject-2"))).actor.name == "bob@contoso.com"
    assert "belongs to somebody else" in await refused(pair, person(subject="subject-3"))


async def test_only_admins_unlink(pair: Pair) -> None:
    async with workspace_of(pair) as work:
        user = await accounts.add(work, NAME, {})
    arrival = await arrives(pair, person())
    async with workspace_edit.edit(pair.house.database, pair.workspace, arrival.actor) as work:
        with pytest.raises(Forbidden):
            await openid_sign_in.unlink(work, user)


async def test_the_commands_say_through_which_tenant_and_unlink(shop: Installation, pair: Pair) -> None:
    name, words = pair.workspace.name, ("--tenant", pair.tenant.name)
    found = await to_thread(shop.json, "workspace", "show", name)
    assert found["signIn"] == pair.tenant.name
    said = await to_thread(shop.run, "workspace", "sign-in", name, "--none", *words)
    assert "nobody, but with one-time links" in said
    assert (await to_thread(shop.json, "workspace", "show", name))["signIn"] is None
    await to_thread(shop.run, "workspace", "sign-in", name, *words)
    assert f"Sign-in       {pair.tenant.name}" in await to_thread(shop.run, "workspace", "show", name)
    await to_thread(shop.run, "workspace", "create", f"{name}-new", "--admin", OPS, *words)
    assert (await to_thread(shop.json, "workspace", "show", f"{name}-new"))["signIn"] == pair.tenant.name
    async with pair.house.database.reading() as tx:
        rows = [row for row in await audit.entries(tx, pair.workspace.log) if row["action"] == "change"]
    assert {"signInTenant": None} in [row["after"] for row in rows]
    await arrives(pair, person(OPS))
    shown = await to_thread(shop.json, "workspace", "user", "show", name, OPS, *words)
    assert shown["subject"] == "subject-1"
    await to_thread(shop.run, "workspace", "user", "unlink", name, OPS, *words)
    shown = await to_thread(shop.json, "workspace", "user", "show", name, OPS, *words)
    assert shown["subject"] is None
    assert "has not signed in yet" in await to_thread(shop.refused, "workspace", "user", "unlink", name, OPS, *words)


async def test_seed_2_what_the_directory_disables_is_inactive_here_after_a_cycle(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    visitor = Actor("nobody", "nobody")
    secret = await openid_sign_in.with_identity(pair.house.database, pair.workspace, person(), visitor)
    async with pair.edit() as work:
        await people.change(work, ada, {"accountEnabled": False})
    await pair.sync()
    async with pair.house.database.reading() as tx:
        assert await sign_in.arrive(tx, pair.workspace, secret) is None
    assert "is inactive" in await refused(pair, person())


def test_a_policy_can_be_about_a_workspace_to_which_nobody_has_signed_in_yet() -> None:
    with installation() as shop:
        shop.run("init", "--domain", "contoso.com")
        shop.run("workspace", "create", "fresh", "--admin", "ops@fresh.example")
        asked = ("--users", "All", "--require", "mfa", "--app", "fresh")
        shop.run("conditional-access", "policy", "create", "Two factors", *asked)
        [policy] = shop.json("conditional-access", "policy", "list")
        assert len(policy["conditions"]["applications"]["includeApplications"]) == 1


async def test_the_server_makes_up_for_workspaces_that_were_there_before(pair: Pair) -> None:
    async with pair.house.database.transaction() as tx:
        tenant, name = pair.tenant.id, pair.workspace.name
        await tx.execute("update workspace set sign_in_tenant = $1 where name = $2", tenant, name)
        assert name not in [item.workspace for item in await relying_parties.everyone(tx, pair.tenant)]
    await parties.all_known(pair.house.database)
    await parties.all_known(pair.house.database)
    async with pair.house.database.reading() as tx:
        found = [item.workspace for item in await relying_parties.everyone(tx, pair.tenant)]
    assert found.count(pair.workspace.name) == 1
