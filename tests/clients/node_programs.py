"""Programs of node's beside this module, with the libraries that ``package-lock.json`` names: what they are told and
say is JSON, a line each."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node") or ""
#: Why there is nothing to try, empty when there is.
MISSING = (
    "There is no node on the path."
    if not NODE
    else ""
    if (HERE / "node_modules").is_dir()
    else "oidc-provider and openid-client are not installed: make test-clients does it, where there is npm."
)
needs_node = pytest.mark.skipif(bool(MISSING), reason=MISSING)


class Told(Exception):
    """What a program was refused with: the library's error, by its parts."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(str(said))
        self.said = said


@dataclass(slots=True)
class Program:
    process: subprocess.Popen[str]

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the program has ended with {self.process.wait(10)}"
        found: dict[str, Any] = json.loads(line)
        return found

    def do(self, what: str, **given: Any) -> dict[str, Any]:
        """Raises Told."""
        assert self.process.stdin is not None
        print(json.dumps({"what": what, **given}), file=self.process.stdin, flush=True)
        said = self.read()
        if "refused" in said:
            raise Told(said["refused"])
        done: dict[str, Any] = said["done"]
        return done


@contextlib.contextmanager
def running(name: str, *words: str) -> Iterator[Program]:
    """A program, until the end of the block."""
    process = subprocess.Popen(
        [NODE, str(HERE / name), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Program(process)
    finally:
        process.terminate()
        process.communicate(timeout=10)
