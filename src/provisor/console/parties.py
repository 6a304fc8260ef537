"""Workspaces as relying parties of the tenant whose people sign in to them, known before anybody does.

A policy about a workspace is made before the first sign-in, so a workspace is a relying party from the day that it is
made, or that it is given another tenant; the server makes up for those that were there before.
"""

from __future__ import annotations

from provisor.directory import relying_parties, tenants
from provisor.refusal import NotFound
from provisor.storage.pool import Database, Tx
from provisor.workspace import workspaces
from provisor.workspace.edit import Workspace


async def known(tx: Tx, workspace: Workspace) -> None:
    """See that ``workspace`` is a relying party of its tenant, if it has one."""
    if workspace.sign_in_tenant is None:
        return
    try:
        tenant = await tenants.by_id(tx, workspace.sign_in_tenant)
    except NotFound:
        return
    await relying_parties.ensure_workspace(tx, tenant, workspace.name)


async def all_known(database: Database) -> None:
    """As :func:`known`, for every workspace of the installation."""
    async with database.transaction() as tx:
        for workspace in await workspaces.everyone(tx):
            await known(tx, workspace)
