-- What came of a row of the provisioning log; null while it is not done.
create or replace function sync_result(action text, status text) returns text language sql immutable as $$
select case
    when status is null or action = 'nothing' and status = 'success' then null
    when status = 'failure' or action = 'refuse' then 'failed'
    when status = 'skipped' then 'skipped'
    when action = 'create' then 'created'
    when action = 'disable' then 'disabled'
    when action = 'delete' then 'deleted'
    else 'updated' end
$$;

-- The rows of cycles that have ended, counted: nobody changes them any more. An index by time and status would be written
-- anew with every row that is done, and 1,000,000 of its entries read for a month. All zones are whole quarters apart.
drop table if exists sync_tally;
create table sync_tally (
    tenant      uuid not null,
    application uuid not null,
    quarter     timestamptz not null,
    cycle       uuid not null,
    action      text not null,
    -- Empty while it is not done.
    status      text not null,
    count       bigint not null,
    primary key (tenant, application, quarter, cycle, action, status)
);
create index sync_tally_cycle on sync_tally (tenant, application, cycle);

-- What a cycle ends with is written after it has ended, in the same transaction: it is counted when that is committed.
create or replace function sync_cycle_tally() returns trigger language plpgsql as $$
begin
    insert into sync_tally (tenant, application, quarter, cycle, action, status, count)
    select new.tenant, new.application, date_bin('15 minutes', c.at, '2000-01-01 00:00+00'), new.id,
           c.action, coalesce(c.status, ''), count(*)
    from sync_change c
    where c.tenant = new.tenant and c.application = new.application and c.cycle = new.id
    group by 3, 5, 6;
    return null;
end $$;
drop trigger if exists sync_cycle_tally on sync_cycle;
create constraint trigger sync_cycle_tally after update on sync_cycle deferrable initially deferred for each row
    when (new.mode = 'cycle' and old.ended is null and new.ended is not null) execute function sync_cycle_tally();

create or replace function sync_cycle_forget() returns trigger language plpgsql as $$
begin
    delete from sync_tally t using gone
    where t.tenant = gone.tenant and t.application = gone.application and t.cycle = gone.id;
    return null;
end $$;
create or replace trigger sync_cycle_forget after delete on sync_cycle
    referencing old table as gone for each statement execute function sync_cycle_forget();

-- Nobody ends a cycle between the first count and the triggers.
lock table sync_cycle in share row exclusive mode;
insert into sync_tally (tenant, application, quarter, cycle, action, status, count)
select c.tenant, c.application, date_bin('15 minutes', c.at, '2000-01-01 00:00+00'), c.cycle,
       c.action, coalesce(c.status, ''), count(*)
from sync_change c
join sync_cycle y on y.tenant = c.tenant and y.application = c.application and y.id = c.cycle
where y.mode = 'cycle' and y.ended is not null
group by 1, 2, 3, 4, 5, 6;
