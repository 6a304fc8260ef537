"""Backup and restore: everything but the keys, and no target is written to before somebody has looked."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from installation import Installation, installation
from pair import Pair
from provisor import compose
from provisor.config import Settings
from provisor.storage.postgres import client
from provisor.storage.queries import queries


@pytest.fixture
def own() -> Iterator[Installation]:
    """A directory of its own; its target is the shared server's workspace."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com")
        yield made


async def prepared(own: Installation, pair: Pair, *policy: str) -> Path:
    """Ada and Bob provisioned, then a backup."""

    def work() -> Path:
        folder = own.folder.parent
        (folder / "token").write_text(pair.token)
        own.run("app", "create", "Jira", "--template", "dataBricks")
        own.run("app", "set", "Jira", "--tenant-url", pair.base, "--secret-token-file", str(folder / "token"), *policy)
        for name in ("ada", "bob"):
            own.run(
                "directory", "user", "create", f"{name}@contoso.com", f"givenName={name}", f"mail={name}@contoso.com"
            )
            own.run("app", "assign", "Jira", "--user", f"{name}@contoso.com")
        own.run("sync", "Jira")
        own.run("backup", str(folder / "file"))
        return folder / "file"

    return await asyncio.to_thread(work)


async def signs_tokens(own: Installation) -> str:
    """What tokens of those who follow changes are signed with."""
    async with compose.opened(Settings(data=own.folder)) as house, house.database.reading() as tx:
        return str(await tx.fetchval(queries("instance").get, "delta_tokens"))


async def test_a_leaver_of_yesterday_is_not_let_in_by_a_directory_of_last_week(own: Installation, pair: Pair) -> None:
    file = await prepared(own, pair, "--drift", "*=overwrite")
    assert (await pair.account("bob"))["active"]
    await asyncio.to_thread(own.run, "directory", "user", "disable", "bob@contoso.com")
    await asyncio.to_thread(own.run, "sync", "Jira")
    assert not (await pair.account("bob"))["active"]
    said = await asyncio.to_thread(own.run, "restore", str(file), "--replace")
    assert said.startswith(f"Restored from {file}. Applications held: 1. ")
    for _ in range(2):
        refused = await asyncio.to_thread(own.refused, "sync", "Jira")
        assert "A restore holds the plan: it is the first after a restore from the backup of 20" in refused
        assert not (await pair.account("bob"))["active"], "nothing was sent"
    plan = await asyncio.to_thread(own.command, "plan", "Jira", "--json")
    assert plan.code == 2 and "bob@contoso.com" in plan.out
    released = refused.split("--release ")[1].split()[0]
    await asyncio.to_thread(own.run, "sync", "Jira", "--release", released)
    assert (await pair.account("bob"))["active"], "somebody has looked at it and wanted it so"
    await asyncio.to_thread(own.run, "directory", "user", "disable", "bob@contoso.com")
    await asyncio.to_thread(own.run, "sync", "Jira")
    assert not (await pair.account("bob"))["active"]


async def test_what_was_changed_since_is_reported_and_whoever_is_in_step_goes_on(own: Installation, pair: Pair) -> None:
    file = await prepared(own, pair)
    await asyncio.to_thread(own.run, "directory", "user", "disable", "bob@contoso.com")
    signed = await signs_tokens(own)
    await asyncio.to_thread(own.run, "sync", "Jira")
    await asyncio.to_thread(own.run, "restore", str(file), "--replace")
    assert await signs_tokens(own) != signed, "whoever follows changes begins anew"
    await asyncio.to_thread(own.run, "sync", "Jira")
    assert not (await pair.account("bob"))["active"]
    assert "active is False instead of" in await asyncio.to_thread(own.run, "log", "Jira")


async def test_into_an_empty_folder_and_the_keys_apart(own: Installation, pair: Pair, tmp_path: Path) -> None:
    file = await prepared(own, pair)
    assert file.stat().st_mode & 0o077 == 0
    key = (own.folder / "secret.key").read_bytes()
    assert key.strip() not in file.read_bytes()

    def work() -> None:
        with installation() as other:
            other.run("restore", str(file))
            assert other.json("directory", "users") == own.json("directory", "users")
            assert "secret" in other.refused("plan", "Jira").lower()
            (other.folder / "secret.key").write_bytes(key)
            assert other.command("plan", "Jira").code == 0
            other.run("audit", "verify")

    await asyncio.to_thread(work)


