"""A backup is a dump of the whole database, made and read by PostgreSQL's own programs; keys are not in it.

``pg_dump`` makes it; ``pg_restore`` reads it, and ``psql`` carries out what that says, in one transaction.
They come with the embedded PostgreSQL, so that no others are needed. A password goes to them in the environment, never
on a command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from provisor.refusal import Conflict, Invalid, Unavailable
from provisor.storage.postgres import client

#: What begins a dump in PostgreSQL's custom format.
_MAGIC: Final = b"PGDMP"
_UNKNOWN_BEFORE_17: Final = b"SET transaction_timeout = 0;\n"
#: Where that setting may stand; no data of anybody's are there.
_HEAD_LINES: Final = 20
_PIECE: Final = 65536


async def dump(dsn: str, path: Path) -> int:
    """Write the database of ``dsn`` to ``path``, whole or not at all; returns its size in bytes.

    Raises Conflict when there is such a file already, Invalid for a place that cannot be written, Unavailable.
    """
    part = await asyncio.to_thread(_begun, path)
    try:
        await _run("pg_dump", dsn, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        await _run("pg_restore", None, "--list", str(part))
        return await asyncio.to_thread(lambda: part.rename(path).stat().st_size)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)


def _begun(path: Path) -> Path:
    """An empty file beside ``path``, which nobody else may read."""
    if path.exists():
        raise Conflict(f"{path} is there already: name a new file.")
    part = path.with_name(f"{path.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from None
    return part


async def load(dsn: str, path: Path) -> None:
    """Make the database of ``dsn`` what the backup says, in one transaction. Raises Unavailable."""
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--exit-on-error", "--file=-")
    open_dsn, environment = _apart(dsn)
    reader = await _started("pg_restore", *options, str(path), stdout=PIPE)
    writer = await _started(
        "psql", f"--dbname={open_dsn}", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1",
        "--file=-", stdin=PIPE, environment=environment,
    )  # fmt: skip
    assert reader.stderr and writer.stderr
    said, refused, _ = await asyncio.gather(reader.stderr.read(), writer.stderr.read(), _passed_on(reader, writer))
    await writer.wait()
    # Each may have ended the other: the one with something to say is the one that failed.
    if said or not refused:
        _check("pg_restore", reader.returncode, said)
    _check("psql", writer.returncode, refused)


async def _passed_on(reader: Process, writer: Process) -> None:
    """The statements of a backup to whoever carries them out; to the end, or nothing of it counts.

    pg_restore of PostgreSQL 17 and later begins with a setting that servers before 17 do not know.
    """
    assert reader.stdout and writer.stdin
    try:
        for _ in range(_HEAD_LINES):
            line = await reader.stdout.readline()
            if line != _UNKNOWN_BEFORE_17:
                writer.stdin.write(line)
        while piece := await reader.stdout.read(_PIECE):
            writer.stdin.write(piece)
            await writer.stdin.drain()
    except ConnectionError:
        # Whoever carries them out has refused one, and says so.
        _killed(reader)
    if await reader.wait():
        # The end of what came would be taken for the end of the backup, and committed.
        _killed(writer)
    writer.stdin.close()


def _killed(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


def check(path: Path) -> None:
    """Raises Invalid when ``path`` is no backup."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from None
    if magic != _MAGIC:
        raise Invalid(f"{path} is no backup that provisor backup made.")


def _apart(dsn: str) -> tuple[str, dict[str, str]]:
    """A database's address without its password, and the variable that has it. All else stays as it is written: put
    together anew, an address without a host (``postgresql:///name?host=/run``) would lose its slashes."""
    address = urlsplit(dsn)
    if address.password is None:
        return dsn, {}
    user = f"{address.username}@" if address.username else ""
    rest = dsn.partition("://")[2].removeprefix(address.netloc)
    open_dsn = f"{address.scheme}://{user}{address.netloc.rpartition('@')[2]}{rest}"
    return open_dsn, {"PGPASSWORD": unquote(address.password)}


async def _run(program: str, dsn: str | None, *words: str) -> None:
    open_dsn, environment = _apart(dsn) if dsn is not None else ("", {})
    if open_dsn:
        words = (f"--dbname={open_dsn}", *words)
    process = await _started(program, *words, environment=environment)
    _, said = await process.communicate()
    _check(program, process.returncode, said)


async def _started(
    program: str,
    *words: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    stdin: int = DEVNULL,
    stdout: int = DEVNULL,
) -> Process:
    variables = {**os.environ, "PGCONNECT_TIMEOUT": "10", **environment}
    return await asyncio.create_subprocess_exec(
        client(program), *words, env=variables, stdin=stdin, stdout=stdout, stderr=PIPE
    )


def _check(program: str, code: int | None, said: bytes) -> None:
    if code:
        lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        raise Unavailable(f"{program} failed: {lines[0][:300] if lines else code}")
