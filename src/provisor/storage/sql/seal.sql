-- name: seal_lock
select pg_try_advisory_xact_lock(5017623)

-- name: seal_head
select s.position, s.hash, a.transaction, a.id
from audit_seal s join audit a on a.id = s.entry order by s.position desc limit 1

-- name: unsealed
select id, realm, at, actor, address, request, action, object, object_id, before, after
from audit
where transaction >= $1 and (transaction, id) > ($1, $2)
  and transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
order by transaction, id limit $3

-- name: seal
insert into audit_seal (position, entry, hash) select * from unnest($1::bigint[], $2::bigint[], $3::bytea[])

-- name: sealed
select s.position, s.entry, s.hash,
       a.id, a.realm, a.at, a.actor, a.address, a.request, a.action, a.object, a.object_id, a.before, a.after
from audit_seal s left join audit a on a.id = s.entry order by s.position

-- name: unsealed_count
-- How many rows wait, and the first that is unsealed among rows that are.
with last as (
    select a.transaction, a.id from audit_seal s join audit a on a.id = s.entry order by s.position desc limit 1
)
select count(*) filter (where (a.transaction, a.id) > (coalesce(last.transaction, -1), coalesce(last.id, 0))) as waiting,
       min(a.id) filter (where (a.transaction, a.id) <= (coalesce(last.transaction, -1), coalesce(last.id, 0))) as slipped_in
from audit a left join last on true left join audit_seal s on s.entry = a.id
where s.entry is null
