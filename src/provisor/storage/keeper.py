"""The process beside the embedded server: starts it, waits until nobody holds the data folder, and stops it.

``python -m provisor.storage.keeper FOLDER`` is started by ``embedded.hold`` and lives as long as the server. It is a
process of its own so that whoever started the server may be killed hard: the kernel gives that process's lock back,
the keeper sees it, and after a grace the server ends too. A keeper that was killed itself is replaced by the next one,
which finds the server running.

Files of a data folder: ``postgresql/`` is the cluster; ``holders`` is locked shared by everybody who uses the database;
``keeper`` is locked by the keeper; ``door`` is locked for a moment by whoever comes or ends it, so that nobody comes in
while the server is being stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import psutil

from provisor.storage.postgres import account, programs

HOLDERS, KEEPER, DOOR = "holders", "keeper", "door"
CLUSTER: Final = "postgresql"
LOG: Final = "postgresql.log"
#: Seconds that the server goes on when nobody uses it any more.
GRACE: Final = 10.0
_POLL: Final = 0.25
_STOP_SECONDS: Final = 60.0
#: The longest pause (seconds) before a server that was killed is started again.
_LONGEST_PAUSE: Final = 10.0
#: Seconds after which one that was killed counts as well again.
_WELL: Final = 600.0


def lock_file(folder: Path, name: str) -> IO[bytes]:
    """An open lock file of a data folder, not locked yet; never inherited by another program."""
    return private(folder / name)


def private(path: Path) -> IO[bytes]:
    """A file to append to that nobody else may open: who cannot open a lock file cannot hold it either."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")


def locked(file: IO[bytes], *, wait: bool = True, shared: bool = False) -> bool:
    """Lock an open file; False when somebody else has it and ``wait`` is not wanted."""
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def door(folder: Path) -> Iterator[None]:
    """The moment in which a data folder's server is started, joined or stopped."""
    with lock_file(folder, DOOR) as file:
        locked(file)
        yield


def server(folder: Path) -> psutil.Process | None:
    """The running server of a data folder: the process id in its file, if that process is one."""
    cluster = folder / CLUSTER
    try:
        process = psutil.Process(int((cluster / "postmaster.pid").read_text().splitlines()[0]))
        command = process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if str(cluster) in command and "postgres" in Path(command[0]).name else None


def ready(folder: Path) -> bool:
    """Whether the server takes connections."""
    return _reported_ready(folder) is not None and server(folder) is not None


def _reported_ready(folder: Path) -> int | None:
    """The process id of the server that last said, in its file, that it takes connections; it may be dead since."""
    try:
        lines = (folder / CLUSTER / "postmaster.pid").read_text().splitlines()
        return int(lines[0]) if lines[7].strip() == "ready" else None
    except (OSError, ValueError, IndexError):
        return None


def main(folder: Path) -> int:
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    grace = float(os.environ.get("PROVISOR_DATABASE_GRACE_SECONDS") or GRACE)
    with lock_file(folder, KEEPER) as mine, lock_file(folder, HOLDERS) as holders:
        if not locked(mine, wait=False):
            return 0
        child = _start(folder) if server(folder) is None else None
        alone_since: float | None = None
        was_ready, deaths, began = child is None, 0, time.monotonic()
        while True:
            time.sleep(_POLL)
            if not _is_still(folder / KEEPER, mine):
                # The data folder was removed, and perhaps another one stands in its place: that one is not ours.
                if child is not None:
                    child.kill()
                return 1
            was_ready = was_ready or (child is not None and _reported_ready(folder) == child.pid)
            if not _lives(folder, child):
                if not was_ready:
                    # It does not start at all: its log says why.
                    return 1
                # Killed from outside. Whoever holds the data folder still needs it, however often that happens.
                deaths = deaths if time.monotonic() - began < _WELL else 0
                time.sleep(min(_POLL * 2**deaths, _LONGEST_PAUSE))
                child, deaths, began = _start(folder), deaths + 1, time.monotonic()
            if not locked(holders, wait=False):
                alone_since = None
                continue
            fcntl.flock(holders, fcntl.LOCK_UN)
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since >= grace and _ended(folder, holders, child):
                return 0


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether ``path`` is the file that was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def _lives(folder: Path, child: subprocess.Popen[bytes] | None) -> bool:
    return child.poll() is None if child is not None else server(folder) is not None


def _start(folder: Path) -> subprocess.Popen[bytes]:
    owner = account()
    cluster = folder / CLUSTER
    _forget_a_number_in_use(cluster)
    with private(folder / LOG) as log:
        return subprocess.Popen(
            [str(programs(owner) / "postgres"), "-D", str(cluster)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **owner.switch(),
        )


def _forget_a_number_in_use(cluster: Path) -> None:
    """Remove a dead server's file when its process id is a stranger's now: PostgreSQL would take that for itself.

    Otherwise the file stays: with it PostgreSQL finds backends of the dead server that are still at work.
    """
    file = cluster / "postmaster.pid"
    try:
        taken = psutil.pid_exists(int(file.read_text().splitlines()[0]))
    except (OSError, ValueError, IndexError):
        return
    if taken and not any(process.info["cwd"] == str(cluster) for process in psutil.process_iter(["cwd"])):
        file.unlink()


def _ended(folder: Path, holders: IO[bytes], child: subprocess.Popen[bytes] | None) -> bool:
    """Stop the server, unless somebody has come in meanwhile."""
    with door(folder):
        if not locked(holders, wait=False):
            return False
        process = server(folder)
        if process is not None:
            with contextlib.suppress(psutil.Error):
                # Fast shutdown: sessions are ended, everything is written.
                process.send_signal(signal.SIGINT)
            with contextlib.suppress(psutil.TimeoutExpired, psutil.Error, subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS) if child is None else child.wait(_STOP_SECONDS)
        fcntl.flock(holders, fcntl.LOCK_UN)
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
