-- name: record
insert into audit (realm, actor, address, request, action, object, object_id, before, after)
select $1, $2, $3, $4, action, object, object_id, before, after
from unnest($5::text[], $6::text[], $7::text[], $8::jsonb[], $9::jsonb[])
     as entry (action, object, object_id, before, after)

-- name: entries
-- Every filter that is null or empty lets all rows through.
select id, at, actor, address, request, action, object, object_id, before, after
from audit
where realm = $1
  and ($3 = '' or position(lower($3) in lower(actor)) > 0)
  and ($4 = '' or action = $4)
  and ($5 = '' or position(lower($5) in lower(object)) > 0 or object_id = $5)
  and ($6 = '' or request = $6)
  and ($7::timestamptz is null or at >= $7) and ($8::timestamptz is null or at < $8)
  and ($9::bigint is null or id < $9)
order by id desc limit $2

-- name: actions
select distinct action from audit where realm = $1 order by action

-- name: writers
-- Who did what since a moment, among the newest rows of a realm: there is no index of moments, and rows are many.
select actor, action, count(*) as changes, count(distinct coalesce(nullif(request, ''), id::text)) as requests, max(at) as last
from (select id, at, actor, request, action from audit where realm = $1 order by id desc limit $3) newest
where at >= $2
group by actor, action order by changes desc, actor, action
