"""The embedded PostgreSQL of a data folder: made at first use, started by the first process, joined by the rest.

``hold(folder)`` returns once the server takes connections and keeps it running until ``release`` (or the end of the
process, however it ends). ``keeper`` is the process that starts and stops it, ``postgres`` knows where the programs are
and as whom they run.

Nobody else on the machine gets in: the cluster and the folder of its socket are closed to others, there is no TCP port,
and a connection is accepted only when the operating system says that it comes from the account that owns the data
(*peer*). Provisor's own role owns the database and is no superuser.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

from provisor.refusal import Invalid, Unavailable
from provisor.storage import keeper
from provisor.storage.postgres import Account, account, programs, unreachable

ROLE: Final = "provisor"
SUPERUSER: Final = "postgres"
#: A socket's path has 107 bytes; ``/.s.PGSQL.5432`` ends it.
_LONGEST_SOCKET_FOLDER: Final = 90
_START_SECONDS: Final = 90.0

#: Text is UTF-8 and sorts by code point, whatever the machine's language is.
_LOCALE: Final = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_CONFIGURATION: Final = """\
listen_addresses = ''
unix_socket_permissions = 0700
port = 5432
max_connections = 200
shared_buffers = 128MB
max_wal_size = 2GB
log_timezone = 'UTC'
timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
log_line_prefix = '%m [%p] '
# Values of a person do not belong into a log.
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
"""


@dataclass(slots=True)
class Held:
    """A database that is held. ``arguments`` are asyncpg's, ``dsn`` is libpq's; ``warning`` is for whoever started."""

    arguments: dict[str, Any]
    dsn: str
    warning: str | None
    _lock: IO[bytes]

    def release(self) -> None:
        """Let go; the server ends a little later, when nobody else holds it."""
        self._lock.close()


def hold(folder: Path) -> Held:
    """The database in ``folder``, running. Raises Invalid for a folder that cannot be used, Unavailable with why."""
    owner = account()
    folder = _prepared(folder, owner)
    with contextlib.ExitStack() as undo, keeper.door(folder):
        # Nothing is made before the door is ours: another first command would find it half made.
        sockets = _socket_folder(folder, owner)
        lock = undo.enter_context(keeper.lock_file(folder, keeper.HOLDERS))
        keeper.locked(lock, shared=True)
        if not (folder / keeper.CLUSTER / "PG_VERSION").exists():
            _make_cluster(folder, owner)
        _configure(folder, sockets, owner)
        _keep(folder)
        undo.pop_all()
    warning = None
    if owner.switched:
        warning = f"running as root: the database runs as the account {owner.name}. An account of its own is safer."
    arguments = {"host": str(sockets), "port": 5432, "user": ROLE, "database": ROLE}
    return Held(arguments, f"postgresql://{ROLE}@/{ROLE}?host={quote(str(sockets))}", warning, lock)


def _prepared(folder: Path, owner: Account) -> Path:
    """The data folder, made when it is missing; others may not look into it."""
    folder = folder.expanduser().resolve()
    closed = unreachable(folder / keeper.CLUSTER, owner)
    if closed is not None and closed != folder:
        raise Invalid(
            f"The database runs as the account {owner.name}, which cannot enter {closed}: give a data folder outside "
            "of it with --data, or run Provisor as another user than root."
        )
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise Invalid(
                f"The data folder {folder} belongs to {_name(found.st_uid)}: run Provisor as that user, or give "
                "another folder with --data."
            )
        # A certificate may be made before anything else is.
        names = {path.name for path in folder.iterdir()} - {"tls"}
        if names and not names & {keeper.CLUSTER, keeper.DOOR, "provisor.toml"}:
            raise Invalid(
                f"The folder {folder} is not empty and no data folder of Provisor's: give another one with --data."
            )
        if made or keeper.DOOR not in names:
            # Under root the database's account goes through it to what is its own, and can list nothing.
            folder.chmod(0o711 if owner.switched else 0o700)
    except OSError as error:
        raise Invalid(f"The data folder {folder} cannot be used: {error.strerror}.") from None
    return folder


def _socket_folder(folder: Path, owner: Account) -> Path:
    """A folder that only the owner may enter and whose path is short enough for a socket."""
    place = folder / "run"
    if len(os.fsencode(place)) > _LONGEST_SOCKET_FOLDER:
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        place = Path("/tmp") / f"provisor-{os.geteuid()}-{name}"
    try:
        place.mkdir(mode=0o700)
        owner.own(place)
    except FileExistsError:
        pass
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.uid or stat.S_IMODE(found.st_mode) & 0o077:
        raise Unavailable(
            f"{place} is not a folder of {owner.name} alone: remove it, the database's socket goes there."
        )
    return place


def _make_cluster(folder: Path, owner: Account) -> None:
    """initdb, our role and our database; complete or not at all."""
    cluster = folder / keeper.CLUSTER
    fresh = folder / f"{keeper.CLUSTER}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    owner.own(fresh)
    binaries = programs(owner)
    _run(
        [binaries / "initdb", "-D", fresh, "-U", SUPERUSER, "--auth=reject", "--no-instructions", *_LOCALE],
        owner,
    )
    statements = f"create role {ROLE} login;\ncreate database {ROLE} owner {ROLE};\n"
    _run([binaries / "postgres", "--single", "-D", fresh, "template1"], owner, statements)
    fresh.rename(cluster)


def _configure(folder: Path, sockets: Path, owner: Account) -> None:
    """Settings and who may connect, written anew: they follow this release and where the folder is now."""
    cluster = folder / keeper.CLUSTER
    # The setting is a list of folders: in quotes, a comma in the path is no separator.
    escaped = str(sockets).replace('"', '""').replace("'", "''")
    here = pwd.getpwuid(os.geteuid()).pw_name
    files = {
        "postgresql.conf": f"{_CONFIGURATION}unix_socket_directories = '\"{escaped}\"'\n",
        "pg_hba.conf": f"local {ROLE} {ROLE} peer map=provisor\n",
        "pg_ident.conf": f'provisor "{here}" {ROLE}\n',
    }
    for name, text in files.items():
        _replace(cluster / name, text, owner)


def _replace(path: Path, text: str, owner: Account) -> None:
    """Write a file of the cluster anew when it says something else.

    The cluster is the account's: what stands there under that name may be a link to elsewhere, so nothing is written
    through it. The new file is made beside the cluster and put in its place.
    """
    if path.is_file() and not path.is_symlink() and path.read_text() == text:
        return
    fresh = path.parent.parent / f"{path.name}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    owner.own(fresh)
    fresh.rename(path)


def _keep(folder: Path) -> None:
    """See that a keeper runs and that the server is ready."""
    child: subprocess.Popen[bytes] | None = None
    if not (_kept(folder) and keeper.server(folder)):
        with keeper.private(folder / keeper.LOG) as log:
            child = subprocess.Popen(
                [sys.executable, "-m", keeper.__name__, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
    deadline = time.monotonic() + _START_SECONDS
    while not (keeper.ready(folder) and _kept(folder)):
        if child is not None and child.poll() is not None and not _kept(folder):
            raise Unavailable(f"The embedded database does not start: {_last_words(folder)}")
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The embedded database is not ready after {_START_SECONDS:g} seconds: {_last_words(folder)}"
            )
        time.sleep(0.02)


def _kept(folder: Path) -> bool:
    """Whether a keeper is at work."""
    with keeper.lock_file(folder, keeper.KEEPER) as file:
        if keeper.locked(file, wait=False, shared=True):
            fcntl.flock(file, fcntl.LOCK_UN)
            return False
    return True


def _run(command: list[Any], owner: Account, stdin: str | None = None) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "LC_ALL": "C"},
        **owner.switch(),
    )
    if done.returncode or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
        lines = [line for line in done.stderr.strip().splitlines() if line] or ["no reason given"]
        said = next((line for line in lines if "ERROR:" in line or "FATAL:" in line), lines[-1])
        raise Unavailable(f"The embedded database cannot be made ({Path(command[0]).name}): {said}.")


def _last_words(folder: Path) -> str:
    """The last line of the server's log that says what is wrong."""
    try:
        lines = (folder / keeper.LOG).read_text(errors="replace").splitlines()[-40:]
    except OSError:
        lines = []
    wrong = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "could not" in line]
    said = (wrong or lines or ["no reason given"])[-1]
    return f"{said.rpartition('] ')[2]} ({folder / keeper.LOG})."


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
