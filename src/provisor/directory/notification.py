"""An application's *Notification Email*: who hears by mail of its quarantine, beside whom the server tells of any."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from provisor.directory.applications import Application
from provisor.refusal import Invalid

MOST: Final = 10
_LONGEST: Final = 254
#: What mail servers take without being asked whether they do: no names, no quotes, no letters beyond ASCII (RFC 5321).
#: Nor an encoded word, which is another text to whoever reads the mail's header (RFC 2047).
_ADDRESS: Final = re.compile(
    r"(?!.*=\?)(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*",
    re.ASCII,
)
#: What is said where the server has no way to send any.
NO_MAIL_SERVER: Final = (
    "This server has no mail server set (smtp_url): nothing is sent until whoever runs the installation sets one."
)


def addresses(text: str) -> tuple[str, ...]:
    """The addresses in a text, with commas or semicolons between. Raises Invalid."""
    found = tuple(dict.fromkeys(part.strip() for part in text.replace(";", ",").split(",") if part.strip()))
    for address in found:
        if len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
            raise Invalid(f"{address[:80]!r} is no e-mail address like ops@contoso.com; write a comma between two.")
    if len(found) > MOST:
        raise Invalid(f"{len(found)} addresses are too many: at most {MOST} hear of an application. Use a list's.")
    return found


def told(current: Application, recipients: tuple[str, ...], *, on: bool) -> Application:
    """``current`` with these recipients, who hear of it while it is ``on``."""
    return replace(current, notification_email=recipients, notification_on=on and bool(recipients))
