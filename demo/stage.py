"""The stage of the demo: a data folder made new, the real server beside it, the real commands, and check marks.

Commands run in this process through the same ``main`` as the ``provisor`` program, so that sixty of them do not take
sixty starts; the server is a process of its own and everything between the two sides is HTTP.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provisor.cli import main
from provisor.storage import keeper

ROOT = Path(__file__).parents[1]
READY = "Provisor ready on "


class Failed(Exception):
    """A command did not end as it should; the message is what it said."""


class Stage:
    """``keep``: leave everything running at the end."""

    def __init__(self, folder: Path | None = None) -> None:
        self.keep = os.environ.get("KEEP") == "1"
        self.folder = folder or _folder()
        #: What one part of the story leaves for a later one.
        self.memory: dict[str, Any] = {}
        self.checks = self.failures = 0
        self.started = time.monotonic()
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Stage:
        _end_the_last_one(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name in [name for name in os.environ if name.startswith("PROVISOR_")]:
            del os.environ[name]
        os.environ["PROVISOR_DATA"] = str(self.folder / "data")
        os.environ["PROVISOR_DATABASE_GRACE_SECONDS"] = "2"
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None and not self.keep:
            self._server.send_signal(signal.SIGTERM)
            self._server.wait(30)

    def serve(self) -> str:
        """Start the server on a free port; returns its address."""
        words = [
            sys.executable,
            "-c",
            "import sys; from provisor.cli import main; sys.exit(main())",
            "serve",
            "--port",
            "0",
        ]
        log = (self.folder / "server.log").open("w")
        self._server = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True, cwd=ROOT
        )
        (self.folder / "server.pid").write_text(str(self._server.pid))
        line = self._server.stdout.readline() if self._server.stdout else ""
        if not line.startswith(READY):
            raise Failed(f"the server did not start: {(self.folder / 'server.log').read_text().strip()}")
        return line.removeprefix(READY).strip()

    def provisor(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command; returns what it printed. Raises Failed when it ends with another code."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        if code not in codes:
            raise Failed(f"provisor {' '.join(words)} ended with {code}: {err.getvalue().strip() or out.getvalue()}")
        return out.getvalue().strip()

    def json(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        """Run a command with --json; returns what it printed, parsed."""
        return json.loads(self.provisor(*words, "--json", codes=codes))

    def sync(self, app: str) -> Any:
        """Run a cycle, with its progress bar where somebody watches; returns its result."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = main(("sync", app, "--json"))
        if code not in (0, 1):
            raise Failed(f"provisor sync {app} ended with {code}")
        return json.loads(out.getvalue())

    def refused(self, *words: str) -> str:
        """Run a command that must fail; returns its sentence."""
        err = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            code = main(words)
        return err.getvalue().strip() if code == 1 else f"ended with {code}"

    def file(self, name: str, text: str) -> str:
        """A private file on the stage; returns its path."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return str(path)

    def heading(self, text: str) -> None:
        print(f"\n{text}")

    def say(self, text: str) -> None:
        print(f"           {textwrap.shorten(text, 130, placeholder=' …')}")

    def check(self, number: str, text: str, holds: object) -> None:
        """A line of the story with the page's statement and a mark."""
        self.checks += 1
        self.failures += not holds
        print(f"  {'✓' if holds else '✗'} {number.ljust(6)} {text}", flush=True)

    def wait(self, holds: Callable[[], bool], seconds: float = 20) -> float | None:
        """Poll until ``holds``; returns the seconds it took, None when it did not."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if holds():
                return time.monotonic() - started
            time.sleep(0.1)
        return None

    def curtain(self) -> int:
        held = self.checks - self.failures
        if self.keep:
            self._say_where_it_is()
        print(f"\n{held} of {self.checks} checks held, in {time.monotonic() - self.started:.1f} s.")
        return 1 if self.failures else 0

    def _say_where_it_is(self) -> None:
        """What was left running, and how to go on with it and to end it."""
        self.heading("Left running")
        portal = self.json("sign-in", "link")["link"]
        print(f"           the portal, once: {portal}")
        for workspace in self.json("workspace", "list"):
            console = self.json("sign-in", "workspace-link", workspace["name"])["link"]
            print(f"           {workspace['name']}, once, within a quarter of an hour: {console}")
            self.say(f"{workspace['name']}: {workspace['tenantUrl']}")
        self.say(f"go on: export PROVISOR_DATA={self.folder / 'data'}; .venv/bin/provisor app list")
        self.say(f"its log: {self.folder / 'server.log'}; end it: kill {(self.folder / 'server.pid').read_text()}")


def _folder() -> Path:
    """A folder that also the database's account can reach; root's own home is closed to it."""
    if "DEMO_FOLDER" in os.environ:
        return Path(os.environ["DEMO_FOLDER"])
    if os.geteuid() == 0:
        return Path("/var/lib/provisor/demo")
    return ROOT / ".demo"


def _end_the_last_one(folder: Path) -> None:
    """Stop a server that an earlier demo with KEEP=1 left running, if that process still is one."""
    try:
        pid = int((folder / "server.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return
    if b"serve" in command and any(b"provisor" in word for word in command):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        for _ in range(300):
            if not Path(f"/proc/{pid}").exists() and keeper.server(folder / "data") is None:
                return
            time.sleep(0.1)
