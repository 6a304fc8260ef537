-- name: job_make
insert into sync_job (tenant, application) values ($1, $2) on conflict do nothing

-- name: job_make_all
insert into sync_job (tenant, application) select tenant, id from application on conflict do nothing

-- name: job
select watermark, epoch, holder, cycles, initial, generation, last_cycle, quarantine, compared, forced, restored, refused,
       lease_until > moment() as held, moment() as now
from sync_job where tenant = $1 and application = $2

-- name: job_lock
select watermark, set_config('idle_in_transaction_session_timeout', '15s', true)
from sync_job where tenant = $1 and application = $2 for update

-- name: job_advance
update sync_job
set watermark = greatest(watermark, $3), initial = initial or $4, generation = generation + $4::boolean::integer
where tenant = $1 and application = $2

-- name: lease_take
update sync_job
set epoch = epoch + 1, holder = $3, lease_until = moment() + make_interval(secs => $4)
where tenant = $1 and application = $2 and (lease_until is null or lease_until < moment())
returning epoch

-- name: lease_keep
update sync_job set lease_until = moment() + make_interval(secs => $4)
where tenant = $1 and application = $2 and epoch = $3
returning epoch, set_config('idle_in_transaction_session_timeout', '15s', true)

-- name: lease_give_back
update sync_job set lease_until = null, holder = null where tenant = $1 and application = $2 and epoch = $3

-- name: stop
-- Whatever cycle runs now.
update sync_job set stopping = epoch where tenant = $1 and application = $2 and lease_until > moment()

-- name: stopping
select epoch = $3 as mine, stopping = $3 as stopping from sync_job where tenant = $1 and application = $2

-- name: fence
-- Taking the lease over waits for this transaction; if it was taken over before, the epoch has moved. Not *for share*:
-- pages that overlap would hand such a lock on, and whoever keeps the lease or says Stop would wait for ever. A process
-- that stands still while it holds this lock loses it before the others are tired of waiting (30 seconds).
select epoch, set_config('idle_in_transaction_session_timeout', '15s', true) from sync_job where tenant = $1 and application = $2 for no key update

-- name: mark
insert into sync_object (tenant, application, source_id, object_type, desired_seq)
select $1, $2, id, type, seq from unnest($3::uuid[], $4::text[], $5::bigint[]) as change (id, type, seq)
on conflict (tenant, application, source_id) do update
set desired_seq = greatest(sync_object.desired_seq, excluded.desired_seq),
    failures = case when excluded.desired_seq > sync_object.desired_seq then 0 else sync_object.failures end,
    next_try = case when excluded.desired_seq > sync_object.desired_seq then null else sync_object.next_try end

-- name: mark_known
-- Whatever is known, whether or not the source still has it.
update sync_object
set next_try = case when $3 > desired_seq then null else next_try end,
    failures = case when $3 > desired_seq then 0 else failures end, desired_seq = greatest(desired_seq, $3)
where tenant = $1 and application = $2

-- name: due
select * from sync_object
where tenant = $1 and application = $2 and object_type = $3 and source_id > $4
  and ($7 or desired_seq > applied_seq or references_due) and ($6 or next_try is null or next_try <= moment())
order by source_id limit $5

-- name: known
select * from sync_object where tenant = $1 and application = $2 and source_id = any($3::uuid[])

-- name: accounts
select source_id, target_id from sync_object
where tenant = $1 and application = $2 and source_id = any($3::uuid[])
  and target_id is not null and state in ('linked', 'disabled')

-- name: holders
select * from sync_object
where tenant = $1 and application = $2 and object_type = $3 and target_id = any($4::text[])
  and state in ('linked', 'disabled')

-- name: members
select group_id, member_id, target_id, added, confirmed from sync_member
where tenant = $1 and application = $2 and group_id = any($3::uuid[])

-- name: joining
select source_id, array(select * from jsonb_array_elements_text(detail->'members') limit $5) as members
from sync_change
where tenant = $1 and application = $2 and cycle = $3 and source_id = any($4::uuid[]) and action = 'add members'

