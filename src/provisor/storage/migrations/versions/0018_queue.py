"""The queue of jobs: Procrastinate's own tables, from its package, and what our jobs need beside them (the SQL)."""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0018"
down_revision = "0017"

_WITHOUT = """
do $$
declare item record;
begin
    for item in select c.oid::regclass as name from pg_class c
        where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
            and starts_with(c.relname, 'procrastinate_')
    loop execute 'drop table if exists ' || item.name || ' cascade'; end loop;
    for item in select p.oid::regprocedure as name from pg_proc p
        where p.pronamespace = current_schema()::regnamespace and starts_with(p.proname, 'procrastinate_')
    loop execute 'drop function if exists ' || item.name || ' cascade'; end loop;
    for item in select t.oid::regtype as name from pg_type t
        where t.typnamespace = current_schema()::regnamespace and starts_with(t.typname, 'procrastinate_')
    loop execute 'drop type if exists ' || item.name || ' cascade'; end loop;
end $$;
"""


def upgrade() -> None:
    connection = op.get_bind()
    # A backup of before is restored over a database that has these already.
    connection.exec_driver_sql(_WITHOUT)
    # The driver takes per cent signs for parameters.
    connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
