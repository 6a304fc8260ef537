-- name: changed
-- Before a job's quarantine becomes $3: told when it begins, and when a cycle has gone through, not with every cycle that
-- does not, nor when somebody clears it.
insert into notice (tenant, application, name, kind, reason)
select $1, $2, a.name, case when $3::text is null then 'recovered' else 'quarantine' end, coalesce($3, j.told)
from sync_job j join application a on a.tenant = j.tenant and a.id = j.application
where j.tenant = $1 and j.application = $2 and j.generation = $4 and (j.told is null) <> ($3::text is null)

-- name: claim
-- Whoever claims them has this long to deliver; after that somebody else tries.
update notice set next_try = now() + make_interval(secs => $1), tries = tries + 1
where id in (
    select id from notice where delivered is null and next_try <= now()
    order by id limit $2 for update skip locked
)
returning id, mark, tenant, application, name, kind, reason, created, tries

-- name: delivered
update notice set delivered = now() where id = $1

-- name: later
update notice set next_try = now() + make_interval(secs => $2) where id = $1

-- name: prune
delete from notice where coalesce(delivered, created) < now() - make_interval(days => $1)
