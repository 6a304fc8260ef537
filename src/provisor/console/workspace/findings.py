"""What is worth a look in a workspace: each finding is a sentence, and the page on which it is mended.

Pure: what was read goes in, findings come out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from provisor.console.workspace.access_tokens import Health
from provisor.workspace.edit import Workspace

Level = Literal["good", "look", "bad"]
#: How long a refusal is worth a look, and after how long without a request somebody should ask why.
_LATELY: Final = timedelta(days=1)
_QUIET: Final = timedelta(days=7)
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """``at``: the moment that the sentence ends with, if any; ``next`` and ``path``: what to do, and on which page."""

    area: str
    level: Level
    sentence: str
    at: datetime | None = None
    next: str = ""
    path: str = ""


def examine(
    workspace: Workspace, tokens: Sequence[Health], admins: int, ignored: int, now: datetime
) -> Iterator[Finding]:
    """All findings. ``tokens``: those that were not revoked; ``admins``: how many active ones; ``ignored``: changes of
    the last day that asked for something that stays as it is."""
    yield from _tokens(workspace, tokens)
    yield from _requests(tokens, now)
    if admins == 1:
        sentence = "There is one active admin: whoever that is can be locked out, and nobody else lets them in."
        yield Finding("admins", "look", sentence, next="Make another user an admin", path="/")
    else:
        yield Finding("admins", "good", f"{admins} active admins.")
    if workspace.sign_in_tenant is None:
        sentence = "Nobody signs in through a tenant: admins come with one-time links only."
        yield Finding("sign-in", "look", sentence, next="Settings", path="/settings")
    if ignored:
        sentence = f"{ignored:,} requests of the last day asked for changes of what never changes here, in vain."
        yield Finding("changes", "look", sentence, next="Which ones", path="/audit?action=change+ignored")


def _tokens(workspace: Workspace, tokens: Sequence[Health]) -> Iterator[Finding]:
    if not workspace.tokens_enabled:
        sentence = "Access tokens are turned off: every request with one is refused."
        yield Finding("access tokens", "bad", sentence, next="Turn them on", path="/tokens")
    good = [item for item in tokens if item.state == "good"]
    if not good:
        sentence = "There is no access token that counts: nothing can provision this workspace."
        yield Finding("access tokens", "bad", sentence, next="Generate a token", path="/tokens")
    for state in sorted({item.state for item in tokens} - {"good"}):
        named = _names([item for item in tokens if item.state == state])
        yield Finding("access tokens", "look", f"Refused ({state}): {named}.", next="Revoke or replace", path="/tokens")
    for item in good:
        for warning in item.warnings:
            sentence = f"{_name(item)}: {warning}"
            yield Finding("access tokens", "look", sentence, item.row["expires"], "Generate another token", "/tokens")
    if good and not any(item.warnings for item in good):
        yield Finding("access tokens", "good", f"{_count(len(good))} that will be good for the next two weeks.")


def _requests(tokens: Sequence[Health], now: datetime) -> Iterator[Finding]:
    for item in tokens:
        row = item.row
        # Who got through later has mended it.
        mended = row["last_used"] is not None and row["refused_at"] is not None and row["last_used"] > row["refused_at"]
        if row["refused_at"] is not None and not mended and now - row["refused_at"] < _LATELY:
            sentence = f"{_name(item)} was refused last: {row['refused_status']}, {row['refused_why']}"
            yield Finding("requests", "look", sentence, row["refused_at"], "Access tokens", "/tokens")
    used = [item for item in tokens if item.row["last_used"] is not None]
    if not used:
        sentence = "No request has come with any of the tokens yet."
        yield Finding("requests", "look", sentence, next="The address and a token for the client", path="/tokens")
        return
    last = max(used, key=lambda item: item.row["last_used"])
    quiet = now - last.row["last_used"] > _QUIET
    sentence = f"The last request that got through came with {_name(last)}"
    following = ("Ask whoever runs the client", "/tokens") if quiet else ("", "")
    yield Finding("requests", "look" if quiet else "good", sentence, last.row["last_used"], *following)


def _name(item: Health) -> str:
    return f"“{item.row['comment']}”" if item.row["comment"] else f"a token of {item.row['user_name'] or 'nobody'}"


def _names(items: Sequence[Health]) -> str:
    further = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(_name(item) for item in items[:_NAMED]) + further


def _count(number: int) -> str:
    return "One token" if number == 1 else f"{number:,} tokens"
