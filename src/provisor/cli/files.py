"""JSON that a command is given in a file or an option."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from provisor.refusal import Invalid

_MOST_BYTES: Final = 8 * 1024 * 1024


def json_file(file: Path, *, most: int = _MOST_BYTES) -> Any:
    """The value in a file. Raises Invalid naming it, OSError when it cannot be read."""
    return json_value(file.read_bytes(), str(file), most=most)


def json_value(data: bytes, where: str, *, most: int = _MOST_BYTES) -> Any:
    """The value that ``data`` says; ``where`` is what it is called. Raises Invalid."""
    from provisor import jsongate

    try:
        return jsongate.loads(data, limit=most)
    except jsongate.JsonError as error:
        raise Invalid(f"{where} is not JSON that can be used: {error}") from None
