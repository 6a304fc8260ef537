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
#: A server that ends this soon (seconds) after its start will not start the next time either.
_TOO_SHORT: Final = 5.0


def lock_file(folder: Path, name: str) -> IO[bytes]:
    """An open lock file of a data folder, not locked yet; never inherited by another program."""
    return (folder / name).open("ab")


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
    """Whether the server takes connections (the last line of its file says so)."""
    try:
        lines = (folder / CLUSTER / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready" and server(folder) is not None


def main(folder: Path) -> int:
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    grace = float(os.environ.get("PROVISOR_DATABASE_GRACE_SECONDS") or GRACE)
    with lock_file(folder, KEEPER) as mine, lock_file(folder, HOLDERS) as holders:
        if not locked(mine, wait=False):
            return 0
        child = _start(folder) if server(folder) is None else None
        born = time.monotonic()
        alone_since: float | None = None
        while True:
            if not _lives(folder, child):
                if time.monotonic() - born < _TOO_SHORT:
                    return 1
                # Killed from outside: whoever holds the data folder still needs it.
                child, born = _start(folder), time.monotonic()
            time.sleep(_POLL)
            if not locked(holders, wait=False):
                alone_since = None
                continue
            fcntl.flock(holders, fcntl.LOCK_UN)
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since >= grace and _ended(folder, holders, child):
                return 0


def _lives(folder: Path, child: subprocess.Popen[bytes] | None) -> bool:
    return child.poll() is None if child is not None else server(folder) is not None


def _start(folder: Path) -> subprocess.Popen[bytes]:
    owner = account()
    cluster = folder / CLUSTER
    _forget_a_number_in_use(cluster)
    with (folder / LOG).open("ab") as log:
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
