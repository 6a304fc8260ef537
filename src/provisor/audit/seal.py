"""The seal of the audit log: a chain of hashes over its rows.

Rows are chained in the order of their transactions, once these and all before them have ended. They commit with
their change and are chained within a second of it: a chain inside every transaction would let writers wait for each
other. Each hash is of the one before it and of a whole row, so that whoever changes, removes or slips in
a row later leaves a chain that does not add up; whoever cuts off its end is found by a head that was noted before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from provisor.refusal import Invalid
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("seal")
#: Rows that are chained in one transaction.
MOST: Final = 5_000
_START: Final = b"\x00" * 32
_FIELDS: Final = (
    "id",
    "realm",
    "at",
    "actor",
    "address",
    "request",
    "action",
    "object",
    "object_id",
    "before",
    "after",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``head`` is the end of the chain as text, ``unsealed`` how many rows wait behind it, ``fault`` a sentence."""

    sealed: int
    head: str
    unsealed: int
    fault: str | None


async def seal(tx: Tx) -> int:
    """Chain rows whose changes are committed; returns how many. One process at a time does it, others do nothing."""
    if not await tx.fetchval(QUERIES.seal_lock):
        return 0
    head = await tx.fetchrow(QUERIES.seal_head)
    position, before = (head["position"], head["hash"]) if head else (0, _START)
    if head and head["restored"]:
        rows = await tx.fetch(QUERIES.unsealed_restored, head["id"], MOST)
    else:
        rows = await tx.fetch(QUERIES.unsealed, head["transaction"] if head else -1, head["id"] if head else 0, MOST)
    hashes = []
    for row in rows:
        before = _chained(before, row)
        hashes.append(before)
    first = position + 1
    await tx.execute(QUERIES.seal, list(range(first, first + len(rows))), [row["id"] for row in rows], hashes)
    return len(rows)


async def verify(tx: Tx, noted: str | None = None) -> Verdict:
    """Whether every sealed row is what it was; ``noted`` is a head (``POSITION:HASH``) that must be part of the chain.

    ``tx`` is a transaction that sees one moment. Raises Invalid for a head that is none.
    """
    position, wanted = _read(noted) if noted else (0, "")
    found = ""
    count, before = 0, _START
    cursor = await tx.cursor(QUERIES.sealed)
    fault = None
    while fault is None and (rows := await cursor.fetch(MOST)):
        for row in rows:
            count += 1
            fault = _fault(row, count, before)
            if fault is not None:
                break
            before = row["hash"]
            if row["position"] == position:
                found = before.hex()
    unsealed, slipped_in = await tx.fetchrow(QUERIES.unsealed_count)
    if fault is None and slipped_in is not None:
        fault = f"Row {slipped_in} was put in among rows that were sealed before it."
    if fault is None and noted and found != wanted:
        fault = f"The head that was noted is not part of the chain: what was sealed as {position} is gone or another."
    return Verdict(count, f"{count}:{before.hex()}", unsealed, fault)


def _fault(row: Mapping[str, Any], position: int, before: bytes) -> str | None:
    if row["position"] != position:
        return f"Seal {position} is missing."
    if row["id"] is None:
        return f"Row {row['entry']} is gone."
    if _chained(before, row) != row["hash"]:
        return f"Row {row['entry']} ({row['at']:%Y-%m-%d %H:%M:%S}, {row['action']}) is not what it was."
    return None


def _chained(before: bytes, row: Mapping[str, Any]) -> bytes:
    whole = orjson.dumps([row[name] for name in _FIELDS], option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hashlib.sha256(before + whole).digest()


def _read(noted: str) -> tuple[int, str]:
    position, _, digest = noted.partition(":")
    if not position.isdecimal() or len(position) > 18 or len(digest) != 64:
        raise Invalid(f"{noted[:80]} is no head: it looks like 1234:9f86d0… as audit verify shows it.")
    return int(position), digest.lower()
