"""The command line: exit codes, global options, one sentence for what is wrong, and the page's commands end to end."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from installation import PROGRAM, Installation, installation
from provisor.cli.line import parse, run

APP = "contoso-workspace-provisioning"


@pytest.fixture(scope="module")
def own() -> Iterator[Installation]:
    """An installation with one application that is connected to one workspace."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        made.serve()
        made.run("workspace", "create", "contoso-workspace", "--admin", "ops@contoso.com")
        token = made.run("workspace", "token", "contoso-workspace", "--user", "ops@contoso.com")
        made.run("app", "create", APP, "--template", "dataBricks")
        url = made.json("workspace", "show", "contoso-workspace")["tenantUrl"]
        made.run("app", "set", APP, "--tenant-url", url, "--secret-token-file", secret(made, token))
        made.run("directory", "user", "create", "ada@contoso.com", "givenName=Ada", "surname=Lovelace")
        made.run("directory", "group", "create", "Engineering")
        yield made


def secret(made: Installation, token: str, name: str = "token.txt") -> str:
    path = made.folder.parent / name
    path.write_text(token)
    return str(path)


# ── the line itself ──────────────────────────────────────────────────────────────────────────────────────────────


def test_global_options_stand_before_and_after_the_command() -> None:
    before = parse(["--data", "/x", "--tenant=t", "app", "list", "--json"])
    after = parse(["app", "--json", "list", "--tenant", "t", "--data=/x"])
    assert (before.words, before.flags, before.json) == (after.words, after.flags, after.json)
    assert before.words == ["app", "list"]
    assert parse(["app", "show", "--", "--json"]).words == ["app", "show", "--", "--json"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["bogus"], 64, "No such command 'bogus'. See provisor --help."),
        (["app", "bogus"], 64, "No such command 'bogus'. See provisor app --help."),
        (["app", "show"], 64, "Missing argument 'NAME'. See provisor app show --help."),
        (["app", "show", "x", "--nothing"], 64, "No such option: --nothing. See provisor app show --help."),
        (["serve", "--port", "many"], 64, "Invalid value for '--port'"),
        (["app", "list", "--tenant"], 64, "--tenant needs a value"),
        (["app", "show", "none"], 1, "There is no application none: provisor app list shows them."),
        (["app", "list", "--tenant", "none"], 1, "There is no tenant none: provisor tenant create none makes it."),
        (["app", "list", "--as", "none@contoso.com"], 1, "There is no user none@contoso.com in the tenant default."),
        (["workspace", "show", "none"], 1, "There is no workspace none: provisor workspace list shows them."),
        (["workspace", "create", "Big", "--admin", "a@b.c"], 1, "'Big' cannot be a workspace's name"),
        (["workspace", "create", "contoso-workspace", "--admin", "a@b.c"], 1, "contoso-workspace exists already"),
        (["workspace", "create", "x", "--admin", "a@b.c", "--profile", "y"], 1, "'y' is not a profile"),
        (["workspace", "token", "contoso-workspace", "--user", "none"], 1, "There is no user none in the workspace"),
        (["workspace", "user", "remove", "contoso-workspace", "ops@contoso.com"], 1, "The last active admin of"),
        (["directory", "import", "/nowhere.csv"], 1, "/nowhere.csv: No such file or directory."),
        (["directory", "user", "create", "ada"], 1, "'ada' is not a user principal name"),
        (["directory", "user", "set", "ada@contoso.com", "x"], 1, "'x' is not attribute=value."),
        (["directory", "user", "set", "ada@contoso.com"], 1, "There is nothing to set"),
        (["workspace", "user", "add", "contoso-workspace", "new@contoso.com", "shoe=9"], 1, "shoe"),
        (["directory", "user", "set", "ada@contoso.com", "shoe=9"], 1, "'shoe' is no attribute of a user."),
        (["directory", "user", "restore", "ada@contoso.com"], 1, "ada@contoso.com is not in the recycle bin."),
        (["app", "create", "x", "--template", "y"], 1, "'y' is not a template: scim, customappsso-2019, dataBricks."),
        (["app", "set", APP], 1, "There is nothing to save"),
        (["app", "set", APP, "--scope", "some"], 1, "'some' is no scope"),
        (["app", "set", APP, "--tenant-url", "ftp://x"], 1, "'ftp://x' is not an address"),
        (["app", "set", APP, "--tenant-url", "http://example.com/scim"], 1, "example.com must be reached over https"),
        (["app", "set", APP, "--secret-token-file", "/nowhere"], 1, "/nowhere: No such file or directory."),
        (["app", "set", APP, "--secret-token-file", __file__], 1, "A secret token is one line"),
        (["app", "attribute", "add", APP, "weird attr["], 1, "is no attribute path"),
        (["app", "mapping", "add", APP, "--target", "title"], 1, "Say what title is made from"),
        (["app", "assign", APP], 1, "Name at least one --user or --group."),
        (["app", "restart", APP, "--clear", "all"], 1, "--clear is state or full, not 'all'."),
        (["app", "mapping", "list", APP, "--object", "x"], 1, "--object is user or group, not 'x'."),
        (
            ["app", "mapping", "add", APP, "--target", "title", "--expression", 'Join("'],
            1,
            "not closed with a quotation",
        ),
        (["app", "mapping", "delete", APP], 1, "Name one mapping with --target"),
        (["app", "mappings", "diff", APP], 1, "Say what to compare with: --file FILE, or --recommended"),
        (["app", "attribute", "delete", APP, "userName"], 1, "userName is used by the mapping [userPrincipalName]"),
        (["init", "--domain", "fabrikam.com"], 1, "The tenant default (contoso.com) exists already"),
        (
            ["directory", "group", "add-member", "Engineering", "ghost"],
            1,
            "There is no user or group ghost in the tenant",
        ),
        (["app", "start", "unconnected"], 1, "unconnected has no Tenant URL and Secret Token yet"),
        (
            ["plan", "unconnected"],
            1,
            "unconnected has no Tenant URL yet: enter it under Provisioning, or with provisor app set.",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(own: Installation, words: list[str], code: int, sentence: str) -> None:
    if "unconnected" in words and own.command("app", "show", "unconnected").code:
        own.run("app", "create", "unconnected")
    said = own.refused(*words, code=code)
    assert sentence in said
    if code == 64:
        assert "\n" not in said


class _Interrupted(io.StringIO):
    def readline(self, *_: object) -> str:
        raise KeyboardInterrupt


def test_an_interrupted_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", _Interrupted())
    assert run(["app", "set", APP, "--secret-token-file", "-"]) == 130
    assert capsys.readouterr().err.strip() == "provisor: Interrupted."


def test_a_group_of_commands_alone_shows_its_help(own: Installation) -> None:
    ended = own.command("app")
    assert (ended.code, ended.err) == (64, "")
    assert "mapping" in ended.out
    assert own.command("--help").code == 0
    assert own.command("--version").out.startswith("provisor ")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PROVISOR_PORT", "many", "PROVISOR_PORT is wrong"),
        ("PROVISOR_SHOES", "1", "PROVISOR_SHOES is not a setting"),
        ("PROVISOR_SECRET_KEY", "short", "PROVISOR_SECRET_KEY must be 32 random bytes in base 64."),
        ("PROVISOR_CONFIG", "/nowhere.toml", "PROVISOR_CONFIG names /nowhere.toml, which is not there."),
        ("PROVISOR_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x", "The database does not answer"),
    ],
)
def test_a_wrong_setting_is_named(own: Installation, name: str, value: str, sentence: str) -> None:
    environment = {**os.environ, "PROVISOR_DATA": str(own.folder), name: value}
    done = subprocess.run([*PROGRAM, "app", "list"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_come_from_the_file_and_each_wrong_one_has_a_line(own: Installation) -> None:
    file = own.folder / "provisor.toml"
    file.write_text('port = 0\nshoes = 9\ncycle_minutes = "x"\n')
    try:
        said = own.refused("app", "list")
        assert "shoes in" in said
        assert "cycle_minutes in" in said
        assert len(said.splitlines()) == 2
        file.write_text('tenant = "none"\n')
        assert "There is no tenant none" in own.refused("app", "list")
        assert own.command("app", "list", "--tenant", "default").code == 0
        file.write_text("port = \n")
        assert "is not TOML" in own.refused("app", "list")
    finally:
        file.unlink()


# ── the page's commands ──────────────────────────────────────────────────────────────────────────────────────────


def test_seed_8_a_token_is_printed_alone(own: Installation) -> None:
    ended = own.command("workspace", "token", "contoso-workspace", "--user", "ops@contoso.com", "--comment", "mine")
    assert ended.err == ""
    assert ended.out.startswith("dapi")
    assert len(ended.out.split()) == 1
    rows = own.json("workspace", "tokens", "contoso-workspace")
    assert [row["comment"] for row in rows if row["comment"]] == ["mine"]
    assert ended.out.strip() not in json.dumps(rows)
    never = own.json("workspace", "token", "contoso-workspace", "--user", "ops@contoso.com", "--lifetime-days", "0")
    shown = {row["tokenId"]: row for row in own.json("workspace", "tokens", "contoso-workspace")}
    assert shown[never["tokenId"]]["expires"] is None
    own.run("workspace", "revoke-token", "contoso-workspace", never["tokenId"])
    shown = {row["tokenId"]: row for row in own.json("workspace", "tokens", "contoso-workspace")}
    assert shown[never["tokenId"]]["state"] == "revoked"


def test_seed_7_the_tenant_url_is_the_servers(own: Installation) -> None:
    shown = own.json("workspace", "show", "contoso-workspace")
    assert shown["tenantUrl"] == f"{own.url}/w/contoso-workspace/api/2.0/preview/scim"
    assert shown["tenantUrl"] in own.run("workspace", "show", "contoso-workspace")


def test_seed_17_18_credentials_that_fail_are_not_saved_unless_forced(own: Installation) -> None:
    before = own.json("app", "show", APP)
    bad = secret(own, f"dapi{'0' * 49}", "bad.txt")
    said = own.refused("app", "set", APP, "--secret-token-file", bad)
    assert "refuses the secret token" in said
    assert "Nothing was saved" in said
    assert own.json("app", "show", APP) == before
    assert "authorized to enable provisioning" in own.run("app", "test", APP)
    own.run("app", "create", "forced")
    url = before["tenantUrl"]
    own.run("app", "set", "forced", "--tenant-url", url, "--secret-token-file", bad, "--force")
    assert "refuses the secret token" in own.refused("app", "test", "forced")
    for wrong, why in (
        (url.replace("api/2.0", "api/3.0"), "is not that of a SCIM service"),
        ("http://127.0.0.1:1/scim", "is not reachable"),
    ):
        said = own.refused("app", "set", "forced", "--tenant-url", wrong, "--secret-token-file", bad)
        assert why in said


def test_seed_16_another_host_needs_its_token_again(own: Installation) -> None:
    own.run("app", "create", "moving")
    token = own.run("workspace", "token", "contoso-workspace", "--user", "ops@contoso.com")
    url = own.json("app", "show", APP)["tenantUrl"]
    own.run("app", "set", "moving", "--tenant-url", url, "--secret-token-file", secret(own, token))
    assert own.json("app", "show", "moving")["secretToken"] == "saved"
    said = own.run("app", "set", "moving", "--tenant-url", url.replace("127.0.0.1", "localhost"))
    assert "no secret token" in said
    assert own.json("app", "show", "moving")["secretToken"] is None


def test_seed_37_an_owner_manages_that_application_only(own: Installation) -> None:
    own.run("app", "create", "others")
    own.run("app", "owner", "add", APP, "ada@contoso.com")
    as_ada = ("--as", "ada@contoso.com")
    assert [row["name"] for row in own.json("app", "list", *as_ada)] == [APP]
    own.run("app", "mapping", "list", APP, *as_ada)
    assert "ada@contoso.com may not read applications" in own.refused("app", "show", "others", *as_ada)
    assert "may not read users and groups" in own.refused("directory", "users", *as_ada)
    assert "may not create and administer workspaces" in own.refused("workspace", "users", "contoso-workspace", *as_ada)
    own.run("app", "owner", "remove", APP, "ada@contoso.com")
    assert own.json("app", "list", *as_ada) == []


def test_seed_38_all_users_shows_the_counts_first(own: Installation) -> None:
    said = own.refused("app", "set", APP, "--scope", "all")
    assert said.startswith("All 2 users and 1 groups of default come into scope")


def test_seed_45_the_tokens_owner_is_not_assigned_unless_forced(own: Installation) -> None:
    own.run("directory", "user", "create", "ops@contoso.com")
    assert not own.command("directory", "group", "create", "Operations").err
    again = own.command("directory", "group", "create", "operations")
    assert "Another group is called Operations, too: most applications take one group of a name only." in again.err
    (second,) = [row["objectId"] for row in own.json("directory", "groups") if row["displayName"] == "operations"]
    renamed = own.command("directory", "group", "set", second, "displayName=Operations")
    assert "Another group is called Operations, too" in renamed.err
    own.run("directory", "group", "delete", second)
    own.run("directory", "group", "add-member", "Operations", "ops@contoso.com")
    for who in (("--user", "ops@contoso.com"), ("--group", "Operations")):
        assert "owns the secret token" in own.refused("app", "assign", APP, *who)
    own.run("app", "assign", APP, "--user", "ops@contoso.com", "--force")
    own.run("app", "unassign", APP, "--user", "ops@contoso.com")
    own.run("directory", "user", "delete", "ops@contoso.com")
    own.run("directory", "user", "purge", "ops@contoso.com")
    own.run("directory", "group", "delete", "Operations")


def test_a_document_is_exported_and_imported_as_it_is(own: Installation) -> None:
    file = own.folder.parent / "schema.json"
    own.run("app", "mappings", "export", APP, "-o", str(file))
    document = json.loads(file.read_text())
    document["metadata"] = [{"key": "unknown", "value": "kept"}]
    file.write_text(json.dumps(document))
    own.run("app", "mappings", "import", APP, str(file))
    assert json.loads(own.run("app", "mappings", "export", APP)) == document
    for text, sentence in (
        ("{", "is not JSON"),
        ("[]", "is not a synchronizationSchema"),
        ("{}", "no object mapping"),
        ('{"synchronizationRules": "x"}', "must be a list"),
    ):
        file.write_text(text)
        assert sentence in own.refused("app", "mappings", "import", APP, str(file))
    assert json.loads(own.run("app", "mappings", "export", APP)) == document


def test_plan_and_sync_say_what_they_do(own: Installation) -> None:
    for command in ("plan", "sync"):
        ended = own.command(command, APP)
        assert f"Nobody is assigned, so nobody is in scope: provisor app assign {APP} --group GROUP" in ended.err
    own.run("app", "assign", APP, "--user", "ada@contoso.com")
    ended = own.command("plan", APP, "--json")
    plan = json.loads(ended.out)
    assert ended.code == 2
    assert plan["app"] == APP
    assert plan["counts"] == {"create": 1}
    assert plan["requests"] == 1
    change = plan["changes"][0]
    assert (change["action"], change["objectType"], change["source"]) == ("create", "User", "ada@contoso.com")
    assert change["reason"] == "is assigned directly and has no account"
    assert change["attributes"]["displayName"] == {"before": None, "after": "Ada Lovelace"}
    assert "create user" in own.command("plan", APP).out
    cycle = own.json("sync", APP)
    assert (cycle["hash"], cycle["counts"], cycle["status"]) == (plan["hash"], plan["counts"], "done")
    assert cycle["sent"] >= cycle["requests"] == 1
    assert cycle["seconds"] > 0
    ended = own.command("plan", APP)
    assert (ended.code, "nothing to do" in ended.out, ended.err) == (0, True, "")
    rows = own.json("log", APP, "--user", "ada@contoso.com")
    assert rows[0]["action"] == "create"
    assert rows[0]["status"] == "success"
    assert own.run("log", APP, "--cycle", str(rows[0]["cycle"])).count("ada@contoso.com") == 1


def test_seed_9_a_token_of_somebody_who_is_provisioned_is_warned_about(own: Installation) -> None:
    own.run("app", "assign", APP, "--user", "ada@contoso.com")
    own.run("sync", APP)
    ended = own.command("workspace", "token", "contoso-workspace", "--user", "ada@contoso.com")
    assert ended.out.startswith("dapi")
    assert f"ada@contoso.com is provisioned by the application {APP}" in ended.err
    assert "is no admin of contoso-workspace" in ended.err


def test_a_cycle_that_fails_says_so_and_ends_with_one(own: Installation) -> None:
    own.run("app", "create", "broken")
    bad = secret(own, f"dapi{'0' * 49}", "bad.txt")
    url = own.json("app", "show", APP)["tenantUrl"]
    own.run("app", "set", "broken", "--tenant-url", url, "--secret-token-file", bad, "--force")
    ended = own.command("sync", "broken")
    assert (ended.code, ended.out) == (1, "")
    assert "the cycle is quarantined: GET /Users was answered 403: Invalid access token." in ended.err
    assert ended.err.rstrip().endswith("What mends it: provisor doctor broken")
    assert "Invalid access token" in own.json("app", "show", "broken")["quarantine"]
    assert "Invalid access token" in own.refused("plan", "broken")


def test_seed_44_the_server_follows_a_change_by_itself(own: Installation) -> None:
    own.run("app", "start", APP)
    own.run("directory", "user", "create", "bob@contoso.com", "givenName=Bob")
    own.run("app", "assign", APP, "--user", "bob@contoso.com")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if "bob@contoso.com" in own.run("workspace", "users", "contoso-workspace"):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the server did not follow")
    own.run("app", "stop", APP)


def test_the_secret_token_stands_nowhere(own: Installation, tmp_path: Path) -> None:
    """Not in what commands print, not in the audit log, not in the database, not in the server's log."""
    import asyncio

    import asyncpg

    from provisor.storage import embedded

    token = own.run("workspace", "token", "contoso-workspace", "--user", "ops@contoso.com")
    own.run("app", "set", APP, "--secret-token-file", secret(own, token))
    own.run("sync", APP)
    said = "".join(
        own.run(*words) for words in (("app", "show", APP, "--json"), ("log", APP, "--json"), ("app", "list"))
    )
    assert token not in said
    with own.environment():
        held = embedded.hold(own.folder)

    async def everything() -> str:
        connection = await asyncpg.connect(**held.arguments)
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        rows = [await connection.fetch(f"select t::text from {row['tablename']} t") for row in tables]
        await connection.close()
        return "\n".join(row[0] for found in rows for row in found)

    dumped = asyncio.run(everything())
    held.release()
    assert token not in dumped
    assert token.encode().hex() not in dumped
    assert "ada@contoso.com" in dumped
    assert token not in (own.folder.parent / "server.log").read_text()


def test_a_long_output_arrives_whole_although_its_reader_is_slow(own: Installation) -> None:
    own.run("directory", "import", *map(str, sorted((Path(__file__).parents[2] / "examples/contoso").glob("*.csv"))))
    environment = {**os.environ, "PROVISOR_DATA": str(own.folder), "PYTHONUNBUFFERED": "1"}
    slow = subprocess.Popen([*PROGRAM, "directory", "users", "--json"], env=environment, stdout=subprocess.PIPE)
    time.sleep(2)
    assert len(json.loads(slow.communicate()[0])) >= 1000


def test_a_command_waits_for_a_running_cycle_and_says_so(own: Installation) -> None:
    own.run("directory", "import", *map(str, sorted((Path(__file__).parents[2] / "examples/contoso").glob("*.csv"))))
    own.run("app", "assign", APP, "--group", "Data Platform")
    first, second = own.process("sync", APP, "--json"), own.process("sync", APP, "--json")
    results = [json.loads(process.communicate(timeout=120)[0]) for process in (first, second)]
    assert sorted(result["status"] for result in results) == ["done", "done"]
    assert sorted(bool(result["counts"]) for result in results) == [False, True]
    names = [row["userName"] for row in own.json("workspace", "users", "contoso-workspace")]
    assert len(names) == len(set(names))


def test_a_user_is_added_with_what_may_not_change_later(own: Installation) -> None:
    mail = 'emails[type eq "work"].value=eve@contoso.com'
    own.run("workspace", "user", "add", "contoso-workspace", "eve@contoso.com", mail, "name.givenName=Eve")
    shown = own.json("workspace", "user", "show", "contoso-workspace", "eve@contoso.com")
    assert shown["emails"] == ["eve@contoso.com"]
    own.run("workspace", "user", "set", "contoso-workspace", "eve@contoso.com", "displayName=Eve", "--admin")
    shown = own.json("workspace", "user", "show", "contoso-workspace", "eve@contoso.com")
    assert (shown["displayName"], shown["admin"]) == ("Eve", True)
    own.run("workspace", "user", "remove", "contoso-workspace", "eve@contoso.com")
    removed = own.json("workspace", "users", "contoso-workspace", "--removed")
    assert [row["userName"] for row in removed] == ["eve@contoso.com"]


def test_who_has_no_role_lists_nothing(own: Installation) -> None:
    own.run("directory", "user", "create", "norole@contoso.com")
    as_nobody = ("--as", "norole@contoso.com")
    assert "may not create and administer workspaces" in own.refused("workspace", "list", *as_nobody)
    assert "may not create tenants" in own.refused("tenant", "list", *as_nobody)


def test_another_tenant_url_is_warned_about(own: Installation) -> None:
    token = own.run("workspace", "token", "contoso-workspace", "--user", "ops@contoso.com")
    url = own.json("app", "show", APP)["tenantUrl"]
    ended = own.command("app", "set", APP, "--tenant-url", url.replace("/scim", "/scim/v2"))
    assert "--clear full" in ended.err
    own.run("app", "set", APP, "--tenant-url", url, "--secret-token-file", secret(own, token))


def test_the_server_speaks_tls(tmp_path: Path) -> None:
    import ssl
    import urllib.request

    cert, key = _certificate(tmp_path)
    with installation() as made:
        said = made.refused("serve", "--port", "0", "--tls-cert", str(cert))
        assert said == "Give both --tls-cert and --tls-key, or neither."
        assert "--tls-key: there is no file" in made.refused(
            "serve", "--port", "0", "--tls-cert", str(cert), "--tls-key", "/nowhere"
        )
        url = made.serve("--tls-cert", str(cert), "--tls-key", str(key))
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{url}/healthz", context=trusted) as answer:
            assert json.load(answer) == {"status": "ok"}
        made.run("workspace", "create", "w", "--admin", "a@b.c")
        assert made.json("workspace", "show", "w")["tenantUrl"].startswith(url)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key.write_bytes(secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return cert, key


def test_roles_are_given_and_taken_and_one_administrator_stays(own: Installation) -> None:
    own.run("directory", "user", "create", "grace@contoso.com")
    own.run("role", "add", "grace@contoso.com", "global reader")
    assert {"role": "Global Reader", "user": "grace@contoso.com", "active": True} in own.json("role", "list")
    assert "may not change users and groups" in own.refused(
        "directory", "user", "create", "x@contoso.com", "--as", "grace@contoso.com"
    )
    own.run("role", "remove", "grace@contoso.com", "Global Reader")
    assert "They are no Global Reader" in own.refused("role", "remove", "grace@contoso.com", "Global Reader")
    assert "appoint another one first" in own.refused("role", "remove", "admin@contoso.com", "Global Administrator")
    assert "is not a role" in own.refused("role", "add", "grace@contoso.com", "King")


def test_links_are_printed_alone_and_only_for_whom_they_can_be(own: Installation) -> None:
    own.run("directory", "user", "create", "joan@contoso.com")
    assert own.run("sign-in", "link", "joan@contoso.com").startswith(f"{own.url}/t/default/set-up?token=")
    assert own.json("sign-in", "link", "joan@contoso.com")["link"].startswith(own.url)
    own.run("directory", "user", "disable", "joan@contoso.com")
    assert "cannot sign in" in own.refused("sign-in", "link", "joan@contoso.com")
    own.run("directory", "user", "enable", "joan@contoso.com")
    refused = own.refused("sign-in", "link", "admin@contoso.com", "--as", "joan@contoso.com")
    assert "may not give and take directory roles" in refused
    assert own.run("sign-in", "workspace-link", "contoso-workspace").startswith(
        f"{own.url}/w/contoso-workspace/sign-in"
    )
    own.run("workspace", "user", "add", "contoso-workspace", "visitor@contoso.com")
    refused = own.refused("sign-in", "workspace-link", "contoso-workspace", "--user", "visitor@contoso.com")
    assert "no active admin" in refused


def test_the_first_start_prints_a_link_and_the_data_folder_does_not_have_it() -> None:
    with installation() as made:
        said = made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        assert "/t/default/set-up?token=" in said
        made.serve()
        assert made.server is not None and made.server.stdout is not None
        line = made.server.stdout.readline()
        token = line.strip().partition("?token=")[2]
        assert line.startswith("Set a password for the portal, once: ") and len(token) == 43
        made.stop()
        log = (made.folder.parent / "server.log").read_text()
        files = [path for path in made.folder.rglob("*") if path.is_file()]
        assert token not in log and not [path for path in files if token.encode() in path.read_bytes()]


def test_an_application_is_renamed_and_deleted(own: Installation) -> None:
    own.run("app", "create", "temporary", "--template", "scim")
    own.run("app", "create", "other")
    assert "exists already" in own.refused("app", "rename", "temporary", "OTHER")
    own.run("app", "rename", "temporary", "for a while")
    assert "--force" in own.refused("app", "delete", "for a while")
    own.run("app", "delete", "for a while", "--force")
    assert "for a while" not in own.run("app", "list")
    own.run("app", "create", "for a while")
    own.run("app", "delete", "for a while", "--force")


def test_expressions_are_tried_without_a_tenant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str, code: int = 0) -> str:
        assert run(["expression", *words]) == code
        out, err = capsys.readouterr()
        return out + err

    name = 'Join(" ", [givenName], [surname])'
    assert '"Ada"' in said("eval", name, "--attributes", '{"givenName": "Ada"}')
    assert "Without a value here: surname." in said("eval", name, "--attributes", '{"givenName": "Ada"}')
    assert '"11/25/2026 8:00:00 AM"' in said("eval", "Now()", "--now", "2026-11-25T08:00:00Z")
    assert "(nothing)" in said("eval", 'IgnoreFlowIfNullOrEmpty("")')
    wrong = said("eval", 'switch([a], , "x", "y")', code=1)
    assert "Did you mean Switch?" in wrong and "\n  ^" in wrong
    assert "--attributes is a JSON object" in said("eval", name, "--attributes", "[]", code=1)
    assert "is not JSON" in said("eval", name, "--attributes", "{", code=1)
    assert "is no moment" in said("eval", name, "--now", "noon", code=1)
    assert "Did you mean [givenName]?" in said("eval", "[GivenName]", "--attributes", '{"givenName": "Ada"}')
    assert "RandomString " in said("functions") and "RandomString(Length" in said("functions", "RandomString")
    assert "Switch(source, [defaultValue]" in said("functions", "Switch")
    assert "It is written Switch." in said("functions", "switch", code=1)
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps([{"expression": name, "attributes": {"givenName": "Ada"}, "expected": "Ada"}]))
    assert "1 passed, 0 failed" in said("check", str(cases))
    cases.write_text(json.dumps([{"expression": name, "attributes": {"givenName": "Ada"}, "expected": "Eva"}, {}]))
    assert "case 2: A case is an object" in said("check", str(cases), code=1)
    cases.write_text(json.dumps([{"expression": "[a", "attributes": {}, "expected": None}]))
    failed = said("check", str(cases), code=1)
    assert "expected null" in failed and "is not closed with ]" in failed and "0 passed, 1 failed" in failed
