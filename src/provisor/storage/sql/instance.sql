-- name: put
insert into instance (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value

-- name: first_lock
-- Whoever makes the first tenant does it alone.
select pg_advisory_xact_lock(hashtext('provisor first tenant'))

-- name: get
select value from instance where key = $1

-- name: others
-- Connections of other processes to this database.
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'provisor' and pid <> pg_backend_pid()
