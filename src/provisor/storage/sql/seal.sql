-- name: seal_lock
select pg_try_advisory_xact_lock(5017623)

-- name: seal_head
-- Numbers of transactions begin anew when a dump is restored into another server: then the head is of the future.
select s.position, s.hash, a.transaction, a.id,
       a.transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint as restored
from audit_seal s join audit a on a.id = s.entry order by s.position desc limit 1

-- name: unsealed
select id, realm, at, actor, address, request, action, object, object_id, before, after
from audit
where transaction >= $1 and (transaction, id) > ($1, $2)
  and transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  and not exists (select from audit_seal s where s.entry = audit.id)
order by transaction, id limit $3

-- name: unsealed_restored
-- After a dump was restored: what the old server had not sealed, and what came since.
select id, realm, at, actor, address, request, action, object, object_id, before, after
from audit
where id > $1::bigint - 10000 and not exists (select from audit_seal s where s.entry = audit.id)
order by id limit $2

-- name: seal
insert into audit_seal (position, entry, hash) select * from unnest($1::bigint[], $2::bigint[], $3::bytea[])

-- name: sealed
select s.position, s.entry, s.hash,
       a.id, a.realm, a.at, a.actor, a.address, a.request, a.action, a.object, a.object_id, a.before, a.after
from audit_seal s left join audit a on a.id = s.entry order by s.position

-- name: unsealed_count
-- How many rows wait, and the first that is unsealed among rows that are.
with last as (
    select a.transaction, a.id, a.transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint as restored
    from audit_seal s join audit a on a.id = s.entry order by s.position desc limit 1
)
select count(*) filter (where not is_late) as waiting, min(id) filter (where is_late) as slipped_in
from (
    select a.id, last.restored is false and (a.transaction, a.id) <= (last.transaction, last.id) as is_late
    from audit a left join last on true left join audit_seal s on s.entry = a.id
    where s.entry is null
) as unsealed
