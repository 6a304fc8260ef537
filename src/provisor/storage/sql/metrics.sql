-- name: applications
-- How each application stands; `since` is when a cycle last came to its end, or what cycles would do was last changed.
select t.name as tenant, a.name as app, a.provisioning = 'On' as on, a.policies->>'schedule' as schedule, moment() as now,
       coalesce(j.quarantine is not null, false) as quarantined,
       coalesce(j.restored is not null or j.quarantine like '%guard against accidental deletion%', false) as held,
       coalesce(j.lease_until > moment(), false) as running, coalesce(j.cycles, 0) as cycles,
       greatest(done.ended, changed.at, a.created) as since,
       greatest(t.seq - coalesce(j.watermark, 0), 0) as waiting, failed.count as failed,
       extract(epoch from last.ended - last.started)::double precision as seconds, last.requests
from application a
join tenant t on t.id = a.tenant
left join sync_job j on j.tenant = a.tenant and j.application = a.id
left join directory_change changed on changed.tenant = a.tenant and changed.object_id = a.id
left join lateral (
    select c.started, c.ended, c.requests from sync_cycle c
    where c.tenant = a.tenant and c.application = a.id and c.mode = 'cycle' and c.ended is not null
    order by c.started desc limit 1
) last on true
left join lateral (
    select c.ended from sync_cycle c
    where c.tenant = a.tenant and c.application = a.id and c.mode = 'cycle' and c.status = 'done'
    order by c.started desc limit 1
) done on true
cross join lateral (
    -- What failed is due, so the index of what is due has it.
    select count(*) from sync_object o
    where o.tenant = a.tenant and o.application = a.id and o.failures > 0 and (o.desired_seq > o.applied_seq or o.references_due)
) failed
where a.tenant_url is not null
order by t.name, a.name
