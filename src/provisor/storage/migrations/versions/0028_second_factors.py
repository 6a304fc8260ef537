"""Second factors: apps, passkeys, recovery codes, and what a browser was asked (the SQL stands beside)."""

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
