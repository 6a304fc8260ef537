"""Mappings from the command line, and what they do at the target: scoping filters, switches, restored defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from installation import Installation, installation
from pair import Pair
from provisor.provisioning import edit
from provisor.sync.plan_file import changes
from provisor.sync.records import pairs

APP = "contoso"


@pytest.fixture(scope="module")
def own() -> Iterator[Installation]:
    """Ada of Sales in Kiel and Bob of Sales in Bonn, assigned and provisioned."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        made.serve()
        made.run("workspace", "create", "space", "--admin", "ops@contoso.com")
        token = made.folder.parent / "token.txt"
        token.write_text(made.run("workspace", "token", "space", "--user", "ops@contoso.com"))
        made.run("app", "create", APP, "--template", "dataBricks")
        url = made.json("workspace", "show", "space")["tenantUrl"]
        made.run("app", "set", APP, "--tenant-url", url, "--secret-token-file", str(token))
        for name, city in (("ada", "Kiel"), ("bob", "Bonn")):
            made.run("directory", "user", "create", f"{name}@contoso.com", f"givenName={name}", "department=Sales")
            made.run("directory", "user", "set", f"{name}@contoso.com", f"city={city}")
            made.run("app", "assign", APP, "--user", f"{name}@contoso.com")
        made.run("sync", APP)
        yield made


def test_who_fails_every_filter_leaves_and_the_plan_says_by_which_clause(own: Installation) -> None:
    own.run("app", "filter", "add", APP, "North", "--clause", "department EQUALS Sales", "--clause", "city EQUALS Kiel")
    (listed,) = own.json("app", "filter", "list", APP)
    assert listed == {"title": "North", "clauses": ["department EQUALS Sales", "city EQUALS Kiel"]}
    planned = json.loads(own.command("plan", APP, "--json").out)["changes"]
    assert [(row["source"], row["action"], row["reason"]) for row in planned] == [
        ("bob@contoso.com", "disable", "fails North: city EQUALS Kiel (it is 'Bonn')")
    ]
    own.run("app", "filter", "add", APP, "South", "--clause", "city STARTS_WITH Bo")
    assert json.loads(own.command("plan", APP, "--json").out)["changes"] == []
    own.run("app", "filter", "delete", APP, "north")
    assert "fails South: city STARTS_WITH Bo (it is 'Kiel')" in own.command("plan", APP).out
    own.run("app", "filter", "delete", APP, "South")
    assert own.command("plan", APP).code == 0


def test_a_clause_that_cannot_work_is_refused_before_anything_is_saved(own: Installation) -> None:
    said = own.refused("app", "filter", "add", APP, "All", "--clause", "city LIKE Kiel", code=1)
    assert "'city LIKE Kiel' is no clause like \"department EQUALS Sales\"" in said
    said = own.refused("app", "filter", "add", APP, "All", "--clause", "city REGEX MATCH (", code=1)
    assert "the pattern '(' cannot be used" in said
    assert own.json("app", "filter", "list", APP) == []
    assert "GREATER_THAN_OR_EQUALS" in own.run("app", "filter", "operators")


def test_nobody_is_created_when_create_is_off(own: Installation) -> None:
    own.run("app", "mappings", "set", APP, "--no-create", "--no-delete")
    own.run("directory", "user", "create", "cyd@contoso.com")
    own.run("app", "assign", APP, "--user", "cyd@contoso.com")
    assert own.command("plan", APP).code == 0
    shown = own.run("app", "mappings", "show", APP)
    assert "Provision Azure Active Directory Users (users): enabled; may update" in shown
    assert "  userName ← userPrincipalName  (matches, precedence 1)" in shown
    own.run("app", "mappings", "set", APP, "--create")
    assert "create user" in own.command("plan", APP).out
    assert "There is nothing to set" in own.refused("app", "mappings", "set", APP, code=1)


