-- name: watched
select coalesce((select watched from sync_job where tenant = $1 and application = $2), 0)

-- name: since
-- When each of these objects changed last.
select object_id, at from directory_change where tenant = $1 and object_id = any($2::uuid[])

-- name: mark
-- $3 leave, since $4 unless they did before; $5 are back. Whose account was closed meanwhile is not put on the list.
update sync_object
set leaving = case when source_id = any($3::uuid[]) and (state = 'linked' or intent is not null or (unsettled and state = 'disabled'))
                   then coalesce(leaving, (select at from unnest($3::uuid[], $4::timestamptz[]) as gone (id, at)
                                           where gone.id = source_id)) end
where tenant = $1 and application = $2 and (source_id = any($3::uuid[]) or source_id = any($5::uuid[]))

-- name: advance
update sync_job set watched = greatest(watched, $3) where tenant = $1 and application = $2

-- name: unwatched
-- Applications whose directory has changed since leavers were looked for.
select a.tenant, a.id, a.name from application a
join tenant t on t.id = a.tenant
join sync_job j on j.tenant = a.tenant and j.application = a.id
where j.watched <> t.seq and a.tenant_url is not null and a.secret_token is not null

-- name: accounts
-- People of whom an account may be open, by id.
select source_id from sync_object
where tenant = $1 and application = $2 and object_type = 'User' and source_id > $3
  and (state = 'linked' or intent is not null or (unsettled and state = 'disabled'))
order by source_id limit $4

-- name: open
select o.application, a.name as app, o.source_id, o.target_id, o.state, o.intent, o.leaving, o.error,
       moment() - o.leaving as age, j.quarantine, a.provisioning,
       coalesce(u.upn, o.last_applied ->> 'userName', o.intent ->> 'userName', o.source_id::text) as name
from sync_object o
join application a on a.tenant = o.tenant and a.id = o.application
join sync_job j on j.tenant = o.tenant and j.application = o.application
left join directory_user u on u.tenant = o.tenant and u.id = o.source_id
where o.tenant = $1 and o.application = any($2::uuid[]) and o.leaving is not null
order by o.leaving, name limit $3

-- name: how_many
select count(*) from sync_object where tenant = $1 and application = $2 and leaving is not null

-- name: unknown
-- Whether the directory has changed since leavers were looked for, in an application that has accounts.
select exists (
    select from sync_job j join tenant t on t.id = j.tenant
    where j.tenant = $1 and j.application = $2 and j.watched <> t.seq
) and exists (select from sync_object where tenant = $1 and application = $2 and target_id is not null)

-- name: counted
select t.name as tenant, a.name as app, count(o.source_id) as open,
       coalesce(extract(epoch from moment() - min(o.leaving)), 0)::double precision as age
from application a
join tenant t on t.id = a.tenant
left join sync_object o on o.tenant = a.tenant and o.application = a.id and o.leaving is not null
where a.tenant_url is not null
group by t.name, a.name order by t.name, a.name
