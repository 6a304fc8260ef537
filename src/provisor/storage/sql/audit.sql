-- name: record
insert into audit (realm, actor, action, object, object_id, before, after)
select $1, $2, action, object, object_id, before, after
from unnest($3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[])
     as entry (action, object, object_id, before, after)

-- name: entries
select id, at, actor, action, object, object_id, before, after
from audit where realm = $1
order by id desc limit $2
