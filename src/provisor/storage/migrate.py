"""Migrations: forwards only, at start, by whoever opens the database first.

The revisions are plain SQL files (``migrations/versions``) run by Alembic. A database that is up to date costs one
SELECT; only one that is behind imports Alembic. One made by a newer Provisor is refused.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncpg

from provisor.refusal import Unavailable

FOLDER = Path(__file__).parent / "migrations"
#: Two processes that start at once: the second waits for this advisory lock, then finds nothing to do.
LOCK = 0x50726F7669736F72


def head() -> str:
    """The newest revision in this release: the highest number among the files."""
    return max(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.sql"))


async def migrate(connection: asyncpg.Connection, dsn: str) -> None:
    """Bring the database at ``dsn`` to :func:`head`. Raises Unavailable when a newer Provisor made it."""
    current = await current_revision(connection)
    if current == head():
        return
    if current is not None and current > head():
        raise Unavailable(
            f"The database is at revision {current}, made by a newer Provisor than this one ({head()}): "
            "install that version or restore a backup of before."
        )
    await asyncio.to_thread(upgrade, dsn)


async def current_revision(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    version: str | None = await connection.fetchval("select version_num from alembic_version")
    return version


def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the database at ``dsn`` to a revision; nothing to do when it is there already."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, pool, text

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = create_engine(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", dsn), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"select pg_advisory_xact_lock({LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()
