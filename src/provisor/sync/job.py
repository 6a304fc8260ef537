"""Everything a cycle of one application needs, wired by ``compose``: values for the core, contracts for the shell."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisor.connectors.base import Source, Target
from provisor.connectors.governor import Governor
from provisor.expressions import Inputs
from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.guards import Guard
from provisor.provisioning.policies import Policies
from provisor.provisioning.retries import Retries
from provisor.provisioning.schema import Rules
from provisor.scim.wires import Wire
from provisor.sync.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Job:
    """``all_objects``: the scope is *Sync all users and groups*; else assigned ones only.

    ``as_of``: the source's head, read before the application's configuration was. A cycle takes in nothing later, so
    what changes while it runs, rules included, is left for the next one. ``inputs``: what mappings are evaluated with
    besides the object. ``address`` says where the target is, ``governor`` how much it is asked at a time;
    ``fingerprint`` is the same for the same configuration.
    """

    application: str
    name: str
    rules: Rules
    capabilities: Capabilities
    all_objects: bool
    source: Source
    target: Target
    ledger: Ledger
    as_of: int
    inputs: Inputs
    guard: Guard
    policies: Policies
    retries: Retries
    wire: Wire
    address: str
    fingerprint: str = ""
    governor: Governor = field(default_factory=Governor)