-- name: references_open
-- The plan's rows are gathered first: they are many and new, so the planner knows nothing of them yet.
with referring as materialized (
    select distinct source_id from sync_change
    where tenant = $1 and application = $2 and cycle = $3
      and action in ('add members', 'remove members', 'update references')
)
update sync_object set references_due = true
from referring
where tenant = $1 and application = $2 and sync_object.source_id = referring.source_id and not references_due
returning sync_object.source_id

-- name: cycle_begin
with numbered as (
    update sync_job set cycles = cycles + ($5 = 'cycle')::integer
    where tenant = $1 and application = $2 returning cycles
)
-- A dry run has the number of the cycle that it foretells.
insert into sync_cycle (tenant, application, id, number, kind, mode, as_of, status, started)
select $1, $2, $3, cycles + ($5 <> 'cycle')::integer, $4, $5, $6, 'running', moment() from numbered
returning number

-- name: cycle_did
update sync_cycle set done = done + $4, harmed = harmed + $5 where tenant = $1 and application = $2 and id = $3
returning done

-- name: cycle_end
update sync_cycle
set status = $4, ended = moment(), hash = $5, counts = $6, requests = $7, error = $8, harmed = $9, released = $10
where tenant = $1 and application = $2 and id = $3

-- name: cycle_left
-- Of a cycle that did not come to its end: what was planned and not sent.
update sync_change set status = 'skipped', message = $4
where tenant = $1 and application = $2 and cycle = $3 and status is null

-- name: harm
-- How many accounts and groups there are, and how many cycles of the last day took something from.
select (select count(*) from sync_object o where o.tenant = $1 and o.application = $2 and o.state = 'linked') as accounts,
       (select coalesce(sum(c.harmed), 0) from sync_cycle c
        where c.tenant = $1 and c.application = $2 and c.started > moment() - interval '24 hours' and not c.released) as earlier

-- name: job_done
-- Whatever was restarted or mended while the cycle ran is not undone by how the cycle ended.
update sync_job
set last_cycle = case when generation = $5 then moment() else last_cycle end,
    -- Only a cycle that came to its end shows that things are mended.
    quarantine = case when generation = $5 and ($8 or $3::text is not null) then $3::text else quarantine end,
    told = case when generation = $5 and ($8 or $3::text is not null) then $3::text else told end,
    initial = initial and not ($4 and generation = $5),
    forced = forced and not ($4 and generation = $5),
    compared = case when $6 and generation = $5 then moment() else compared end,
    rest_until = moment() + make_interval(secs => $7),
    refused = case when generation <> $5 or $9::boolean is null then refused when $9 then 0 else refused + 1 end,
    restored = case when $8 then null else restored end
where tenant = $1 and application = $2

-- name: jobs_of
-- The jobs that workers have begun and not ended.
select id from procrastinate_jobs where status = 'doing' and worker_id = any($1::bigint[])

-- name: job_latency
-- What an incremental cycle has done: from the commit of the change that asked for it to the target's answer.
with took as (
    select extract(epoch from c.at - d.at)::double precision as seconds
    from sync_change c
    join directory_change d on d.tenant = c.tenant and d.object_id = c.source_id and d.seq = c.seq
    where c.tenant = $1 and c.application = $2 and c.cycle = $3 and c.status = 'success'
      and c.action not in ('nothing', 'refuse', 'drift', 'removed', 'unlink', 'link')
),
counted as (
    select array(
        select count(took.seconds) from generate_series(0, cardinality($4::double precision[])) as span (n)
        left join took on width_bucket(took.seconds, $4) = span.n
        group by span.n order by span.n
    ) as counts, coalesce((select sum(seconds) from took), 0) as seconds
)
update sync_job
set latency_seconds = latency_seconds + counted.seconds,
    latency = array(
        select fresh.count + coalesce(sync_job.latency[fresh.n], 0)
        from unnest(counted.counts) with ordinality as fresh (count, n) order by fresh.n
    )
from counted where tenant = $1 and application = $2

-- name: latencies
select t.name as tenant, a.name as app, j.latency, j.latency_seconds
from sync_job j join application a on a.tenant = j.tenant and a.id = j.application join tenant t on t.id = j.tenant
where cardinality(j.latency) > 0 order by t.name, a.name

-- name: job_restart
update sync_job
set quarantine = null, rest_until = null, last_cycle = null, refused = 0, initial = true, forced = true, generation = generation + 1,
    watermark = case when $3 then 0 else watermark end
