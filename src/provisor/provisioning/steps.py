"""One row of the log as the steps that led to it (entra.md §7.1): import, scoping, matching, processing, export.

A row is what ``sync.records`` stores: a Change, and what came of it. Pure: the words are made when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from provisor.provisioning.change import Change

StepType = Literal["import", "scoping", "matching", "processing", "referenceResolution", "export"]
Status = Literal["success", "failure", "skipped", "warning"]

#: Action → the end of the step's name, what is to be done, and what was, as the ends of sentences.
_DOING: Final = {
    "create": ("Add", "to be created", "was created"),
    "update": ("Update", "to be changed", "was changed"),
    "link": ("Update", "to be linked", "was linked"),
    "disable": ("Update", "to be disabled", "was disabled"),
    "delete": ("Delete", "to be deleted", "was deleted"),
    "unlink": ("Update", "to be left where it is", "was left where it is"),
    "add members": ("Update", "to get members", "got members"),
    "remove members": ("Update", "to lose members", "lost members"),
    "update references": ("Update", "to get another manager", "got another manager"),
}
_REFERENCES: Final = frozenset({"add members", "remove members", "update references"})
_NO_REQUEST: Final = frozenset({"link", "unlink"})


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    type: StepType
    status: Status
    description: str


def steps(change: Change, status: str | None, message: str | None) -> list[Step]:
    """The steps of ``change``; ``status`` and ``message`` are what came of it, None as long as it is not done."""
    return list(_steps(change, status, message))


def _steps(change: Change, status: str | None, message: str | None) -> Iterator[Step]:
    what = f"{change.object_type} '{change.source_name}'"
    yield Step("EntryImport", "import", "success", f"Retrieved {what} from the directory")
    if change.scope:
        yield Step("EntrySynchronizationScoping", "scoping", "success", f"{what} {change.scope}")
    if change.action in _REFERENCES:
        yield Step("EntrySynchronizationUpdate", "referenceResolution", "success", f"{what}: {change.reason}")
    else:
        if change.match or change.action == "create":
            found = change.match or "no account has its matching attributes"
            yield Step("EntryMatching", "matching", "success", f"{what}: {found}")
        yield _processing(change, what)
    if change.action not in _DOING or change.action in _NO_REQUEST:
        return
    end, wanted, done = _DOING[change.action]
    if status is None:
        return
    said = f": {message}" if message else ""
    outcome: Status = "failure" if status == "failure" else "skipped" if status == "skipped" else "success"
    told = f"{done} at the target" if outcome == "success" else f"was {wanted} at the target, and was not"
    yield Step(f"EntryExport{end}", "export", outcome, f"{what} {told}{said}")


def _processing(change: Change, what: str) -> Step:
    if change.action == "refuse":
        return Step("EntrySynchronizationError", "processing", "failure", f"{what} is refused: {change.reason}")
    if change.action == "drift":
        return Step("EntrySynchronizationSkip", "processing", "warning", f"{what} {change.reason}")
    if change.action not in _DOING:
        return Step("EntrySynchronizationSkip", "processing", "skipped", f"{what} is skipped: {change.reason}")
    end, wanted, _ = _DOING[change.action]
    return Step(f"EntrySynchronization{end}", "processing", "success", f"{what} is {wanted}: {change.reason}")


def error_code(change: Change, status: str | None, message: str | None) -> str | None:
    """Entra ID's word for what went wrong; None when nothing did."""
    if change.action != "refuse" and status != "failure":
        return None
    said = f"{change.reason} {message or ''}"
    for part, code in _CODES:
        if part in said:
            return code
    return "EntrySynchronizationError" if change.action == "refuse" else "InternalError"


_CODES: Final = (
    ("several accounts have", "DuplicateTargetEntries"),
    ("is promised to another object", "DuplicateSourceEntries"),
    ("two cannot share one account", "DuplicateSourceEntries"),
    ("is required and has no value", "MandatoryFieldsMissing"),
    ("no matching attribute has a value", "ImportSkipped"),
    ("was answered 409", "EntryConflict"),
    ("was answered 429", "TooManyRequests"),
    ("was answered 401", "Unauthorized"),
    ("was answered 403", "InsufficientRights"),
    ("was answered 404", "InvalidAnchor"),
    ("was answered 405", "MethodNotAllowed"),
    ("was answered 422", "UnprocessableEntity"),
    ("was answered 501", "NotImplemented"),
    ("did not answer within", "Timeout"),
    ("cannot be reached", "WebExceptionProtocolError"),
    ("the target does not let it change", "NotPermitted"),
)
