-- name: clear
-- Of one cycle, or of whichever there was.
with helpers as (delete from sync_helper where tenant = $1 and application = $2 and ($3::uuid is null or cycle = $3)),
     pages as (delete from sync_page where tenant = $1 and application = $2 and ($3::uuid is null or cycle = $3))
delete from sync_shared where tenant = $1 and application = $2 and ($3::uuid is null or cycle = $3)

-- name: open
insert into sync_shared (tenant, application, cycle, epoch, fingerprint, phase, ordinal)
select $1, $2, $3, $4, $5, coalesce(min(phase), 0), -1
from sync_change where tenant = $1 and application = $2 and cycle = $3

-- name: close
update sync_shared set closed = true where tenant = $1 and application = $2 and cycle = $3

-- name: place
-- A process that stands still while it takes a page is not waited for longer than others wait.
select phase, ordinal, closed,
       (select count(*) from sync_helper h
        where h.tenant = $1 and h.application = $2 and h.cycle = $3 and h.until > moment()) as helpers,
       set_config('idle_in_transaction_session_timeout', '15s', true)
from sync_shared where tenant = $1 and application = $2 and cycle = $3 for update

-- name: page
select * from sync_change
where tenant = $1 and application = $2 and cycle = $3 and phase = $4 and ordinal > $5
order by phase, ordinal limit $6

-- name: busy
select exists (
    select from sync_page
    where tenant = $1 and application = $2 and cycle = $3 and objects is not null and objects && $4::uuid[])

-- name: take
with taken as (
    insert into sync_page (tenant, application, cycle, phase, first, last, helper, objects)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
)
update sync_shared set ordinal = $6 where tenant = $1 and application = $2 and cycle = $3

-- name: done
update sync_page set objects = null, failures = $6, harmed = $7, requests = $8
where tenant = $1 and application = $2 and cycle = $3 and phase = $4 and first = $5

-- name: under_way
select count(*) from sync_page where tenant = $1 and application = $2 and cycle = $3 and objects is not null

-- name: turn
update sync_shared s set phase = next.phase, ordinal = -1
from (select min(c.phase) as phase from sync_change c, sync_shared now
      where now.tenant = $1 and now.application = $2 and now.cycle = $3
        and c.tenant = $1 and c.application = $2 and c.cycle = $3 and c.phase > now.phase) as next
where s.tenant = $1 and s.application = $2 and s.cycle = $3 and next.phase is not null
returning s.phase

-- name: totals
-- What was given up has failed as well.
select coalesce(sum(failures), 0) + (select count(*) from sync_change where tenant = $1 and application = $2 and cycle = $3
                                     and status = 'failure' and message = $4) as failures, coalesce(sum(requests), 0) as requests,
       array(select distinct unnest(harmed) from sync_page
             where tenant = $1 and application = $2 and cycle = $3) as harmed
from sync_page where tenant = $1 and application = $2 and cycle = $3

-- name: join
-- Whoever would do it by the same configuration, at most $8 with the one that holds the lease.
insert into sync_helper (id, tenant, application, cycle, worker, until)
select $4, $1, $2, $3, $5, moment() + make_interval(secs => $6) from sync_shared s
where s.tenant = $1 and s.application = $2 and s.cycle = $3 and s.fingerprint = $7 and not s.closed
  and (select count(*) from sync_helper h
       where h.tenant = $1 and h.application = $2 and h.cycle = $3 and h.until > moment()) + 1 < $8
returning id

-- name: helper
-- One that is heard of, of a cycle whose lease is held still.
select h.id from sync_helper h
join sync_shared s on s.tenant = h.tenant and s.application = h.application and s.cycle = h.cycle
join sync_job j on j.tenant = h.tenant and j.application = h.application and j.epoch = s.epoch
where h.id = $1 and j.lease_until > moment()

-- name: helper_keep
update sync_helper h set until = moment() + make_interval(secs => $2)
from sync_shared s, sync_job j
where h.id = $1 and s.tenant = h.tenant and s.application = h.application and s.cycle = h.cycle
  and j.tenant = h.tenant and j.application = h.application and j.epoch = s.epoch and j.lease_until > moment()
returning h.id

-- name: helper_leave
delete from sync_helper where id = $1

-- name: silent
-- Helpers that are not heard of any more are none from now on.
delete from sync_helper where tenant = $1 and application = $2 and until < moment()

-- name: given_up
-- What was in the hands of helpers that are none any more: nobody knows what came of it, so all of it is due, and the next
-- cycle looks. Members and managers are due until each row about them is done.
with pages as (
    update sync_page p set objects = null
    where tenant = $1 and application = $2 and cycle = $3 and objects is not null and helper <> $4
      and not exists (select from sync_helper h where h.id = p.helper)
    returning phase, first, last
),
open_ones as (
    update sync_change c set status = 'failure', message = $5, at = moment()
    from pages where c.tenant = $1 and c.application = $2 and c.cycle = $3 and c.phase = pages.phase
      and c.ordinal between pages.first and pages.last and c.status is null
    returning c.source_id
)
update sync_object o
set unsettled = o.target_id is not null, next_try = null, applied_seq = least(o.applied_seq, o.desired_seq - 1)
where o.tenant = $1 and o.application = $2 and o.source_id in (select source_id from open_ones)

-- name: open_ones
select s.tenant, s.application, s.epoch, s.fingerprint, c.id as cycle, c.number, c.kind, c.mode, j.generation
from sync_shared s join sync_cycle c on c.tenant = s.tenant and c.application = s.application and c.id = s.cycle
join sync_job j on j.tenant = s.tenant and j.application = s.application and j.epoch = s.epoch
where not s.closed and j.lease_until > moment() and j.holder <> $1
