-- name: insert
insert into application (tenant, id, name, name_key, template, schema) values ($1, $2, $3, $4, $5, $6)
on conflict (tenant, name_key) do nothing
returning id

-- name: by_name
select * from application where tenant = $1 and name_key = $2

-- name: by_id
select * from application where tenant = $1 and id = $2

-- name: all
select * from application where tenant = $1 order by name_key

-- name: running
-- Applications that are On, or the one of them with this id.
select a.tenant, a.id, a.name, j.initial, j.watermark, j.last_cycle, j.quarantine, t.seq, moment() as now,
       coalesce(j.refused, 0) as refused, a.policies->>'schedule' as schedule,
       exists (
           select from procrastinate_jobs q where q.queueing_lock = 'cycle ' || a.id::text and q.status = 'todo'
       ) as queued,
       coalesce(j.rest_until > moment(), false) as resting, coalesce(j.lease_until > moment(), false) as held,
       exists (
           select from sync_object o
           where o.tenant = a.tenant and o.application = a.id
             and (o.desired_seq > o.applied_seq or o.references_due) and (o.next_try is null or o.next_try <= moment())
       ) as retries,
       exists (
           select from sync_object o where o.tenant = a.tenant and o.application = a.id and o.leaving is not null
       ) as leavers
from application a
join tenant t on t.id = a.tenant
left join sync_job j on j.tenant = a.tenant and j.application = a.id
where a.provisioning = 'On' and a.tenant_url is not null and a.secret_token is not null
  and ($1::uuid is null or a.id = $1)

-- name: lock
select * from application where tenant = $1 and id = $2 for update

-- name: update
update application
set provisioning_mode = $3, tenant_url = $4, secret_token = $5, scope = $6, provisioning = $7, capabilities = $8,
    schema = $9, guard_percent = $10, guard_most = $11, policies = $12, notification_email = $13, notification_on = $14
where tenant = $1 and id = $2

-- name: assign
insert into application_assignment (tenant, application, principal_id, principal_type)
select $1, $2, id, type from unnest($3::uuid[], $4::text[]) as principal (id, type)
on conflict do nothing
returning principal_id

-- name: unassign
delete from application_assignment where tenant = $1 and application = $2 and principal_id = any($3::uuid[])
returning principal_id

-- name: assignments
select a.principal_id, a.principal_type, a.created, coalesce(u.upn, g.doc ->> 'displayName') as name
from application_assignment a
left join directory_user u on u.tenant = a.tenant and u.id = a.principal_id
left join directory_group g on g.tenant = a.tenant and g.id = a.principal_id
where a.tenant = $1 and a.application = $2
order by a.principal_type, name

-- name: owner_add
insert into application_owner (tenant, application, user_id) values ($1, $2, $3) on conflict do nothing
returning user_id

-- name: owner_remove
delete from application_owner where tenant = $1 and application = $2 and user_id = $3
returning user_id

-- name: owners
select u.id, u.upn from application_owner o
join directory_user u on u.tenant = o.tenant and u.id = o.user_id
where o.tenant = $1 and o.application = $2 order by u.upn

-- name: read_users
-- A user, and how it is assigned: itself, or through a directly assigned group.
select u.id, u.upn, u.enabled, u.deleted, u.doc, c.seq,
       case when d.principal_id is not null then 'directly'
            else (select 'through the group ' || (g.doc ->> 'displayName')
                  from directory_member m
                  join application_assignment a
                    on a.tenant = m.tenant and a.application = $2 and a.principal_id = m.group_id
                  join directory_group g on g.tenant = m.tenant and g.id = m.group_id
                  where m.tenant = u.tenant and m.member_id = u.id
                  order by g.name_key limit 1)
       end as assigned
from directory_user u
left join directory_change c on c.tenant = u.tenant and c.object_id = u.id
left join application_assignment d on d.tenant = u.tenant and d.application = $2 and d.principal_id = u.id
where u.tenant = $1 and u.id = any($3::uuid[])

-- name: read_users_nested
-- As read_users; an assigned group may be any that is above the user. `union` ends where groups contain each other.
with recursive above as (
    select m.member_id as user_id, m.group_id from directory_member m where m.tenant = $1 and m.member_id = any($3::uuid[])
    union
    select a.user_id, m.group_id from above a join directory_member m on m.tenant = $1 and m.member_id = a.group_id
), through as (
    select distinct on (above.user_id) above.user_id, g.doc ->> 'displayName' as name
    from above
    join application_assignment a on a.tenant = $1 and a.application = $2 and a.principal_id = above.group_id
    join directory_group g on g.tenant = $1 and g.id = above.group_id
    order by above.user_id, g.name_key
)
select u.id, u.upn, u.enabled, u.deleted, u.doc, c.seq,
       case when d.principal_id is not null then 'directly' else 'through the group ' || t.name end as assigned
from directory_user u
left join directory_change c on c.tenant = u.tenant and c.object_id = u.id
left join application_assignment d on d.tenant = u.tenant and d.application = $2 and d.principal_id = u.id
left join through t on t.user_id = u.id
where u.tenant = $1 and u.id = any($3::uuid[])

-- name: read_groups
select g.id, g.doc, c.seq, case when d.principal_id is not null then 'directly' end as assigned
from directory_group g
left join directory_change c on c.tenant = g.tenant and c.object_id = g.id
left join application_assignment d on d.tenant = g.tenant and d.application = $2 and d.principal_id = g.id
where g.tenant = $1 and g.id = any($3::uuid[])

