"""The task that seals the audit log while a server runs, about once a second."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from provisor.audit.seal import MOST, seal
from provisor.storage.pool import Database

_SECONDS: Final = 1.0
_AFTER_A_FAULT: Final = 30.0
log = structlog.get_logger(__name__)


async def keep_sealed(database: Database) -> None:
    """Seal what is committed until cancelled. That a round fails is logged and tried again: nothing is lost by it."""
    while True:
        try:
            async with database.transaction() as tx:
                count = await seal(tx)
        except Exception as error:
            # Nobody's access may depend on the seal; verify says how much is not sealed.
            log.error("the audit log is not sealed now", error=type(error).__name__)
            await asyncio.sleep(_AFTER_A_FAULT)
            continue
        if count < MOST:
            await asyncio.sleep(_SECONDS)
