"""A list as a CSV file that is made while it is downloaded."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse


def spreadsheet(name: str, parts: AsyncIterator[str]) -> Response:
    """The answer that is saved as a file called ``name``, of ``parts`` of its text."""

    async def text() -> AsyncIterator[str]:
        # The mark at the beginning tells spreadsheets that it is UTF-8.
        yield "\ufeff"
        async for part in parts:
            yield part

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(text(), media_type="text/csv", headers=headers)
