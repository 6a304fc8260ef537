"""What the page tells an administrator to do, done: statement by statement, each line with its number and its check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.stage import ROOT, Stage

APP, SECOND_APP = "contoso-workspace-provisioning", "fabrikam-workspace-provisioning"
SPACE, SECOND_SPACE = "contoso-workspace", "fabrikam-workspace"
OPS, SECOND_OPS = "ops@contoso.com", "ops@fabrikam.com"
GROUPS = ("Data Platform", "Engineering", "Research", "Legal", "Project Aurora", "Project Borealis")
CONTOSO = ROOT / "examples/contoso"
MAPPING = ("app", "mapping")


def play(stage: Stage) -> None:
    _setting(stage)
    _connect(stage)
    _mappings(stage)
    _start(stage)
    _what_happens_next(stage)
    _tips(stage)
    _summary(stage)


def _setting(stage: Stage) -> None:
    stage.heading("Setting")
    made = stage.json("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
    text = f"every command acts as somebody: here {made['actingAs']}, Global Administrator"
    stage.check("#6", text, made["actingAs"] == "admin@contoso.com")
    url = stage.serve()
    for space, admin in ((SPACE, OPS), (SECOND_SPACE, SECOND_OPS)):
        stage.provisor("workspace", "create", space, "--admin", admin)
    spaces = {item["name"]: item for item in stage.json("workspace", "list")}
    stage.check(
        "#1", f"two workspaces, {SPACE} and {SECOND_SPACE}, each with an admin whom nobody manages", len(spaces) == 2
    )
    shown = stage.json("workspace", "show", SPACE)["tenantUrl"]
    stage.check("#7", f"the Tenant URL is ready to copy: {shown}", shown.startswith(url))
    counts = stage.json("directory", "import", *sorted(str(path) for path in CONTOSO.glob("*.csv")))
    text = f"a directory of {counts['users']} people, {counts['groups']} groups and {counts['members']} memberships"
    stage.check("", text, counts["users"] == 1000 and counts["groups"] == 60)
    # What is in the workspace before anybody provisions it.
    stage.provisor("directory", "user", "create", OPS, "displayName=Operations")
    person = ("workspace", "user", "add", SPACE)
    stage.provisor(*person, "jose.nunez@contoso.com", "displayName=Pepe", "--entitlement", "allow-cluster-create")
    stage.provisor(*person, "margaret.hamilton@contoso.com", "--entitlement", "allow-cluster-create")
    stage.provisor(*person, "contractor@partner.example", "displayName=Contractor")
    stage.provisor("workspace", "group", "add", SPACE, "Data Platform", "--entitlement", "allow-cluster-create")
    stage.provisor("workspace", "group", "add-member", SPACE, "Data Platform", "contractor@partner.example")
    stage.provisor("workspace", "group", "add", SPACE, "Lab")
    stage.provisor("workspace", "group", "add", SPACE, "Contractors")
    lab = _groups(stage, SPACE)["Lab"]["id"]
    stage.provisor("directory", "group", "set", "Research", f"extensionAttribute1={lab}")
    stage.memory = {"before": _picture(stage)}


def _connect(stage: Stage) -> None:
    stage.heading("Connect")
    token = stage.provisor("workspace", "token", SPACE, "--user", OPS, "--comment", "provisioning")
    second = stage.provisor("workspace", "token", SECOND_SPACE, "--user", SECOND_OPS)
    stage.check("#8", f"personal access tokens of {OPS} and {SECOND_OPS}, shown once", token.startswith("dapi"))
    stage.provisor("app", "create", APP, "--template", "customappsso-2019")
    app = stage.json("app", "show", APP)
    stage.check("#12", f"New Application, Non-gallery application, {APP} (#13)", app["template"] == "customappsso-2019")
    url = stage.json("workspace", "show", SPACE)["tenantUrl"]
    said = stage.refused(*_credentials(stage, APP, url, f"dapi{'0' * 49}"))
    stage.check("#18", "Save refuses credentials that fail the test", "Nothing was saved" in said)
    stage.say(said.removeprefix("provisor: "))
    stage.provisor(*_credentials(stage, APP, url, token))
    app = stage.json("app", "show", APP)
    stage.check("#14", f"Provisioning Mode {app['provisioningMode']}", app["provisioningMode"] == "Automatic")
    shown = json.dumps(app)
    stage.check(
        "#15", "Tenant URL and Secret Token (#16) are saved; the token is never shown again", token not in shown
    )
    said = stage.json("app", "test", APP)["message"]
    stage.check("#17", f"Test Connection: {said}", "authorized to enable provisioning" in said)
    stage.provisor("app", "create", SECOND_APP, "--template", "dataBricks")
    stage.provisor(*_credentials(stage, SECOND_APP, stage.json("workspace", "show", SECOND_SPACE)["tenantUrl"], second))


def _mappings(stage: Stage) -> None:
    stage.heading("Mappings")
    names = [item["name"] for item in _exported(stage)["synchronizationRules"][0]["objectMappings"]]
    stage.check(
        "#20", "Synchronize Azure Active Directory Users to customappsso", names[1].endswith("Users to customappsso")
    )
    stage.provisor(*MAPPING, "delete", APP, "--object", "user", "--all-deletable")
    left = stage.json(*MAPPING, "list", APP)
    stage.check(
        "#21", "every mapping that can be deleted is deleted", [row["target"] for row in left] == ["externalId"]
    )
    said = stage.refused(*MAPPING, "delete", APP, "--object", "user", "--target", "externalId")
    stage.check("#22", "the last matching one cannot be deleted, only edited", "cannot be deleted: edit it" in said)
    listed = ("app", "attribute")
    stage.provisor(*listed, "delete", APP, "name.formatted", "--object", "user")
    stage.provisor(*listed, "set", APP, "userName", "--object", "user", "--primary", "--required")
    found = {row["name"]: row for row in stage.json(*listed, "list", APP)}
    marked = found["userName"]["anchor"] and found["userName"]["required"]
    stage.check("#24", "attribute list: name.formatted deleted, userName Primary and Required (#25)", marked)
    stage.provisor(
        *MAPPING, "edit", APP, "--target", "externalId", "--source", "userPrincipalName", "--new-target", "userName"
    )
    row = stage.json(*MAPPING, "list", APP)[0]
    stage.check(
        "#26", "mailNickname → externalId becomes userPrincipalName → userName, in place", row["precedence"] == 1
    )
    add = (*MAPPING, "add", APP, "--object")
    stage.provisor(*add, "user", "--target", "id", "--source", "extensionAttribute1")
    stage.provisor(*add, "user", "--target", 'emails[type eq "work"].value', "--source", "mail")
    stage.provisor(*add, "user", "--target", "displayName", "--expression", 'Join(" ", [givenName], [surname])')
    active = 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'
    stage.provisor(*add, "user", "--target", "active", "--expression", active)
    rows = stage.json(*MAPPING, "list", APP)
    stage.check("#28", "added: extensionAttribute1 → id (#29), mail (#30), Join (#31), Switch (#32)", len(rows) == 5)
    for target in ("externalId", 'emails[type eq "work"].value', "mailEnabled", "securityEnabled"):
        stage.provisor(*MAPPING, "delete", APP, "--object", "group", "--target", target)
    stage.provisor(*add, "group", "--target", "id", "--source", "extensionAttribute1", "--precedence", "2")
    rows = stage.json(*MAPPING, "list", APP, "--object", "group")
    text = "groups: objectId, mail, mailEnabled, securityEnabled deleted; extensionAttribute1 → id matches second (#36)"
    stage.check("#35", text, [row["precedence"] for row in rows] == [1, 0, 2])
    findings = stage.json("app", "mappings", "diff", APP, "--recommended")["findings"]
    stage.check("#33", "the mappings are the recommended ones, and nothing else", findings == [])


def _start(stage: Stage) -> None:
    stage.heading("Start")
    stage.provisor("app", "owner", "add", APP, "ada.lovelace@contoso.com")
    owners = stage.json("app", "show", APP)["owners"]
    stage.check("#37", f"Owners: {', '.join(owners)}", owners == ["ada.lovelace@contoso.com"])
    scope = stage.json("app", "show", APP)["scope"]
    stage.check("#38", "Scope: Sync only assigned users and groups", scope == "assigned")
    stage.provisor("app", "start", APP)
    waited = stage.wait(lambda: _last(stage).get("status") == "done")
    text = f"Provisioning Status On (#39), nobody assigned: an empty initial cycle, {waited or 0:.1f} s later"
    stage.check("#40", text, waited is not None and not _last(stage)["counts"])
    stage.provisor("app", "stop", APP)
    assigned = [word for name in GROUPS for word in ("--group", name)]
    stage.provisor("app", "assign", APP, *assigned, "--user", "hedy.lamarr@contoso.com", "--user", "cher@contoso.com")
    stage.provisor("app", "assign", SECOND_APP, "--user", "ada.lovelace@contoso.com")
    stage.check(
        "#41", f"Users and groups: {len(GROUPS)} groups and 2 people assigned", len(_assigned(stage)) == len(GROUPS) + 2
    )
    said = stage.refused("app", "assign", APP, "--user", OPS)
    stage.check("#45", f"{OPS}, whose token is used, cannot be assigned", "owns the secret token" in said)
    stage.provisor("app", "restart", APP)
    stage.check("#42", "Clear current state and restart synchronization", True)
    plan = stage.json("plan", APP, codes=(2,))
    stage.say(f"the plan: {_counted(plan['counts'])}; {plan['requests']} requests")
    for source in ("jose.nunez@contoso.com", "Research", "katherine.johnson@contoso.com"):
        row = next(row for row in plan["changes"] if row["source"] == source)
        stage.say(f"{row['action']} {source}: {row['reason']}")
    cycle = stage.sync(APP)
    stage.memory["requests"], stage.memory["seconds"] = cycle["sent"], cycle["seconds"]
    text = f"the cycle did exactly what the plan said, in {cycle['seconds']:.1f} s with {cycle['sent']} requests"
    same = plan["hash"] == cycle["hash"] and plan["counts"] == cycle["counts"] and not cycle["failures"]
    stage.check("", text, same and cycle["status"] == "done")
    users, groups = _users(stage, SPACE), _groups(stage, SPACE)
    expected = _expected()
    text = f"{len(users)} users, {len(groups)} groups and their members are in the workspace"
    members = {row["member"] for row in stage.json("workspace", "members", SPACE, "Engineering")}
    stage.check("#43", text, expected <= users.keys() and members == _members_of("Engineering"))
    kept = [
        row for row in stage.json("log", APP, "--user", "katherine.johnson@contoso.com") if "keeps id" in row["why"]
    ]
    stage.check(
        "#29", "one person has an extensionAttribute1: the workspace keeps its own id, and the log says so", kept
    )
    stage.say(kept[0]["why"] if kept else "")
    text = "Research is found by precedence 2 as Lab, keeps that name, and the plan says why"
    stage.check("#36", text, "Research" not in groups and groups["Lab"]["members"] > 0)


def _what_happens_next(stage: Stage) -> None:
    stage.heading("What happens next")
    member = ("directory", "group", "remove-member")
    stage.provisor(*member, "Data Platform", "margaret.hamilton@contoso.com")
    stage.provisor("directory", "user", "set", "ada.lovelace@contoso.com", "surname=King")
    stage.provisor("app", "unassign", APP, "--user", "cher@contoso.com")
    stage.provisor("directory", "user", "delete", "linus.berg@contoso.com")
    stage.provisor("directory", "user", "purge", "linus.berg@contoso.com")
    stage.provisor("directory", "group", "add-member", "Engineering", "viktor.kowalski@contoso.com")
    cycle = stage.sync(APP)
    stage.say(f"one incremental cycle: {_counted(cycle['counts'])}; {cycle['sent']} requests")
    users = _users(stage, SPACE)
    platform = {row["member"] for row in stage.json("workspace", "members", SPACE, "Data Platform")}
    stage.check(
        "",
        "leaves a group: Margaret Hamilton is no member of Data Platform",
        "margaret.hamilton@contoso.com" not in platform,
    )
    stage.check(
        "", "changes name: Ada Lovelace is Ada King", users["ada.lovelace@contoso.com"]["displayName"] == "Ada King"
    )
    stage.check("", "unassigned: Cher is inactive", users["cher@contoso.com"]["active"] is False)
    stage.check("", "deleted for good: Linus Berg is gone", "linus.berg@contoso.com" not in users)
    stage.check("", "joins: Viktor Kowalski is there", users["viktor.kowalski@contoso.com"]["active"] is True)
    again = stage.sync(APP)
    stage.check("", "a second cycle sends nothing but its probe", again["sent"] == 1 and not again["counts"])
    for app in (APP, SECOND_APP):
        stage.provisor("app", "start", app)
    stage.wait(lambda: _last(stage, SECOND_APP).get("status") == "done")
    newcomer = sorted(_active() - _expected() - {"viktor.kowalski@contoso.com"})[0]
    stage.provisor("app", "assign", APP, "--user", newcomer)
    waited = stage.wait(lambda: newcomer in _users(stage, SPACE))
    stage.check("#44", f"{newcomer}, assigned now, follows by itself, {waited or 0:.1f} s later", waited is not None)


def _tips(stage: Stage) -> None:
    stage.heading("Tips")
    before, after = stage.memory["before"], _picture(stage)
    jose, was = after["users"]["jose.nunez@contoso.com"], before["users"]["jose.nunez@contoso.com"]
    same = jose["id"] == was["id"] and jose["entitlements"] == ["allow-cluster-create"]
    group, had = after["groups"]["Data Platform"], before["groups"]["Data Platform"]
    same = same and group["id"] == had["id"] and group["entitlements"] == had["entitlements"]
    text = "who and what was there before keeps id, permissions and hand-made members, and says what the directory says"
    stage.check(
        "#46", text, same and jose["displayName"] == "José Núñez" and "contractor@partner.example" in after["platform"]
    )
    untouched = (
        all(after["users"][name] == before["users"][name] for name in ("contractor@partner.example", OPS))
        and after["groups"]["Contractors"] == before["groups"]["Contractors"]
    )
    stage.check("#47", "who and what is not in the application is untouched", untouched)
    shown = stage.json("workspace", "user", "show", SPACE, "margaret.hamilton@contoso.com")
    grant = next(item for item in shown["permissions"] if item["value"] == "allow-cluster-create")
    text = "Margaret left Data Platform, which gave her cluster creation; given individually too, it stays"
    stage.check("#48", text, grant == {"value": "allow-cluster-create", "individually": True, "through": []})
    ada = "ada.lovelace@contoso.com"
    there = ada in _users(stage, SECOND_SPACE)
    stage.provisor("workspace", "user", "remove", SPACE, ada)
    here = ada in _users(stage, SPACE)
    text = f"Ada is removed in {SPACE} and at work in {SECOND_SPACE}"
    stage.check("#49", text, there and not here and _users(stage, SECOND_SPACE)[ada]["active"])
    stage.provisor("directory", "user", "set", ada, "surname=Byron")
    cycles = [stage.sync(APP)]
    stage.provisor("app", "restart", APP)
    cycles.append(stage.sync(APP))
    done = all(cycle["status"] == "done" for cycle in cycles)
    text = "and is not synced again, although still in the application: not after a change, not after a restart"
    stage.check("#50", text, done and ada not in _users(stage, SPACE))


def _summary(stage: Stage) -> None:
    stage.heading("Summary")
    seconds, requests = stage.memory["seconds"], stage.memory["requests"]
    stage.say(f"the initial cycle took {seconds:.1f} s and {requests} requests, where the page waits 20 to 40 minutes")
    stage.say("next: your own directory and target, read-only, in docs/howto/read-only.md")


def _credentials(stage: Stage, app: str, url: str, token: str) -> tuple[str, ...]:
    return ("app", "set", app, "--tenant-url", url, "--secret-token-file", stage.file("token.txt", token))


def _exported(stage: Stage) -> Any:
    return json.loads(stage.provisor("app", "mappings", "export", APP))


def _last(stage: Stage, app: str = APP) -> dict[str, Any]:
    """The last cycle of an application; empty when there was none."""
    return stage.json("app", "show", app)["lastCycle"] or {}


def _assigned(stage: Stage) -> list[str]:
    found: list[str] = stage.json("app", "show", APP)["assigned"]
    return found


def _users(stage: Stage, space: str) -> dict[str, dict[str, Any]]:
    return {row["userName"]: row for row in stage.json("workspace", "users", space)}


def _groups(stage: Stage, space: str) -> dict[str, dict[str, Any]]:
    return {row["displayName"]: row for row in stage.json("workspace", "groups", space)}


def _picture(stage: Stage) -> dict[str, Any]:
    """What the workspace holds, to compare with later."""
    platform = [row["member"] for row in stage.json("workspace", "members", SPACE, "Data Platform")]
    return {"users": _users(stage, SPACE), "groups": _groups(stage, SPACE), "platform": platform}


def _rows(name: str) -> list[dict[str, str]]:
    import csv

    with Path(CONTOSO / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _active() -> set[str]:
    return {
        row["userPrincipalName"].lower()
        for row in _rows("users")
        if row["accountEnabled"] == "True" and row["IsSoftDeleted"] == "False"
    }


def _members_of(group: str) -> set[str]:
    return {row["member"].lower() for row in _rows("members") if row["group"] == group} & _active()


def _expected() -> set[str]:
    """The user names that must be in the workspace after the initial cycle, from the files alone."""
    members = {name for group in GROUPS for name in _members_of(group)}
    return members | {"hedy.lamarr@contoso.com", "cher@contoso.com"}


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or "nothing to do"
