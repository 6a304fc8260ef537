"""What an administrator decided about one application's provisioning beside its mappings: values with a default each.

wire            how the target is spoken to: lean (fewest requests), entra or entra-optscim (as Entra ID does)
adoption        accounts that were there before are merged (merge), or wait for an approved plan (hold); those with the
                externalId of another source are refused, or merged as well (take)
merged_groups   a group that was there before and leaves: keep it, without our members, or delete it
nested          direct: only direct members of an assigned group are in scope; flatten: everybody below it is, and is
                its member at the target
cleared         a value that the source has no more: clear it at the target, or keep it
reserved        names of groups with rights of their own (admins) that may be managed all the same
token_owner     the user name of the secret token's owner, where the target does not tell (/Me)
retries         when failures are tried again and put the application in quarantine: as Provisor does, or with the
                documented figures of Entra ID (entra)
schedule        when cycles run: as soon as something changes (event), so long after the last one (an ISO 8601
                duration), at moments of cron, or as Entra ID (entra); see ``schedules``
full_hours      every account is read and compared so often (hours); 0: only when somebody says so
drift           target attribute (or ``members``) → what is done about a change made at the target: report,
                overwrite, adopt or ignore; ``*`` for all others
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from provisor.provisioning.retries import POLICIES as RETRIES
from provisor.provisioning.schedules import EVENT, valid
from provisor.refusal import Invalid

#: Values that a policy takes, in the order in which they are named; the first is the default.
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "wire": ("lean", "entra", "entra-optscim"),
    "adoption": ("merge", "hold", "take"),
    "merged_groups": ("keep", "delete"),
    "nested": ("direct", "flatten"),
    "cleared": ("clear", "keep"),
    "retries": tuple(RETRIES),
}
DRIFT: Final = ("report", "overwrite", "adopt", "ignore")
#: Drift of whatever has no policy of its own.
EVERYTHING: Final = "*"
_MOST_HOURS: Final = 24 * 366


@dataclass(frozen=True, slots=True)
class Policies:
    wire: str = "lean"
    adoption: str = "merge"
    merged_groups: str = "keep"
    nested: str = "direct"
    cleared: str = "clear"
    retries: str = "provisor"
    reserved: tuple[str, ...] = ()
    token_owner: str | None = None
    schedule: str = EVENT
    full_hours: int = 24
    drift: Mapping[str, str] = field(default_factory=dict)

    def about(self, path: str) -> str:
        """What is done about drift of the attribute at ``path``."""
        return self.drift.get(path) or self.drift.get(EVERYTHING) or DRIFT[0]

    def to_json(self) -> dict[str, Any]:
        """Only what is not as by default, so that a default may become another one."""
        return {name: value for name, value in asdict(self).items() if value != getattr(DEFAULT, name)}


DEFAULT: Final = Policies()


def from_json(stored: Mapping[str, Any]) -> Policies:
    known = {item.name for item in fields(Policies)}
    found = {name: value for name, value in stored.items() if name in known}
    return Policies(**{**found, "reserved": tuple(found.get("reserved", ()))})


def changed(policies: Policies, **wanted: Any) -> Policies:
    """``policies`` with what is given and not None. ``drift`` is one ``(path, policy)`` or several. Raises Invalid."""
    given = {name: value for name, value in wanted.items() if value is not None}
    for name, choices in CHOICES.items():
        if given.get(name, choices[0]) not in choices:
            raise Invalid(f"{name.replace('_', '-')} {given[name]!r} is not one of: {', '.join(choices)}.")
    if not 0 <= given.get("full_hours", 0) <= _MOST_HOURS:
        raise Invalid(f"A full comparison is made every 1 to {_MOST_HOURS} hours; 0 for never.")
    if "schedule" in given:
        given["schedule"] = valid(given["schedule"])
    if "token_owner" in given:
        given["token_owner"] = given["token_owner"].strip() or None
    if "reserved" in given:
        given["reserved"] = tuple(sorted({name.strip() for name in given["reserved"]} - {""}))
    if "drift" in given:
        given["drift"] = _drift(policies.drift, given["drift"])
    return replace(policies, **given)


def _drift(before: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    for path, policy in wanted.items():
        if policy not in DRIFT:
            raise Invalid(f"{policy!r} is no policy for drift of {path}: {', '.join(DRIFT)}.")
        if path == "members" and policy == "adopt":
            raise Invalid("Members made by hand are reported, overwritten (removed) or ignored; adopt is for values.")
    merged = {**before, **wanted}
    return {path: policy for path, policy in merged.items() if policy != DRIFT[0] or EVERYTHING in merged}
