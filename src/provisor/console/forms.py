"""What a form sends: ``application/x-www-form-urlencoded`` with a limit, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request

from provisor.refusal import Invalid

LARGEST: Final = 1024 * 1024
MOST_FIELDS: Final = 5000


@dataclass(frozen=True, slots=True)
class Form:
    """Field → its values in their order."""

    fields: Mapping[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The (last) value without blanks around it; empty when there is none."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """The (last) value as it was typed."""
        return self.fields.get(name, [""])[-1]

    def every(self, name: str) -> list[str]:
        return list(self.fields.get(name, ()))

    def ids(self, name: str) -> list[UUID]:
        """The values as object ids. Raises Invalid."""
        try:
            return [UUID(value) for value in self.every(name)]
        except ValueError:
            raise Invalid("One of the ticked rows is no object: load the page again.") from None

    def id(self, name: str) -> UUID:
        """The value as an object id. Raises Invalid."""
        found = self.ids(name)
        if len(found) != 1:
            raise Invalid("It is not said whom this is about: load the page again.")
        return found[0]

    def ticked(self, name: str) -> bool:
        return bool(self.text(name))

    def number(self, name: str, what: str) -> int:
        """A whole number, 0 when the field is empty. Raises Invalid."""
        text = self.text(name)
        try:
            return int(text or 0)
        except ValueError:
            raise Invalid(f"{what} must be a whole number, not {text[:40]!r}.") from None


async def read(request: Request) -> Form:
    """The form in the request's body. Raises Invalid."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Invalid("This page takes forms only.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise Invalid(f"A form has at most {LARGEST // 1024} KiB.")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise Invalid("The form cannot be read.") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise Invalid(f"{name[:40]} contains a zero byte.")
        fields.setdefault(name, []).append(value)
    return Form(fields)