where tenant = $1 and application = $2

-- name: job_hold
-- After a restore: whoever had a lease is not there, everything is compared, and the first plan with writes is held.
update sync_job
set restored = $1, generation = generation + 1, holder = null, lease_until = null, last_cycle = null,
    rest_until = null, epoch = epoch + 1
returning application

-- name: job_mended
update sync_job
set quarantine = null, rest_until = null, last_cycle = null, refused = 0, generation = generation + 1
where tenant = $1 and application = $2

-- name: links
select count(*) from sync_object
where tenant = $1 and application = $2 and target_id is not null and state in ('linked', 'disabled')

-- name: retry_all
update sync_object set next_try = null, failures = 0, error = null where tenant = $1 and application = $2

-- name: forget_links
delete from sync_object where tenant = $1 and application = $2

-- name: forget_members
delete from sync_member where tenant = $1 and application = $2

-- Where rows are found by a list of keys the list is said twice: the second time the rows are looked up by it, whatever
-- the planner believes of a table that was filled a moment ago (it would read all of it for each page).

-- name: change_append
with counted as (
    update sync_cycle set planned = planned + cardinality($4::bigint[]) where tenant = $1 and application = $2 and id = $3
)
insert into sync_change (tenant, application, cycle, ordinal, phase, action, object_type, source_id, source_name,
                         target_id, reason, seq, detail, retry)
select $1, $2, $3, c.*
from unnest($4::bigint[], $5::smallint[], $6::text[], $7::text[], $8::uuid[], $9::text[], $10::text[], $11::text[],
            $12::bigint[], $13::jsonb[], $14::boolean[]) as c

-- name: measure
analyze (skip_locked) sync_object, sync_change

-- name: change_page
select * from sync_change
where tenant = $1 and application = $2 and cycle = $3 and (phase, ordinal) > ($4, $5)
order by phase, ordinal limit $6

-- name: change_outcome
update sync_change set status = o.status, message = o.message, target_id = coalesce(o.target_id, sync_change.target_id),
    at = moment()
from unnest($4::bigint[], $5::text[], $6::text[], $7::text[]) as o (ordinal, status, message, target_id)
where tenant = $1 and application = $2 and cycle = $3 and sync_change.ordinal = o.ordinal
  and sync_change.ordinal = any($4)

-- name: promise
-- Before a page is sent: what is to be created, and that whatever is sent may have been done. An account that was found
-- after a create without an answer is linked before it is changed: by another name it would not be found again. What an
-- account is to get is ours from now on, or nobody would clear it if the answer is lost and the source has it no more.
update sync_object o
set intent = coalesce(i.intent, o.intent), unsettled = true, deleting = i.deleting,
    leaving = case when i.leaves then coalesce(o.leaving, moment()) else o.leaving end,
    -- What is made again is not the account that was deleted.
    target_id = case when i.intent is not null then null
                     when o.state = 'none' and o.intent is not null then coalesce(i.target_id, o.target_id)
                     else o.target_id end,
    state = case when i.intent is not null then 'none'
                 when o.state = 'none' and o.intent is not null and i.target_id is not null then 'linked'
                 else o.state end,
    adopted = o.adopted and i.intent is null,
    kept = case when i.intent is not null then '{}' else o.kept end,
    last_applied = case when i.intent is not null then case when o.state = 'none' then o.last_applied else '{}' end
                        when o.state = 'none' and o.intent is not null and i.target_id is not null then i.given || o.intent
                        else i.given || o.last_applied end
from unnest($3::uuid[], $4::jsonb[], $5::boolean[], $6::text[], $7::jsonb[], $8::boolean[])
     as i (id, intent, deleting, target_id, given, leaves)
where o.tenant = $1 and o.application = $2 and o.source_id = i.id and o.source_id = any($3)

-- name: adopt
-- Before an account that was there is changed: whoever is left in doubt about the answer must know whose it is.
-- What was applied for whoever had it before is this one's to clear.
update sync_object
set target_id = i.target_id, state = 'linked', adopted = true, unsettled = true, last_applied = i.inherited
from unnest($3::uuid[], $4::text[], $5::jsonb[]) as i (id, target_id, inherited)
where tenant = $1 and application = $2 and source_id = i.id and source_id = any($3)

