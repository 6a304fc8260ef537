-- name: changed
-- Before a job's quarantine becomes $3: told when it begins, and when a cycle has gone through, not with every cycle that
-- does not, nor when somebody clears it.
insert into notice (tenant, application, name, kind, reason)
select $1, $2, a.name, case when $3::text is null then 'recovered' else 'quarantine' end, coalesce($3, j.told)
from sync_job j join application a on a.tenant = j.tenant and a.id = j.application
where j.tenant = $1 and j.application = $2 and j.generation = $4 and (j.told is null) <> ($3::text is null)

-- name: claim
-- Whoever claims them has this long to deliver; after that somebody else tries. Without a channel of the server's ($3) only
-- those that somebody of the application hears, or was to hear.
update notice n set next_try = now() + make_interval(secs => $1), tries = n.tries + 1
from (
    select d.id, case when a.notification_on then a.notification_email else '{}' end as recipients
    from notice d join application a on a.tenant = d.tenant and a.id = d.application
    where d.delivered is null and d.next_try <= now() and ($3 or a.notification_on or d.error is not null)
    order by d.id limit $2 for update of d skip locked
) due
where n.id = due.id
returning n.id, n.mark, n.tenant, n.application, n.name, n.kind, n.reason, n.created, n.tries, n.told, due.recipients

-- name: delivered
update notice set delivered = now(), told = $2, error = null where id = $1

-- name: later
update notice set next_try = now() + make_interval(secs => $2), told = $3, error = $4 where id = $1

-- name: undelivered
-- How many of an application's notices somebody should have heard and did not, and why the last one was not taken.
select count(*) as number, (array_agg(error order by id desc))[1] as error
from notice where tenant = $1 and application = $2 and delivered is null and error is not null

-- name: prune
delete from notice where coalesce(delivered, created) < now() - make_interval(days => $1)
