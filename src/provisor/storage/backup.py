"""A backup is a dump of the whole database, made and read by PostgreSQL's own programs; keys are not in it.

They come with the embedded PostgreSQL, so that no others are needed. A password goes to them in the environment, never
on a command line.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from provisor.refusal import Conflict, Invalid, Unavailable
from provisor.storage.postgres import client

#: What begins a dump in PostgreSQL's custom format.
_MAGIC: Final = b"PGDMP"


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
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    await _run("pg_restore", dsn, *options, str(path))


def check(path: Path) -> None:
    """Raises Invalid when ``path`` is no backup."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from None
    if magic != _MAGIC:
        raise Invalid(f"{path} is no backup that provisor backup made.")


def _apart(dsn: str) -> tuple[str, str | None]:
    """A database's address without its password, and that. All else stays as it is written: put together anew, an
    address without a host (``postgresql:///name?host=/run``) would lose its slashes."""
    address = urlsplit(dsn)
    if address.password is None:
        return dsn, None
    user = f"{address.username}@" if address.username else ""
    rest = dsn.partition("://")[2].removeprefix(address.netloc)
    return f"{address.scheme}://{user}{address.netloc.rpartition('@')[2]}{rest}", unquote(address.password)


async def _run(program: str, dsn: str | None, *words: str) -> None:
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
    if dsn is not None:
        open_dsn, password = _apart(dsn)
        if password is not None:
            environment["PGPASSWORD"] = password
        words = (f"--dbname={open_dsn}", *words)
    process = await asyncio.create_subprocess_exec(
        client(program), *words, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode:
        lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        raise Unavailable(f"{program} failed: {lines[0][:300] if lines else process.returncode}")