-- name: in_groups
select distinct member_id from sync_member where tenant = $1 and application = $2 and member_id = any($3::uuid[])

-- name: doubt_members
update sync_member m set confirmed = false
from unnest($3::uuid[], $4::uuid[]) as d (group_id, member_id)
where m.tenant = $1 and m.application = $2 and m.group_id = d.group_id and m.member_id = d.member_id
  and m.group_id = any($3) and m.member_id = any($4)

-- name: doubt
-- Of a worker whose lease another one has: what it sent may have arrived after that one looked, and is ours to clear.
update sync_object o
set unsettled = o.target_id is not null, references_due = true, next_try = null,
    applied_seq = least(o.applied_seq, o.desired_seq - 1),
    last_applied = case when o.target_id is null then o.last_applied else i.given || o.last_applied end
from unnest($4::uuid[], $5::jsonb[]) as i (id, given)
where o.tenant = $1 and o.application = $2 and o.source_id = i.id and o.source_id = any($4)
  and exists (select from sync_job j where j.tenant = $1 and j.application = $2 and j.epoch <> $3)

-- name: doubt_late_members
insert into sync_member (tenant, application, group_id, member_id, target_id, added, confirmed)
select $1, $2, m.group_id, m.member_id, o.target_id, true, false
from unnest($4::uuid[], $5::uuid[]) as m (group_id, member_id)
join sync_object o on o.tenant = $1 and o.application = $2 and o.source_id = m.member_id and o.target_id is not null
where exists (select from sync_job j where j.tenant = $1 and j.application = $2 and j.epoch <> $3)
on conflict (tenant, application, group_id, member_id) do update set confirmed = false

-- name: promise_members
insert into sync_member (tenant, application, group_id, member_id, target_id, added, confirmed)
select $1, $2, m.*, true, false from unnest($3::uuid[], $4::uuid[], $5::text[]) as m
-- Whoever is added although they were in the group was taken out of it by others.
on conflict (tenant, application, group_id, member_id) do update set confirmed = false

-- name: release
-- The account of somebody who is gone becomes another's.
update sync_object
set state = 'none', target_id = null, adopted = false, last_applied = '{}', kept = '{}', intent = null, leaving = null,
    unsettled = false, deleting = false
where tenant = $1 and application = $2 and source_id = any($3::uuid[])

-- name: settle
update sync_object
set applied_seq = case when s.applied_seq < 0 then least(sync_object.applied_seq, sync_object.desired_seq - 1)
                       else greatest(sync_object.applied_seq, s.applied_seq) end,
    target_id = s.target_id, adopted = s.adopted, state = s.state, intent = s.intent, last_applied = s.last_applied,
    kept = s.kept, failures = s.failures, error = s.error, deleting = s.deleting,
    refused = case when s.failures > sync_object.failures then s.refused else sync_object.refused and s.failures > 0 end,
    -- What was said of its manager or members and not heard is not known by how its own attributes are.
    unsettled = s.unsettled or (sync_object.unsettled and sync_object.references_due),
    -- Whoever left stays on the list until the account is known to be closed.
    leaving = case when s.state = 'linked' or s.intent is not null or (s.unsettled and s.state = 'disabled')
                   then sync_object.leaving end,
    -- A row that went well does not end the wait of one that failed before in the same cycle.
    next_try = case when s.failures > 0 and s.retry_seconds is null then sync_object.next_try
                    else moment() + make_interval(secs => s.retry_seconds) end
from unnest($3::uuid[], $4::bigint[], $5::text[], $6::boolean[], $7::text[], $8::jsonb[], $9::jsonb[],
            $10::jsonb[], $11::integer[], $12::text[], $13::double precision[], $14::boolean[], $15::boolean[],
            $16::boolean[])
     as s (id, applied_seq, target_id, adopted, state, intent, last_applied, kept, failures, error, retry_seconds,
           unsettled, deleting, refused)
where tenant = $1 and application = $2 and source_id = s.id and source_id = any($3)

-- name: forget
-- Not those that changed again meanwhile: they are looked at once more.
delete from sync_object using unnest($3::uuid[], $4::bigint[]) as gone (id, seq)
where tenant = $1 and application = $2 and source_id = gone.id and source_id = any($3) and desired_seq <= gone.seq