def test_defaults_come_back_only_when_somebody_means_it(own: Installation) -> None:
    own.run("app", "filter", "add", APP, "North", "--clause", "city EQUALS Kiel")
    said = own.refused("app", "mappings", "restore-defaults", APP, code=1)
    assert "repeat it with --force" in said
    own.run("app", "mappings", "restore-defaults", APP, "--force")
    assert own.json("app", "filter", "list", APP) == []
    assert own.json("app", "mappings", "show", APP)["User"]["actions"] == ["create", "update", "delete"]


def test_the_targets_schemas_fill_the_attribute_list(own: Installation) -> None:
    own.run("app", "attribute", "delete", APP, "nickName")
    added = own.json("app", "attribute", "discover", APP)["added"]
    assert "User nickName" in added
    assert "User entitlements" in added
    own.run("app", "mapping", "add", APP, "--target", "nickName", "--source", "mailNickname")
    assert own.json("app", "attribute", "discover", APP)["added"] == []


async def test_a_value_that_must_be_unique_is_chosen_once_for_a_new_account(pair: Pair) -> None:
    expression = 'SelectUniqueValue([givenName], Append([givenName], "2"), Append([givenName], "3"))'
    await pair.mapping(lambda d: edit.add_mapping(d, "User", "nickName", expression=expression))
    status, _ = await pair.call("POST", "/Users", {"userName": "local@contoso.com", "nickName": "Ada"})
    assert status == 201
    first = await pair.user("ada1", givenName="ada")
    await pair.user("ada2", givenName="Ada")
    await pair.sync()
    chosen = {(await pair.account(name))["nickName"] for name in ("ada1", "ada2")}
    assert {name.casefold() for name in chosen} == {"ada2", "ada3"}
    # Later nobody is renamed, and who finds none left is named, with everybody else served.
    await pair.set_user(first, givenName="Bea")
    await pair.user("ada3", givenName="Ada")
    await pair.user("bob", givenName="Bob")
    result = await pair.sync()
    assert (await pair.account("ada1"))["nickName"] in chosen
    assert (await pair.account("bob"))["nickName"] == "Bob"
    assert result.counts["refuse"] == 1
    (refused,) = [row for row in await pair.log() if row["action"] == "refuse"]
    assert "SelectUniqueValue found every one of its values taken" in refused["reason"]


async def test_a_redacted_value_is_sent_and_shown_nowhere(pair: Pair) -> None:
    await pair.mapping(lambda d: edit.add_mapping(d, "User", "title", expression="Redact([jobTitle])"))
    ada = await pair.user("ada", jobTitle="Top secret")
    await pair.sync()
    assert (await pair.account("ada"))["title"] == "Top secret"
    await pair.set_user(ada, jobTitle="Gone")
    plan = await pair.plan()
    shown = [pairs(row) for row in await pair.log(ada) if row["detail"]["attributes"]]
    assert shown[0]["title"] == (None, "[Redacted]")
    assert plan.counts == {"update": 1}
    async with pair.house.job(pair.tenant, pair.application) as job:
        (row,) = await changes(job.ledger, plan.cycle)
    assert row["attributes"] == {"title": {"before": "[Redacted]", "after": "[Redacted]"}}


def test_what_comes_in_from_a_tenant_goes_out_equal_unknown_fields_included(own: Installation, tmp_path: Path) -> None:
    document = json.loads(own.run("app", "mappings", "export", APP))
    document["provisioningTaskIdentifier"] = {"of a later version": [1, {"two": None}]}
    document["synchronizationRules"][0]["containerFilter"] = None
    document["directories"][1]["discoverabilities"] = "AttributeNames,UnknownFutureValue"
    mapping = document["synchronizationRules"][0]["objectMappings"][0]
    mapping["scope"] = {"groups": [], "inputFilterGroups": [], "categoryFilterGroups": {"groups": []}}
    mapping["attributeMappings"][0]["futureColumn"] = "kept"
    document["directories"][1]["objects"][0]["attributes"][0]["metadata"] = [{"key": "x", "value": "ü \\u2028"}]
    file, out = tmp_path / "schema.json", tmp_path / "out.json"
    file.write_text(json.dumps(document))
    own.run("app", "mappings", "import", APP, str(file))
    own.run("app", "mappings", "export", APP, "-o", str(out))
    assert json.loads(out.read_text()) == document
    # An edit changes what it is about, and nothing else.
    own.run("app", "mapping", "add", APP, "--target", "title", "--source", "jobTitle")
    own.run("app", "mapping", "delete", APP, "--target", "title")
    own.run("app", "mappings", "export", APP, "-o", str(out))
    assert json.loads(out.read_text()) == document


