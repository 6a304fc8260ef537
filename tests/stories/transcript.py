"""A story by commands: a document whose commands a real shell runs, and whose outputs are what they printed.

The document is its own source: prose and commands are written by hand, each output stands below its command in a
```console block and is recorded. What differs from run to run (ids, times, ports, tokens) is written the same each
time.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

END: Final = "\x01"
#: What the server prints last when it starts; a command that ends with & is waited for until then.
STARTED: Final = "once: "
BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURE: Final = re.compile(r"^!\[[^\]]*\]\(\.\./screens/([\w-]+)\.png\)$", re.MULTILINE)
ADDRESS: Final = "http://127.0.0.1:8080"
#: Pattern → what is written instead.
CHANGING: Final = {
    r"http://127\.0\.0\.1:\d+": ADDRESS,
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "2f6c3a1e-8a44-4c1d-9a53-0d6f7f3f1c55",
    r"\b\d{15,16}\b": "4711000000004711",
    r"token=[\w-]+": "token=…",
    r"\bdapi[0-9a-f]{16,}\b": "dapi…",
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?": "2020-02-01 12:00:00",
    r"\b\d+ requests? in \d+(\.\d+)? s\b": "15 requests in 1.0 s",
    r"\b[0-9a-f]{64}\b": "8c1f…",
}


class Failed(AssertionError):
    """A command ended with another code than 0."""


#: Runs the program in this process; returns its exit code and what it printed.
Program = Callable[[Sequence[str]], tuple[int, str]]
TOLERANT: Final = ' || echo "exit code $?"'


@dataclass(slots=True)
class Shell:
    """One bash for the whole story. A command that is nothing but the program and its words is run by ``program``, as
    the bash would, without the second that each start takes."""

    process: subprocess.Popen[str]
    program: Program
    address: str = ADDRESS

    @classmethod
    def start(cls, folder: Path, environment: dict[str, str], program: Program) -> Shell:
        words = ["bash", "--noprofile", "--norc"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return cls(subprocess.Popen(words, cwd=folder, env=environment, text=True, **pipes), program)  # type: ignore[call-overload]

    def run(self, command: str) -> str:
        """What the command printed, errors included. Raises Failed."""
        there = command.replace("--port 8080", "--port 0").replace(ADDRESS, self.address)
        if (words := _words(there.removesuffix(TOLERANT))) is not None:
            code, said = self.program(words)
            if code and not there.endswith(TOLERANT):
                raise Failed(f"{command} ended with {code}: {said}")
            return f"{said}exit code {code}\n" if code else said
        pipe, out = self._pipes()
        pipe.write(f"{{ {there}\n}} < /dev/null\nprintf '{END}%s\\n' $?\n")
        pipe.flush()
        lines: list[str] = []
        while END not in (line := out.readline()):
            if not line:
                raise Failed(f"{command}: the shell ended, after {''.join(lines)}")
            lines.append(line)
        before, _, code = line.partition(END)
        lines.append(before)
        if code.strip() != "0":
            raise Failed(f"{command} ended with {code.strip()}: {''.join(lines)}")
        while command.endswith("&") and not any(STARTED in line for line in lines):
            lines.append(out.readline())
        if found_address := re.search(r"ready on (http://\S+)", "".join(lines)):
            self.address = found_address[1]
        return "".join(lines)

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout

    def stop(self) -> None:
        """End the shell, and the server that it started."""
        pipe, out = self._pipes()
        pipe.write("kill $(jobs -p); wait; exit\n")
        pipe.close()
        out.read()
        self.process.wait(30)


def _words(command: str) -> list[str] | None:
    """What the program is told; None when it takes a shell to know that."""
    text = command.replace("\\\n", "")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    shell = any(set(word) <= set("();<>|&") for word in words) or any(char in text for char in "*$`")
    return words[1:] if words[:1] == ["provisor"] and not shell else None


def parts(document: str) -> list[str]:
    """The document cut into commands, pictures and everything else; put together again it is the same."""
    found: list[str] = []
    for text in re.split(r"(^```console\n.*?^```$)", document, flags=re.MULTILINE | re.DOTALL):
        found += [text] if BLOCK.fullmatch(text) else re.split(r"(?m)(^!\[[^\n]*\.png\)$)", text)
    return found


def commands(block: str) -> list[str]:
    """The commands of a block, lines that go on included."""
    body = BLOCK.fullmatch(block)
    assert body is not None
    return [command.rstrip("\n") for command in re.findall(r"^\$ ((?:.*\\\n)*.*\n)", body[1], re.MULTILINE)]


def recorded(block: str, shell: Shell) -> str:
    """The block with what its commands print now."""
    said = "".join(f"$ {command}\n{steady(shell.run(command))}" for command in commands(block))
    return f"```console\n{said}```"


def steady(text: str) -> str:
    """What a command printed, without what is another in every run."""
    for pattern, instead in CHANGING.items():
        text = re.sub(pattern, instead, text)
    lines = [line.rstrip() for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines)
