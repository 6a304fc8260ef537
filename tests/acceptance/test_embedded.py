"""The embedded server's life: made, joined, survived by, ended, and closed to everybody else on the machine."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from installation import Installation, end_database, installation
from provisor.refusal import Invalid, Unavailable
from provisor.storage import embedded, keeper, postgres

HOLD = "import sys, time; from pathlib import Path; from provisor.storage import embedded"


@pytest.fixture
def empty() -> Installation:
    with installation() as made:
        yield made


@pytest.fixture
def folder(empty: Installation, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVISOR_DATABASE_GRACE_SECONDS", "1")
    return empty.folder


def _holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the database until it is killed."""
    code = f"{HOLD}; held = embedded.hold(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _soon(holds: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def _ask(held: embedded.Held, question: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(**held.arguments)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_the_server_ends_when_nobody_holds_it_and_keeps_what_was_written(folder: Path) -> None:
    held = embedded.hold(folder)
    _ask(held, "create table kept as select 42 as answer")
    held.release()
    assert _soon(lambda: keeper.server(folder) is None)
    held = embedded.hold(folder)
    assert _ask(held, "select answer from kept") == 42
    held.release()


def test_provisors_role_is_no_superuser(folder: Path) -> None:
    held = embedded.hold(folder)
    assert (
        _ask(held, "select rolsuper or rolcreaterole or rolbypassrls from pg_roles where rolname = current_user")
        is False
    )
    held.release()


def test_a_process_killed_hard_leaves_no_orphan_server_behind_for_long(folder: Path) -> None:
    process = _holder(folder)
    server = keeper.server(folder)
    assert server is not None
    process.kill()
    process.wait()
    assert _soon(lambda: not server.is_running())


def test_the_server_goes_on_while_anybody_holds_it(folder: Path) -> None:
    first, second = _holder(folder), embedded.hold(folder)
    server = keeper.server(folder)
    first.kill()
    first.wait()
    time.sleep(2.5)
    assert keeper.server(folder) == server
    assert _ask(second, "select 1") == 1
    second.release()


def test_a_killed_keeper_is_replaced_and_its_server_joined(folder: Path) -> None:
    held = embedded.hold(folder)
    server = keeper.server(folder)
    assert server is not None
    guard = server.parent()
    assert guard is not None
    guard.kill()
    assert _soon(lambda: not embedded._kept(folder))
    again = embedded.hold(folder)
    assert keeper.server(folder) == server
    for one in (held, again):
        one.release()
    assert _soon(lambda: keeper.server(folder) is None)


def test_a_killed_server_is_started_again_while_somebody_holds_it(folder: Path) -> None:
    held = embedded.hold(folder)
    server = keeper.server(folder)
    assert server is not None
    for _ in range(3):
        server.kill()
        server.wait(10)
        assert _soon(lambda: keeper.ready(folder))
        server = keeper.server(folder)
        assert server is not None
    assert _ask(held, "select 1") == 1
    held.release()


def test_many_that_come_at_once_start_one_server(folder: Path) -> None:
    code = f"{HOLD}; held = embedded.hold(Path(sys.argv[1])); print(held._lock.name)"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(folder)]) for _ in range(5)]
    assert [process.wait(60) for process in processes] == [0] * 5
    log = (folder / keeper.LOG).read_text()
    assert log.count("starting PostgreSQL") == 1


def test_a_number_that_is_another_process_now_keeps_nobody_from_starting(folder: Path) -> None:
    embedded.hold(folder).release()
    end_database(folder)
    assert _soon(lambda: not embedded._kept(folder))
    file = folder / keeper.CLUSTER / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{folder / keeper.CLUSTER}\n")
    os.chown(file, (folder / keeper.CLUSTER).stat().st_uid, -1)
    held = embedded.hold(folder)
    assert _ask(held, "select 1") == 1
    held.release()


def test_a_folder_that_is_removed_and_made_again_is_a_new_one(folder: Path) -> None:
    """The old folder's keeper ends its own server and leaves the new folder's alone."""
    process = _holder(folder)
    old = keeper.server(folder)
    assert old is not None
    shutil.rmtree(folder)
    process.kill()
    process.wait()
    held = embedded.hold(folder)
    new = keeper.server(folder)
    assert _soon(lambda: not old.is_running())
    time.sleep(2)
    assert keeper.server(folder) == new
    assert _ask(held, "select 1") == 1
    held.release()


