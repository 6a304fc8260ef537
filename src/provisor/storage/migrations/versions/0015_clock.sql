-- The clock of the engine's tables: the database's own, moved by whoever must not wait for a day to pass.
create function moment() returns timestamptz language sql stable as
$$ select now() + coalesce(nullif(current_setting('provisor.clock_offset', true), ''), '0')::interval $$;

-- The target asked to be left in peace until then.
alter table sync_job add column rest_until timestamptz;
