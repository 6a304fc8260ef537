"""The wheel is the whole program: built from the tree, installed where nothing of the tree is, and run.

In ``make test`` the virtual environment borrows the packages of this one; ``make test-wheel`` (``WHEEL_ALONE=1``)
installs the locked requirements into it, as somebody does who has nothing yet.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from installation import READY, end_database, new_place
from provisor import __version__

ROOT = Path(__file__).parents[2]
TREE = ROOT / "src/provisor"
ALONE = bool(os.environ.get("WHEEL_ALONE"))
MAN_PAGE = "share/man/man1/provisor.1"


def build(folder: Path) -> Path:
    """A wheel of the tree in ``folder``, as ``make wheel`` makes it."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1790000000"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("provisor-*.whl"))


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment with the wheel in it, and a data folder of its own."""

    environment: Path
    data: Path

    def run(self, *words: str) -> str:
        done = subprocess.run(
            self.words(*words), env=self.variables(), cwd=self.data.parent, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def words(self, *words: str) -> list[str]:
        return [str(self.environment / "bin/provisor"), *words]

    def variables(self) -> dict[str, str]:
        """None of this process's settings, and no way to the tree."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROVISOR_", "PYTHON"))}
        return {**kept, "PROVISOR_DATA": str(self.data), "PROVISOR_DATABASE_GRACE_SECONDS": "1"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Installed]:
    place = new_place()
    environment = place / "environment"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--python",
        str(environment),
        "install",
    ]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=120)
        if ALONE:
            lock = str(ROOT / "requirements.lock")
            subprocess.run([*pip, "--require-hashes", "-r", lock], check=True, timeout=500)
        else:
            # A folder that is named so names no further ones: the tree, which such a file names in it, stays out.
            packages = next(environment.glob("lib/python*/site-packages"))
            (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        subprocess.run([*pip, "--no-deps", str(wheel)], check=True, timeout=120)
        yield Installed(environment, place / "data")
    finally:
        end_database(place / "data")
        shutil.rmtree(place, ignore_errors=True)


def test_the_wheel_has_every_file_of_the_tree_and_no_other(wheel: Path) -> None:
    tree = {f"provisor/{path.relative_to(TREE)}" for path in TREE.rglob("*") if path.is_file()}
    tree = {name for name in tree if "__pycache__" not in name}
    assert {".sql", ".html", ".js", ".css", ".svg", ".typed"} <= {Path(name).suffix for name in tree}
    about = f"provisor-{__version__}.dist-info"
    names = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    with zipfile.ZipFile(wheel) as opened:
        assert set(opened.namelist()) == (
            tree | {f"{about}/{name}" for name in names} | {f"provisor-{__version__}.data/data/{MAN_PAGE}"}
        )


def test_the_same_tree_makes_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.mark.timeout(900)
def test_the_installed_command_is_the_wheels(installed: Installed) -> None:
    assert installed.run("--version") == f"provisor {__version__}"
    python = str(installed.environment / "bin/python")
    done = subprocess.run(
        [python, "-c", "import provisor; print(provisor.__file__)"],
        env=installed.variables(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert Path(done.stdout.strip()).is_relative_to(installed.environment)
    assert (installed.environment / MAN_PAGE).read_text() == (ROOT / "docs/reference/provisor.1").read_text()


@pytest.mark.timeout(900)
def test_the_installed_server_serves_the_console_and_its_commands_work(installed: Installed) -> None:
    """From an empty data folder: every migration runs, the console comes with its files, an application gets its
    template's mappings and provisions a workspace."""
    server = subprocess.Popen(
        installed.words("serve", "--port", "0"),
        env=installed.variables(),
        cwd=installed.data.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith(READY)
        url = line.removeprefix(READY).strip()
        _console(url)
        _cycle(installed)
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def _console(url: str) -> None:
    with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{url}/", timeout=10) as answer:
        page = answer.read().decode()
    assert "Sign in" in page
    files = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg)[^"]*)"', page)
    assert len(files) >= 4
    for name in files:
        with urllib.request.urlopen(f"{url}{name}", timeout=10) as answer:
            assert answer.status == 200 and answer.read()


def _cycle(installed: Installed) -> None:
    installed.run("workspace", "create", "own", "--admin", "ops@contoso.com")
    token = installed.data.parent / "token.txt"
    token.write_text(installed.run("workspace", "token", "own", "--user", "ops@contoso.com"))
    url = json.loads(installed.run("workspace", "show", "own", "--json"))["tenantUrl"]
    installed.run("app", "create", "Own", "--template", "dataBricks")
    installed.run("app", "set", "Own", "--tenant-url", url, "--secret-token-file", str(token))
    installed.run("directory", "user", "create", "ada@contoso.com", "givenName=Ada", "surname=Lovelace")
    installed.run("app", "assign", "Own", "--user", "ada@contoso.com")
    installed.run("sync", "Own")
    assert "ada@contoso.com" in installed.run("workspace", "users", "own")
