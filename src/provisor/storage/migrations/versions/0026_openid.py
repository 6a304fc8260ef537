"""Sign-in by OpenID Connect: of workspaces through their tenant, of tenants through a provider elsewhere (the SQL
stands beside)."""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