def test_what_cannot_be_restored_is_refused_and_nothing_is_lost(own: Installation, tmp_path: Path) -> None:
    own.run("app", "create", "Jira")
    file = tmp_path / "file"
    own.run("backup", str(file))
    assert own.refused("backup", str(file)) == f"{file} is there already: name a new file."
    assert "something here already (tenants: default)" in own.refused("restore", str(file))
    broken = tmp_path / "broken"
    broken.write_bytes(file.read_bytes()[:2000])
    assert "pg_restore failed" in own.refused("restore", str(broken), "--replace")
    (tmp_path / "text").write_text("hello")
    assert own.refused("restore", str(tmp_path / "text"), "--replace").endswith(
        "is no backup that provisor backup made."
    )
    assert "cannot be read" in own.refused("restore", str(tmp_path / "missing"))
    assert "cannot be written" in own.refused("backup", str(tmp_path / "no" / "folder"))
    own.serve()
    assert own.refused("restore", str(file), "--replace") == (
        "A server or another command works on this database: stop it first."
    )
    assert [row["name"] for row in own.json("app", "list")] == ["Jira"]


def test_a_database_is_found_by_its_socket_and_its_password_stands_on_no_command_line(
    own: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs are PostgreSQL's, behind scripts that note how they were called."""
    own.serve()
    noted = tmp_path / "noted"

    def noting(name: str) -> str:
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\necho "$@ | $PGPASSWORD" >> {noted}\nexec {client(name)} "$@"\n')
        script.chmod(0o755)
        return str(script)

    monkeypatch.setattr("provisor.storage.backup.client", noting)
    for number, (before, user) in enumerate((("postgresql://", "provisor"), ("postgresql://provisor:pa%2Fss@", ""))):
        more = f"&user={user}" if user else ""
        url = f"{before}/provisor?host={own.folder}/run{more}"
        own.run("--database-url", url, "backup", str(tmp_path / f"file{number}"))
    said = [line for line in noted.read_text().splitlines() if "--dbname=" in line]
    assert f"--dbname=postgresql:///provisor?host={own.folder}/run&user=provisor " in said[0]
    assert f"--dbname=postgresql://provisor@/provisor?host={own.folder}/run " in said[1]
    assert said[1].endswith("| pa/ss") and "pa%2Fss" not in said[1]


async def test_a_restore_that_the_database_refuses_says_why_and_changes_nothing(own: Installation) -> None:
    file = str(own.folder.parent / "file")
    await asyncio.to_thread(own.run, "backup", file)
    await asyncio.to_thread(own.run, "app", "create", "Later")
    async with compose.opened(Settings(data=own.folder)) as house, house.database.transaction() as tx:
        await tx.execute("create view somebodys as select * from tenant")
    said = await asyncio.to_thread(own.refused, "restore", file, "--replace")
    assert said.startswith("psql failed: ") and "cannot drop" in said
    assert [row["name"] for row in await asyncio.to_thread(own.json, "app", "list")] == ["Later"]


def test_a_restore_says_nothing_that_a_server_before_postgresql_17_does_not_know(
    own: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, noted = tmp_path / "file", tmp_path / "noted"
    own.run("app", "create", "Jira")
    own.run("backup", str(file))
    psql = tmp_path / "psql"
    psql.write_text(f'#!/bin/sh\ntee {noted} | {client("psql")} "$@"\n')
    psql.chmod(0o755)
    monkeypatch.setattr("provisor.storage.backup.client", lambda name: str(psql) if name == "psql" else client(name))
    own.run("restore", str(file), "--replace")
    told = subprocess.run([client("pg_restore"), "--file=-", str(file)], capture_output=True, text=True, check=True)
    assert "transaction_timeout" in told.stdout and "COPY public.tenant " in told.stdout
    assert "transaction_timeout" not in noted.read_text() and "COPY public.tenant " in noted.read_text()
    assert [row["name"] for row in own.json("app", "list")] == ["Jira"]
