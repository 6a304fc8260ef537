"""What filters and orders of SCIM ask (the SQL stands beside), and the folded documents of the rows that are there."""

import json
from pathlib import Path

from alembic import op

from provisor.scim.folded import fold
from provisor.scim.profiles import resource_types

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
    for table, kind in (("workspace_user", "User"), ("workspace_group", "Group")):
        rows = connection.exec_driver_sql(
            f"select r.workspace, r.id, w.profile, r.doc from {table} r join workspace w on w.id = r.workspace"
        )
        for workspace, identity, profile, doc in rows.fetchall():
            idx = json.dumps(fold(resource_types(profile)[kind], doc))
            connection.exec_driver_sql(
                f"update {table} set idx = %s::jsonb where workspace = %s and id = %s", (idx, workspace, identity)
            )