def test_a_document_is_checked_tried_and_planned_by_before_it_is_imported(own: Installation, tmp_path: Path) -> None:
    before = json.loads(own.run("app", "mappings", "export", APP))
    file, cases, plan = tmp_path / "new.json", tmp_path / "cases.json", str(tmp_path / "plan.json")
    file.write_text(json.dumps(edit.edit_mapping(before, "User", "displayName", expression='Append([givenName], "!")')))
    cases.write_text('[{"attributes": {"givenName": "Ada"}, "expected": {"displayName": "Ada!"}}]')
    assert own.command("app", "mappings", "check", APP, "--file", str(file)).out == f"Nothing is wrong with {file}.\n"
    own.run("app", "mappings", "test", APP, "--cases", str(cases), "--file", str(file))
    tried = own.json("app", "mappings", "test", APP, "--user", "ada@contoso.com", "--file", str(file))["attributes"]
    assert [row["result"] for row in tried if row["attribute"] == "displayName"] == ["ada!"]
    own.run("app", "mappings", "diff", APP, "--recommended", "--file", str(file))
    differs = own.command("app", "mappings", "diff", APP, "--file", str(file))
    assert (differs.code, differs.out) == (2, 'User: changed Append([givenName], "!") → displayName\n')
    # Also of an application that is in step: whoever has an account gets what the file says.
    own.run("sync", APP)
    own.run("sync", APP)
    planned = json.loads(own.command("plan", APP, "--json", "--mappings", str(file)).out)["changes"]
    assert ("ada@contoso.com", "update") in [(row["source"], row["action"]) for row in planned]
    same = tmp_path / "same.json"
    same.write_text(json.dumps(before))
    own.run("app", "mappings", "diff", APP, "--file", str(same))
    assert "incremental cycle: nothing to do" in own.run("plan", APP, "--mappings", str(same))
    said = own.refused("plan", APP, "--mappings", str(file), "-o", plan, code=1)
    assert "cannot be applied before it is imported" in said and not Path(plan).exists()
    # None of it was saved.
    assert json.loads(own.run("app", "mappings", "export", APP)) == before
    planned = json.loads(own.command("plan", APP, "--json").out)["changes"]
    assert "update" not in [row["action"] for row in planned]
    # What is replaced is said, whoever had put it there.
    assert "changed Append([givenName]" in own.command("app", "mappings", "import", APP, str(file)).err
    own.run("app", "mappings", "import", APP, str(same))


def test_what_check_calls_an_error_is_imported_by_force_only(own: Installation, tmp_path: Path) -> None:
    before = own.run("app", "mappings", "export", APP)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(before)
    bad.write_text(json.dumps(edit.delete_mapping(json.loads(before), "User", "active")))
    said = own.refused("app", "mappings", "import", APP, str(bad), code=1)
    assert f"{bad} is not imported: User active nothing reads IsSoftDeleted" in said and "--force" in said
    assert json.loads(own.run("app", "mappings", "export", APP)) == json.loads(before)
    own.run("app", "mappings", "import", APP, str(bad), "--force")
    assert own.command("app", "mappings", "check", APP).code == 1
    own.run("app", "mappings", "import", APP, str(good))
    own.run("app", "start", APP)
    assert "the next cycle works by them, at once" in own.command("app", "mappings", "import", APP, str(good)).err
    own.run("app", "stop", APP)


def test_cases_that_are_none_prove_nothing(own: Installation, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("[]")
    said = own.refused("app", "mappings", "test", APP, "--cases", str(tmp_path / "none.json"), code=1)
    assert "Cases are a list of objects" in said