def test_a_long_path_has_its_socket_elsewhere(folder: Path) -> None:
    deep = folder / ("a" * 60) / ("b" * 60)
    deep.parent.parent.mkdir(mode=0o711)
    deep.parent.mkdir(mode=0o711)
    held = embedded.hold(deep)
    sockets = Path(held.arguments["host"])
    assert not sockets.is_relative_to(deep)
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert _ask(held, "select 1") == 1
    held.release()
    end_database(deep)
    sockets.rmdir()


def test_a_socket_folder_that_others_could_enter_is_refused(folder: Path) -> None:
    embedded.hold(folder).release()
    (folder / "run").chmod(0o755)
    with pytest.raises(Unavailable, match=r"is not a folder of .* alone"):
        embedded.hold(folder)


def test_a_folder_that_cannot_be_used_is_named(folder: Path) -> None:
    with pytest.raises(Invalid, match="/dev/null/data cannot be used"):
        embedded.hold(Path("/dev/null/data"))


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    embedded.hold(folder).release()
    end_database(folder)
    assert _soon(lambda: not embedded._kept(folder))
    (folder / keeper.CLUSTER / "global" / "pg_control").rename(folder / "pg_control")
    with pytest.raises(Unavailable, match=r"does not start: .*pg_control"):
        embedded.hold(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_two_users_of_the_machine_cannot_read_each_others_database(folder: Path) -> None:
    held = embedded.hold(folder)
    nobody = pwd.getpwnam("nobody")
    cluster, sockets = folder / keeper.CLUSTER, Path(held.arguments["host"])

    def connected() -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(sockets / ".s.PGSQL.5432"))
            body = struct.pack("!i", 196608) + b"user\0provisor\0database\0provisor\0\0"
            client.sendall(struct.pack("!i", len(body) + 4) + body)
            return client.recv(4096).decode(errors="replace")

    for attempt in (lambda: list(cluster.iterdir()), lambda: list(folder.iterdir()), connected):
        assert "PermissionError" in _as(nobody, attempt)
    # Even with the doors open, who connects must be the account that owns the data.
    sockets.chmod(0o755)
    (sockets / ".s.PGSQL.5432").chmod(0o777)
    assert "Peer authentication failed" in _as(nobody, connected)
    sockets.chmod(0o700)
    held.release()


