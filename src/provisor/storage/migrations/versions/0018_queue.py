"""The queue of jobs: Procrastinate's own tables, from its package, and what our jobs need beside them (the SQL)."""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    connection = op.get_bind()
    # The driver takes per cent signs for parameters.
    connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