-- name: seqs
select o.id, coalesce(c.seq, 0) as seq
from (
    select tenant, id from directory_user where tenant = $1 and id = any($2::uuid[])
    union all
    select tenant, id from directory_group where tenant = $1 and id = any($2::uuid[])
) o
left join directory_change c on c.tenant = o.tenant and c.object_id = o.id

-- name: read_members
select m.group_id, m.member_id, m.member_type
from directory_member m
left join directory_user u on u.tenant = m.tenant and u.id = m.member_id
where m.tenant = $1 and m.group_id = any($2::uuid[]) and u.deleted is null

-- name: read_members_nested
with recursive below as (
    select m.group_id as root, m.member_id, m.member_type
    from directory_member m where m.tenant = $1 and m.group_id = any($2::uuid[])
    union
    select b.root, m.member_id, m.member_type
    from below b join directory_member m on m.tenant = $1 and m.group_id = b.member_id
)
select b.root as group_id, b.member_id, b.member_type
from below b join directory_user u on u.tenant = $1 and u.id = b.member_id
where u.deleted is null

-- name: groups_above
with recursive above as (
    select m.group_id from directory_member m where m.tenant = $1 and m.member_id = any($2::uuid[])
    union
    select m.group_id from above a join directory_member m on m.tenant = $1 and m.member_id = a.group_id
)
select group_id from above

-- name: related
-- Whom a change of these groups concerns when groups are flattened: groups above them, and everybody below.
with recursive above as (
    select m.group_id from directory_member m where m.tenant = $1 and m.member_id = any($2::uuid[])
    union
    select m.group_id from above a join directory_member m on m.tenant = $1 and m.member_id = a.group_id
), below as (
    select m.member_id, m.member_type from directory_member m where m.tenant = $1 and m.group_id = any($2::uuid[])
    union
    select m.member_id, m.member_type from below b join directory_member m on m.tenant = $1 and m.group_id = b.member_id
)
select group_id as id, 'Group' as type from above
union
select member_id, member_type from below

-- name: everything
select id, type from (
    select id, 'User' as type from directory_user where tenant = $1 and id > $2
    union all
    select id, 'Group' from directory_group where tenant = $1 and id > $2
) as object
order by id limit $3

-- name: draft
select base, schema, modified from mapping_draft where tenant = $1 and application = $2 and user_id = $3

-- name: draft_put
insert into mapping_draft (tenant, application, user_id, base, schema) values ($1, $2, $3, $4, $5)
on conflict (tenant, application, user_id) do update set schema = excluded.schema, modified = now()

-- name: draft_drop
delete from mapping_draft where tenant = $1 and application = $2 and user_id = $3

-- name: assigned_page
-- What is assigned, by type and name, from where the last page ended, with a part of a name when one is given.
select * from (
    select a.principal_id, a.principal_type, a.created, coalesce(u.upn, g.doc ->> 'displayName') as name,
           coalesce(u.doc ->> 'displayName', '') as display,
           lower(coalesce(u.upn, g.doc ->> 'displayName')) as key, coalesce(u.enabled, true) as enabled,
           u.deleted is not null as recycled,
           case when a.principal_type = 'Group' then (
               select count(*) from directory_member m where m.tenant = a.tenant and m.group_id = a.principal_id)
           end as members
    from application_assignment a
    left join directory_user u on u.tenant = a.tenant and u.id = a.principal_id
    left join directory_group g on g.tenant = a.tenant and g.id = a.principal_id
    where a.tenant = $1 and a.application = $2) as assigned
where (principal_type, key, principal_id) > ($3, $4, $5) and (position($6 in key) > 0 or position($6 in lower(display)) > 0)
order by principal_type, key, principal_id limit $7

-- name: assigned_count
select count(*) filter (where principal_type = 'User') as users,
       count(*) filter (where principal_type = 'Group') as groups
from application_assignment where tenant = $1 and application = $2

-- name: unassigned
-- People and groups that could be assigned: those with a part of a name, users and groups, by name.
select * from (
    select u.id, 'User' as type, u.upn as name, coalesce(u.doc ->> 'displayName', '') as display, u.upn_key as key,
           u.enabled
    from directory_user u where u.tenant = $1 and u.deleted is null
      and (position($3 in u.upn_key) > 0 or position($3 in u.name_key) > 0)
    union all
    select g.id, 'Group', g.doc ->> 'displayName', coalesce(g.doc ->> 'description', ''), g.name_key, true
    from directory_group g where g.tenant = $1 and position($3 in g.name_key) > 0) as principal
where not exists (select from application_assignment a
                  where a.tenant = $1 and a.application = $2 and a.principal_id = principal.id)
order by type, key, id limit $4

-- name: rename
update application set name = $3, name_key = $4 where tenant = $1 and id = $2

-- name: delete
-- What has no foreign key is named here: who asks in its name who somebody is, what clients of the Graph API left of it,
-- and who helped with its cycles.
with made as (delete from graph_application where tenant = $1 and application = $2),
     roles as (delete from graph_role where tenant = $1 and application = $2),
     asks as (delete from relying_party where tenant = $1 and application = $2),
     secrets as (delete from password_credential c using relying_party p
                 where p.tenant = $1 and p.application = $2 and c.tenant = p.tenant and c.client = p.id),
     shared as (delete from sync_shared where tenant = $1 and application = $2),
     helpers as (delete from sync_helper where tenant = $1 and application = $2),
     pages as (delete from sync_page where tenant = $1 and application = $2)
delete from application where tenant = $1 and id = $2