def _as(somebody: pwd.struct_passwd, attempt: Callable[[], object]) -> str:
    """What ``attempt`` returns or raises when another user of the machine makes it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(somebody.pw_gid)
            os.setuid(somebody.pw_uid)
            said = str(attempt())
        except Exception as error:
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_programs_that_the_account_cannot_reach_are_copied_to_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = postgres.account()
    install = postgres.programs(owner).parent
    private = tmp_path / install.parent.name / install.name
    shutil.copytree(install, private, symlinks=True)
    libraries = f"{install.parent.name}.libs"
    shutil.copytree(install.parents[1] / libraries, tmp_path / libraries, symlinks=True)
    tmp_path.chmod(0o700)
    with tempfile.TemporaryDirectory(prefix="provisor-test-") as place:
        Path(place).chmod(0o755)
        monkeypatch.setattr(postgres, "_COPIES", Path(place) / "copies" / "postgresql")
        assert not postgres._runs(private / "bin", owner)
        copied = postgres._copy(private, owner)
        assert copied.is_relative_to(place)
        assert postgres._runs(copied, owner)
        assert postgres._copy(private, owner) == copied


def test_a_database_of_a_newer_provisor_is_refused(empty: Installation) -> None:
    empty.run("init")
    held = embedded.hold(empty.folder)
    _ask(held, "update alembic_version set version_num = '9999'")
    held.release()
    assert "made by a newer Provisor" in empty.refused("app", "list")


def test_a_key_file_that_others_can_read_is_refused(empty: Installation) -> None:
    empty.run("init")
    key = empty.folder / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    assert "run chmod 600" in empty.refused("app", "list")


def test_the_server_ends_in_order_on_sigterm_and_says_when_it_is_ready(empty: Installation) -> None:
    assert empty.serve().startswith("http://127.0.0.1:")
    assert empty.stop() == 0
    assert _soon(lambda: keeper.server(empty.folder) is None)


def test_a_server_killed_hard_leaves_nothing_running(empty: Installation) -> None:
    empty.serve()
    assert empty.server is not None
    empty.server.send_signal(signal.SIGKILL)
    empty.server.wait()
    empty.server = None
    assert _soon(lambda: keeper.server(empty.folder) is None)
    empty.run("app", "list")


def test_a_folder_of_others_is_not_taken_for_a_data_folder(empty: Installation) -> None:
    shared = empty.folder.parent / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "somebody.txt").write_text("mine")
    with pytest.raises(Invalid, match="is not empty and no data folder of Provisor's"):
        embedded.hold(shared)
    assert shared.stat().st_mode & 0o7777 == 0o1777
    assert [path.name for path in shared.iterdir()] == ["somebody.txt"]


def test_an_empty_variable_is_not_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    from provisor.config import default_data_folder, load

    monkeypatch.setenv("PROVISOR_DATA", "")
    assert load({}).data == default_data_folder()
    assert load({"data": "~/x"}).data == Path.home() / "x"


def test_nothing_is_written_through_a_link_in_the_cluster(folder: Path) -> None:
    embedded.hold(folder).release()
    target = folder.parent / "target"
    target.write_text("untouched")
    link = folder / keeper.CLUSTER / "pg_ident.conf"
    link.unlink()
    link.symlink_to(target)
    held = embedded.hold(folder)
    assert target.read_text() == "untouched"
    assert not link.is_symlink()
    assert _ask(held, "select 1") == 1
    held.release()


def test_nobody_else_can_hold_the_doors_lock_or_read_the_log(folder: Path) -> None:
    embedded.hold(folder).release()
    for name in (keeper.DOOR, keeper.HOLDERS, keeper.KEEPER, keeper.LOG):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name


def test_a_comma_in_the_path_is_no_separator(folder: Path) -> None:
    folder.mkdir(mode=0o711)
    odd = folder / "a,b 'c'"
    held = embedded.hold(odd)
    assert _ask(held, "select 1") == 1
    held.release()
    end_database(odd)


def test_many_first_commands_at_once_make_one_tenant(empty: Installation) -> None:
    commands = [empty.process("tenant", "list", "--json") for _ in range(5)]
    ended = [process.communicate(timeout=60) for process in commands]
    assert [process.returncode for process in commands] == [0] * 5, ended
    assert len({out for out, _ in ended}) == 1


def test_a_first_command_makes_nothing_while_another_is_at_the_door(empty: Installation) -> None:
    empty.folder.mkdir(mode=0o711)
    with keeper.door(empty.folder):
        command = empty.process("tenant", "list", "--json")
        with pytest.raises(subprocess.TimeoutExpired):
            command.wait(timeout=3)
        assert [path.name for path in empty.folder.iterdir()] == [keeper.DOOR]
    out, err = command.communicate(timeout=60)
    assert command.returncode == 0, err
    assert "default.localhost" in out


def test_a_key_file_without_a_key_is_named(empty: Installation) -> None:
    empty.run("init")
    key = empty.folder / "secret.key"
    key.write_text("")
    assert f"{key} must be 32 random bytes in base 64" in empty.refused("app", "list")


def test_cycles_come_back_after_the_database_was_away(empty: Installation) -> None:
    empty.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
    empty.serve()
    empty.run("workspace", "create", "w", "--admin", "ops@contoso.com")
    token = empty.folder.parent / "token.txt"
    token.write_text(empty.run("workspace", "token", "w", "--user", "ops@contoso.com"))
    empty.run("app", "create", "app", "--template", "dataBricks")
    url = empty.json("workspace", "show", "w")["tenantUrl"]
    empty.run("app", "set", "app", "--tenant-url", url, "--secret-token-file", str(token))
    empty.run("app", "start", "app")
    for _ in range(3):
        server = keeper.server(empty.folder)
        if server is not None:
            server.kill()
        time.sleep(1.5)
    assert _soon(lambda: keeper.ready(empty.folder), 30)
    empty.run("directory", "user", "create", "ada@contoso.com", "givenName=Ada")
    empty.run("app", "assign", "app", "--user", "ada@contoso.com")
    assert _soon(lambda: "ada@contoso.com" in empty.run("workspace", "users", "w"), 60)
    assert empty.stop() == 0
