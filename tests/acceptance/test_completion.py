"""Completion as somebody at a terminal has it: a bash that reads keys, the script it is given, and Tab."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from installation import PROGRAM
from provisor.cli import main


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with the command ``provisor`` in it, as an installation puts it on the PATH."""
    words = " ".join(f"'{word}'" for word in PROGRAM)
    (tmp_path / "provisor").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (tmp_path / "provisor").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("provisor compl", "provisor completion "),
        ("provisor --data /x app own", "provisor --data /x app owner "),
        ("provisor app set Jira --secret", "provisor app set Jira --secret-token-file "),
        ("provisor --database", "provisor --database-url "),
        ("provisor completion fi", "provisor completion fish "),
    ],
)
def test_bash_completes_what_is_begun(program: Path, typed: str, whole: str) -> None:
    screen = _at_a_terminal(program, typed, until=whole)
    assert whole in screen, screen


def _at_a_terminal(program: Path, typed: str, *, until: str) -> str:
    """What a terminal shows after ``typed`` and Tab; waits for ``until``, half a minute at most."""
    path = f"{program}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PS1": "READY ", "TERM": "dumb", "INPUTRC": os.devnull}
    keyboard, terminal = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        os.write(keyboard, b'eval "$(provisor completion bash)"; echo taken"" in\n')
        _read(keyboard, until="taken in")
        os.write(keyboard, f"{typed}\t".encode())
        return _read(keyboard, until=until)
    finally:
        shell.kill()
        shell.wait()
        os.close(keyboard)


def _read(keyboard: int, *, until: str) -> str:
    seen, last = "", time.monotonic() + 30
    while until not in seen and time.monotonic() < last:
        if select.select([keyboard], [], [], 0.2)[0]:
            seen += os.read(keyboard, 4096).decode(errors="replace")
    return seen


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed_for_each_shell(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    named = capsys.readouterr().out
    assert f"=complete_{shell}" in named
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert main(["completion"]) == 0
    assert capsys.readouterr().out == named


def test_another_shell_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    for words, said in ((["completion"], "tcsh"), (["completion", "ksh"], "ksh")):
        assert main(words) == 64
        assert capsys.readouterr().err == (
            f"provisor: Invalid value: {said} has no completion here: name one of bash, zsh, fish. "
            "See provisor completion --help.\n"
        )


def test_there_is_one_way_to_have_it_and_the_module_is_the_command() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "provisor", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "provisor [OPTIONS] COMMAND" in said.replace("  ", " ") and "install-completion" not in said