-- name: forget_member
-- Whoever has no account is a member of nothing ($3), and a group that is not there has none ($4).
delete from sync_member
where tenant = $1 and application = $2 and (member_id = any($3::uuid[]) or group_id = any($4::uuid[]))

-- name: member_put
insert into sync_member (tenant, application, group_id, member_id, target_id, added, confirmed)
select $1, $2, m.*, true from unnest($3::uuid[], $4::uuid[], $5::text[], $6::boolean[]) as m
on conflict (tenant, application, group_id, member_id) do update
set target_id = excluded.target_id, confirmed = true

-- name: member_drop
delete from sync_member using unnest($3::uuid[], $4::uuid[]) as gone (group_id, member_id)
where sync_member.tenant = $1 and application = $2 and sync_member.group_id = gone.group_id
  and sync_member.member_id = gone.member_id and sync_member.group_id = any($3) and sync_member.member_id = any($4)

-- name: references_settle
-- Whoever had every row of this cycle done has no open references.
with done as materialized (
    select source_id from sync_change where tenant = $1 and application = $2 and cycle = $3
    group by source_id having bool_and(status = 'success' or action = 'refuse' and not retry)
)
update sync_object set references_due = false, unsettled = false
from done
where tenant = $1 and application = $2 and references_due and sync_object.source_id = done.source_id
  and ($4::uuid[] is null or sync_object.source_id = any($4)) and sync_object.source_id <> all($5::uuid[])

-- name: cycles
select * from sync_cycle where tenant = $1 and application = $2 and ($4::text is null or mode = $4)
order by started desc limit $3

-- name: log
select c.*, y.number, y.kind, y.mode from sync_change c
join sync_cycle y on y.tenant = c.tenant and y.application = c.application and y.id = c.cycle
where c.tenant = $1 and c.application = $2 and y.mode = 'cycle'
  and ($3::bigint is null or y.number = $3) and ($4::uuid[] is null or c.source_id = any($4))
  and ($4 is not null or c.action <> 'nothing' or c.status <> 'success')
order by y.number desc, c.phase, c.ordinal limit $5

-- name: log_names
-- Who was called so when something was logged of them.
select distinct source_id from sync_change
where tenant = $1 and application = $2 and object_type = 'User' and lower(source_name) = lower($3)

-- name: managed_by
-- Whose account is this, whatever the tenant.
select a.name from sync_object o
join application a on a.tenant = o.tenant and a.id = o.application
where o.target_id = $1 and o.state in ('linked', 'disabled') order by a.name

-- name: changes_prune
-- Old cycles, and all but the latest dry runs of either kind.
delete from sync_cycle
where tenant = $1 and application = $2 and (number <= $3 or started < moment() - make_interval(days => $5) or mode <> 'cycle' and status <> 'running' and id not in (
    select id from (
        select id, row_number() over (partition by mode order by started desc) as place from sync_cycle
        where tenant = $1 and application = $2 and mode <> 'cycle') as dry
    where place <= $4))

-- name: standing
-- Who works is counted only where $3 or more fail: that is to look at everybody.
with failed as (
    select count(*) filter (where desired_seq > applied_seq) as failing,
           count(*) filter (where desired_seq <= applied_seq) as "references"
    from sync_object where tenant = $1 and application = $2 and failures > 0 and not refused
)
select failing, "references", case when failing >= $3 then (
    select count(*) from sync_object where tenant = $1 and application = $2 and target_id is not null and failures = 0
) else 0 end as working
from failed

-- name: statistics
select object_type, state, count(*) as count, count(*) filter (where failures > 0) as failing,
       count(leaving) as leavers
from sync_object where tenant = $1 and application = $2 group by object_type, state

-- name: plan_summary
-- What a reason quotes differs from object to object: of a merge it is the value that matched.
select action, object_type, regexp_replace(reason, '''[^'']*''|"[^"]*"', '…', 'g') as reason, count(*) as count, min(phase) as phase
from sync_change where tenant = $1 and application = $2 and cycle = $3 and action <> 'nothing'
group by 1, 2, 3 order by min(phase), action, count(*) desc, reason

-- name: plan_rows
select * from sync_change
where tenant = $1 and application = $2 and cycle = $3 and (phase, ordinal) > ($4, $5) and action <> 'nothing'
  and ($6 = '' or action = $6) and ($7 = '' or object_type = $7)
  and ($8 = '' or regexp_replace(reason, '''[^'']*''|"[^"]*"', '…', 'g') = $8)
