"""Connections to PostgreSQL: a pool that speaks JSON, and transactions.

    async with database.transaction() as tx:
        await tx.execute(QUERIES.user_insert, …)

``jsonb`` goes in and comes out as Python values (orjson). Waiting for a lock and running a statement have limits, so
that no request hangs for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

import asyncpg
import orjson

from provisor.refusal import Unavailable

#: A connection inside a transaction; what every function that reads or writes tables takes first.
Tx: TypeAlias = "asyncpg.Connection"
Row: TypeAlias = "asyncpg.Record"

#: What a statement raises while the database is too busy or not there: the same may go well a moment later.
BUSY: Final = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    # The database takes no changes, but it can be read.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
)
#: What a statement raises for a value that no column takes.
UNFIT: Final = asyncpg.DataError
#: What a statement can raise, whatever the reason, for those who go on without the database for a while.
AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_SETTINGS = {
    "application_name": "provisor",
    "timezone": "UTC",
    "statement_timeout": "60s",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
    # The planner's just-in-time compilation costs more than every statement here takes.
    "jit": "off",
}


def busy(error: Exception) -> str:
    """What is the matter with the database, for one of :data:`BUSY`, in a sentence with what to do."""
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return "The database is read-only now: it can be read, and takes no changes."
    if isinstance(error, asyncpg.DiskFullError | asyncpg.PostgresSystemError):
        return "The database's disk is full or broken: it can be read, and takes no changes until that is mended."
    return "The database does not answer now: try again."


class Database:
    """A pool of connections. Made by :func:`connect`, closed by whoever made it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection for single statements that only read."""
        async with self._pool.acquire() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """Several reads that see the same moment; writes are refused by the database."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[tuple[asyncio.Event, Callable[[], bool]]]:
        """An event that is set when somebody notifies ``channel``, and when the connection for it is lost; and whether
        it is lost."""
        heard, broken = asyncio.Event(), asyncio.Event()

        def hear(*_: object) -> None:
            heard.set()

        def lose(*_: object) -> None:
            broken.set()
            heard.set()

        async with self._pool.acquire() as connection:
            await connection.add_listener(channel, hear)
            connection.add_termination_listener(lose)
            try:
                yield heard, broken.is_set
            finally:
                # What the driver says of a connection that is being lost must not take the place of why this ends.
                with suppress(*AWAY):
                    connection.remove_termination_listener(lose)
                    await connection.remove_listener(channel, hear)

    async def close(self) -> None:
        await self._pool.close()


async def connect(arguments: dict[str, Any], *, size: int = 10) -> Database:
    """Open a pool. ``arguments`` are asyncpg's (``dsn``, or ``host``, ``user``, …). Raises Unavailable."""
    try:
        pool = await asyncpg.create_pool(
            **arguments,
            min_size=1,
            max_size=size,
            init=_speak_json,
            reset=_leave_as_it_is,
            server_settings=_SETTINGS,
            command_timeout=90,
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise Unavailable(f"The database does not answer: {error}.") from error
    return Database(pool)


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """Nothing here sets, listens or locks for a session, so giving a connection back costs no statement.

    A transaction that was left open is rolled back by asyncpg itself.
    """


async def _speak_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        # Binary jsonb is one version byte before the text.
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
    )
