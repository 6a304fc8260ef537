"""An installation of its own for tests: a data folder, the real commands, the real server, and what they say."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisor.cli import main

READY = "Provisor ready on "
PROGRAM = [sys.executable, "-c", "import sys; from provisor.cli import main; sys.exit(main())"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Installation:
    """``folder`` is a data folder; ``url`` is the server's address once it runs."""

    folder: Path
    url: str = ""
    server: subprocess.Popen[str] | None = None

    def command(self, *words: str) -> Ended:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with self.environment(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        return Ended(code, out.getvalue(), err.getvalue())

    def run(self, *words: str) -> str:
        """Run a command that succeeds; returns what it printed."""
        ended = self.command(*words)
        assert ended.code == 0, f"provisor {' '.join(words)}: {ended.code} {ended.err}"
        return ended.out.strip()

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    def refused(self, *words: str, code: int = 1) -> str:
        """Run a command that fails with ``code``; returns its one sentence."""
        ended = self.command(*words)
        assert ended.code == code, f"provisor {' '.join(words)}: {ended.code} {ended.out} {ended.err}"
        assert ended.err.startswith("provisor: ")
        assert "Traceback" not in ended.err
        return ended.err.removeprefix("provisor: ").strip()

    def process(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        with self.environment():
            return subprocess.Popen(
                [*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
            )

    @contextlib.contextmanager
    def worker(self) -> Iterator[subprocess.Popen[str]]:
        """A worker, killed in the end."""
        process = self.process("worker")
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "Provisor worker ready\n"
            yield process
        finally:
            process.kill()
            process.communicate()

    def serve(self, *words: str) -> str:
        """Start the server on a free port; returns its address."""
        with self.environment(), (self.folder.parent / "server.log").open("a") as log:
            self.server = subprocess.Popen(
                [*PROGRAM, "serve", "--port", "0", *words], stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line.startswith(READY), (self.folder.parent / "server.log").read_text()
        self.url = line.removeprefix(READY).strip()
        return self.url

    def stop(self) -> int:
        """End the server in order; returns its exit code."""
        assert self.server is not None
        self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(30)
        self.server = None
        return code

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """Only this installation's settings."""
        before = dict(os.environ)
        for name in [name for name in os.environ if name.startswith("PROVISOR_")]:
            del os.environ[name]
        os.environ["PROVISOR_DATA"] = str(self.folder)
        os.environ["PROVISOR_DATABASE_GRACE_SECONDS"] = "1"
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def installation(place: Path | None = None) -> Iterator[Installation]:
    """A new data folder, in a place that the database's account can reach; gone at the end, server and all."""
    place = place or new_place()
    made = Installation(place / "data")
    try:
        yield made
    finally:
        if made.server is not None:
            made.stop()
        end_database(made.folder)
        shutil.rmtree(place, ignore_errors=True)


def new_place() -> Path:
    """A folder for an installation."""
    place = Path(tempfile.mkdtemp(prefix="provisor-test-"))
    place.chmod(0o711)
    return place


def end_database(folder: Path) -> None:
    """Stop the embedded server of a data folder now, and wait until it is gone."""
    from provisor.storage import keeper

    process = keeper.server(folder)
    if process is not None:
        process.send_signal(signal.SIGINT)
        process.wait(30)
