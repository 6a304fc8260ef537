"""The portal of a tenant: one module for each of its pages."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from provisor.console.house import House
from provisor.console.page import Page
from provisor.console.portal import (
    access_policy,
    account,
    add_assignment,
    applications,
    attribute_list,
    attribute_mappings,
    audit_log,
    authorize,
    clients,
    conditional_access,
    external_provider,
    find,
    group,
    groups,
    health,
    home,
    import_people,
    leavers,
    log_entry,
    logs,
    mapping_document,
    mapping_preview,
    named_locations,
    new_access_policy,
    new_application,
    non_gallery_application,
    on_demand,
    overview,
    owners,
    plan,
    policies,
    properties,
    provisioning,
    roles,
    second_factor,
    security_info,
    set_up,
    sign_in,
    sign_in_entry,
    sign_in_logs,
    sign_out,
    signed_in,
    source_object_scope,
    summary,
    user,
    users,
    users_and_groups,
    what_if,
    workers,
)
from provisor.console.site import pages
from provisor.console.visit import PortalVisit
from provisor.directory import applications as apps
from provisor.directory import sign_in as signing_in
from provisor.directory import tenants
from provisor.directory.admission import PORTAL as RESOURCE
from provisor.directory.admission import Evidence, Outcome, admit
from provisor.refusal import NotFound
from provisor.storage.pool import Tx
from provisor.sync.history import quarantine


class Portal:
    letter = sign_in.LETTER
    pages = pages(
        [
            sign_in,
            signed_in,
            set_up,
            authorize,
            sign_out,
            second_factor,
            account,
            security_info,
            home,
            import_people,
            leavers,
            users,
            user,
            groups,
            group,
            roles,
            conditional_access,
            new_access_policy,
            access_policy,
            named_locations,
            what_if,
            sign_in_logs,
            sign_in_entry,
            clients,
            external_provider,
            applications,
            new_application,
            non_gallery_application,
            overview,
            properties,
            owners,
            users_and_groups,
            add_assignment,
            provisioning,
            attribute_mappings,
            attribute_list,
            source_object_scope,
            mapping_document,
            mapping_preview,
            policies,
            plan,
            on_demand,
            health,
            summary,
            logs,
            log_entry,
            audit_log,
            workers,
            find,
        ]
    )

    async def enter(self, house: House, request: Request, page: Page, name: str) -> PortalVisit:
        try:
            async with house.database.reading() as tx:
                tenant = await tenants.get(tx, name)
        except NotFound:
            raise NotFound("There is no portal here.") from None
        return PortalVisit(house, request, page, f"/t/{tenant.name}", tenant=tenant)

    async def recognise(self, tx: Tx, visit: PortalVisit, secret: str) -> bool | None:
        found = await signing_in.arrive(tx, visit.tenant, secret)
        if found is None and visit.page.pending:
            found = await signing_in.arrive(tx, visit.tenant, secret, pending=True)
        if found is None:
            return None
        # A session lasts as long as its owner would still be let in: from here, and so long after they signed in.
        evidence = Evidence(found.methods, found.age, visit.address, within=True)
        if not found.pending:
            verdict = await admit(tx, visit.tenant, found.user, RESOURCE, evidence)
            if verdict.outcome is not Outcome.GRANTED:
                return None
        visit.actor, visit.user, visit.notice, visit.arrival = found.actor, found.user, found.notice, found
        return found.stale

    async def look(self, tx: Tx, visit: PortalVisit) -> UUID | None:
        identity = visit.request.path_params.get("application")
        if identity is None:
            return None
        visit.application = await apps.by_id(tx, visit.tenant, identity)
        visit.quarantine = await quarantine(tx, visit.tenant.id, identity)
        return visit.application.id


PORTAL = Portal()