order by phase, ordinal limit $9

-- name: log_entry
select c.*, y.number, y.kind, y.started from sync_change c
join sync_cycle y on y.tenant = c.tenant and y.application = c.application and y.id = c.cycle
where c.tenant = $1 and c.application = $2 and y.mode = 'cycle' and y.number = $3 and c.ordinal = $4

-- name: cycle_failures
-- What a cycle failed to do, in the order in which it was tried.
select action, object_type, source_id, source_name, target_id, message, detail from sync_change
where tenant = $1 and application = $2 and cycle = $3 and status = 'failure' order by phase, ordinal limit $4

-- name: quarantine
select quarantine from sync_job where tenant = $1 and application = $2

-- name: states
select application, last_cycle, quarantine, coalesce(lease_until > moment(), false) as held from sync_job where tenant = $1

-- name: report_days
-- Cycles that have ended are counted already.
select (at at time zone 'UTC')::date as day, action, coalesce(status, 'skipped') as status, sum(count)::bigint as count
from (
    select y.started, t.quarter as at, t.action, nullif(t.status, '') as status, t.count from sync_cycle y
    join sync_tally t on t.tenant = y.tenant and t.application = y.application and t.cycle = y.id
    where y.tenant = $1 and y.application = $2
    union all
    select y.started, c.at, c.action, c.status, 1 from sync_cycle y
    join sync_change c on c.tenant = y.tenant and c.application = y.application and c.cycle = y.id
    where y.tenant = $1 and y.application = $2 and y.mode = 'cycle' and y.ended is null) counted
where action <> 'nothing' and started > moment() - make_interval(days => $3)
group by 1, 2, 3 order by 1

-- name: report_seconds
select (started at time zone 'UTC')::date as day, max(extract(epoch from ended - started))::double precision as seconds
from sync_cycle
where tenant = $1 and application = $2 and mode = 'cycle' and ended is not null
  and started > moment() - make_interval(days => $3)
group by 1

-- name: report_errors
select c.* from sync_change c
join sync_cycle y on y.tenant = c.tenant and y.application = c.application and y.id = c.cycle
where c.tenant = $1 and c.application = $2 and y.mode = 'cycle' and (c.status = 'failure' or c.action = 'refuse')
  and y.started > moment() - make_interval(days => $3)
order by y.number desc, c.ordinal limit $4

-- name: report_cycles
select count(*) as cycles, count(*) filter (where status <> 'done') as failed, coalesce(sum(requests), 0) as requests,
       (percentile_cont(0.5) within group (order by extract(epoch from ended - started)))::double precision as median,
       (max(extract(epoch from ended - started)))::double precision as slowest
from sync_cycle
where tenant = $1 and application = $2 and mode = 'cycle' and started > moment() - make_interval(days => $3)

-- name: workers
-- Every worker of the installation, how long it has been silent and what is at work there.
select w.id, extract(epoch from now() - w.last_heartbeat)::double precision as silent,
       (select count(*) from procrastinate_jobs j where j.worker_id = w.id and j.status = 'doing') as jobs
from procrastinate_workers w order by w.id

-- name: queue
-- What a tenant's applications have in the queue: what is at work and who helps, then what waits, the longest first.
select j.task_name, j.args->>'application' as application, coalesce(a.name, '') as name, j.worker_id,
       case when j.status = 'doing' then 'running' else 'waiting' end as state,
       (select max(e.at) from procrastinate_events e where e.job_id = j.id) as since,
       array(select h.worker from sync_helper h where h.tenant = a.tenant and h.application = a.id and h.until > moment()
             and j.status = 'doing' and j.task_name = 'cycle' order by h.worker) as helpers
from procrastinate_jobs j
left join application a on a.tenant = (j.args->>'tenant')::uuid and a.id = (j.args->>'application')::uuid
where j.args->>'tenant' = $1 and j.status in ('todo', 'doing')
order by j.status <> 'doing', j.id

-- name: queue_of_others
select count(*) from procrastinate_jobs where args->>'tenant' <> $1 and status in ('todo', 'doing')
