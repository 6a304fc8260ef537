"""*Preview for somebody*: every mapping, as it is edited, tried on one user or group, with what the target has."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.connectors.base import TargetError
from provisor.console import drafting
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.schema import compile_schema
from provisor.provisioning.scope import SourceObject, evaluate
from provisor.provisioning.trial import Tried, try_out
from provisor.refusal import Refusal
from provisor.sync.trial import try_on

PAGE = Page("mapping_preview", "/applications/{application:uuid}/mappings/{object}/try", action="application.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    kind, name = drafting.object_type(visit), visit.query("user")
    draft = await drafting.draft_of(visit)
    document = drafting.document(visit, draft)
    source, reason, problem = None, "", None
    tried: list[Tried] = []
    if name:
        try:
            source, reason, tried = await _tried(visit, kind, name, document)
        except (Refusal, TargetError) as error:
            problem = str(error)
    return visit.render(
        kind=kind,
        name=name,
        source=source,
        reason=reason,
        tried=tried,
        problem=problem,
        differences=drafting.differences(visit, draft),
        mark=draft.mark if draft else "",
    )


async def _tried(visit: PortalVisit, kind: str, name: str, document: Any) -> tuple[SourceObject, str, list[Tried]]:
    """The object, why it is in scope or not, and each mapping; without a target, as for somebody without an account."""
    source, offered = await drafting.offered(visit, kind, name, document)
    if visit.app.connected:
        async with visit.house.job(visit.tenant, visit.app.id, read_only=True, schema=document) as job:
            return await try_on(job, kind, source.id)
    rules = compile_schema(document).of(kind)
    scope = evaluate(source, rules, all_objects=visit.app.scope == "all")
    tried = try_out(rules, source, None, None, Capabilities(), soft_deleted=not scope.inside, inputs=offered)
    return source, scope.reason, tried
