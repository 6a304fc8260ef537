"""The ids that Graph's clients know an application by.

The directory has one id of an application, and it is that of the service principal, beside which all provisioning
stands. The application object, its appId, a gallery's templates and assignments get ids that follow from what there is:
the same at every look, on every machine, without a table.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final
from uuid import UUID, uuid5

from provisor.directory.applications import SPACE
from provisor.directory.edit import Tenant
from provisor.provisioning.templates import TEMPLATES
from provisor.refusal import NotFound

#: The template of applications that are in no gallery: everybody's scripts have this id.
NON_GALLERY: Final = UUID("8adf8e6e-67b2-4cf2-a259-e3dc5476c621")
#: The directory's template → id of the applicationTemplate.
GALLERY: Final[dict[str, UUID]] = {
    name: NON_GALLERY if name == "scim" else uuid5(SPACE, f"template {name}") for name in TEMPLATES
}


def object_id(application: UUID) -> UUID:
    """Of the application object (``/applications/{id}``)."""
    return uuid5(SPACE, f"application {application}")


def template_id(template: str) -> UUID:
    """What a synchronizationTemplate says of the application that it is for (``applicationId``)."""
    return uuid5(SPACE, f"synchronization {template}")


def job_id(template: str, tenant: Tenant, application: UUID) -> str:
    return f"{template}.{tenant.id.hex}.{application}"


def assignment_id(application: UUID, principal: UUID) -> str:
    return base64.urlsafe_b64encode(principal.bytes + application.bytes).rstrip(b"=").decode()


def assigned(text: str) -> tuple[UUID, UUID]:
    """Application and principal of an assignment. Raises NotFound."""
    try:
        raw = base64.b64decode(text + "=", b"-_", validate=True)
        if len(raw) == 32 and base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text:
            return UUID(bytes=raw[16:]), UUID(bytes=raw[:16])
    except (binascii.Error, ValueError):
        pass
    raise NotFound(f"There is no assignment {text!r}.")
