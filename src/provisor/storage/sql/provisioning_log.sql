-- name: page
-- Cycle by cycle, newest first, until there are enough: the log of years is not read for its last page, and of cycles that
-- did nothing between $10 and $11 nothing is. When they did is asked of what is counted: a clock may have been set back
-- while they ran.
select c.*, y.number, y.kind
from (
    select id, number, kind from sync_cycle
    where tenant = $1 and application = $2 and mode = 'cycle' and number <= $3 and ($9::bigint is null or number = $9)
      and ($10::timestamptz is null and $11::timestamptz is null or ended is null or exists (
          select from sync_tally t where t.tenant = $1 and t.application = $2 and t.cycle = sync_cycle.id
            and ($10 is null or t.quarter > $10 - interval '15 minutes') and ($11 is null or t.quarter < $11)))
    order by number desc
) y
cross join lateral (
    select * from sync_change
    where tenant = $1 and application = $2 and cycle = y.id
      and (y.number < $3 or (phase, ordinal) > ($4, $5))
      and (action <> 'nothing' or status <> 'success')
      and ($6 = '' or position($6 in lower(source_name)) > 0)
      and ($7 = '' or status = $7) and ($8 = '' or action = $8)
      and ($10::timestamptz is null or at >= $10) and ($11::timestamptz is null or at < $11)
      and ($12 = '' or sync_result(action, status) = $12)
    order by phase, ordinal limit $13
) c
order by y.number desc, c.phase, c.ordinal limit $13

-- name: counts
-- What came of rows in each interval ($3: where they begin, and where the last one ends), counted from 1. Cycles that have
-- ended are counted already, by quarters of an hour; the rows of the one that runs are counted now, and of those that were
-- cut off, unless another one had begun before the first interval: nothing was done in them after that.
select width_bucket(at, $3::timestamptz[]) as place, result, sum(count)::bigint as count
from (
    select quarter as at, sync_result(action, nullif(status, '')) as result, count from sync_tally
    where tenant = $1 and application = $2 and quarter >= $4 and quarter < $5
    union all
    select c.at, sync_result(c.action, c.status), 1 from sync_cycle y
    join sync_change c on c.tenant = y.tenant and c.application = y.application and c.cycle = y.id
    where y.tenant = $1 and y.application = $2 and y.mode = 'cycle' and y.ended is null and c.at >= $4 and c.at < $5
      and not exists (select from sync_cycle later where later.tenant = $1 and later.application = $2
                      and later.mode = 'cycle' and later.number > y.number and later.started < $4)) counted
where result is not null group by 1, 2
