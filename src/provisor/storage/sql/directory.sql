-- name: tenant_insert
insert into tenant (id, name, domain) values ($1, $2, $3)

-- name: tenant_by_name
select id, name, domain, created from tenant where name = $1

-- name: tenant_by_id
select id, name, domain, created from tenant where id = $1

-- name: tenants_called
-- By id, by name or by domain, in any case; several may have one domain.
select id, name, domain from tenant where id::text = $1 or name = $1 or lower(domain) = $1 order by created, name

-- name: tenants
select id, name, domain, created from tenant order by created, name

-- name: feed_append
-- The tenant's row is locked from here to the commit: commit order is number order. A membership ($4 to $6) gets the number
-- of its group.
with numbered as (
    update tenant set seq = seq + cardinality($2::uuid[]) where id = $1
    returning seq, pg_notify('provisor_change', '')
), fed as (
    insert into directory_change (tenant, object_id, object_type, seq)
    select $1, change.id, change.type, numbered.seq - cardinality($2::uuid[]) + change.place
    from numbered, unnest($2::uuid[], $3::text[]) with ordinality as change (id, type, place)
    on conflict (tenant, object_id) do update set seq = excluded.seq, at = now()
    returning object_id, seq
)
insert into directory_member_change (tenant, group_id, member_id, member_type, seq)
select $1, moved.group_id, moved.member_id, moved.member_type, fed.seq
from unnest($4::uuid[], $5::uuid[], $6::text[]) as moved (group_id, member_id, member_type)
join fed on fed.object_id = moved.group_id
on conflict (tenant, group_id, member_id)
do update set seq = excluded.seq, at = now(), member_type = excluded.member_type

-- name: member_changes_forget
-- The oldest, up to $2 of them, when nobody who follows can ask for them any more.
delete from directory_member_change c using (
    select group_id, member_id from directory_member_change where tenant = $1 order by seq, member_id limit $2) as oldest
where c.tenant = $1 and c.group_id = oldest.group_id and c.member_id = oldest.member_id
  and c.at < now() - interval '8 days'

-- name: feed_head
select seq from tenant where id = $1

-- name: feed_page
select object_id, object_type, seq from directory_change
where tenant = $1 and seq > $2
order by seq limit $3

-- name: user_upsert
insert into directory_user (tenant, id, upn, upn_key, name_key, enabled, deleted, doc)
select $1, id, upn, upn_key, name_key, enabled, deleted, doc
from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[], $8::jsonb[])
     as person (id, upn, upn_key, name_key, enabled, deleted, doc)
on conflict (tenant, id) do update
set upn = excluded.upn, upn_key = excluded.upn_key, name_key = excluded.name_key, enabled = excluded.enabled,
    deleted = excluded.deleted, doc = excluded.doc, modified = now()

-- name: users_by_key
select id, upn, enabled, deleted, doc from directory_user
where tenant = $1 and upn_key = any($2::text[])
order by deleted nulls first

-- name: users_by_id
select id, upn, enabled, deleted, doc from directory_user where tenant = $1 and id = any($2::uuid[])

-- name: users_lock
select id, upn, enabled, deleted, doc from directory_user where tenant = $1 and id = any($2::uuid[]) order by id for update

-- name: users_keep
-- They cannot be recycled or deleted before this transaction ends.
select id from directory_user where tenant = $1 and id = any($2::uuid[]) order by id for share

-- name: users_by_key_lock
select id, upn, enabled, deleted, doc from directory_user
where tenant = $1 and upn_key = any($2::text[])
order by deleted nulls first, id
for update

-- name: user_purge
with glass as (delete from break_glass_account where tenant = $1 and user_id = $2),
     apps as (delete from authenticator_app where tenant = $1 and user_id = $2),
     keys as (delete from passkey where tenant = $1 and user_id = $2),
     codes as (delete from recovery_code where tenant = $1 and user_id = $2),
     linked as (delete from external_identity where tenant = $1 and user_id = $2)
delete from directory_user where tenant = $1 and id = $2

-- name: leave_groups
delete from directory_member where tenant = $1 and member_id = $2 returning group_id

-- name: forget_assignments
delete from application_assignment where tenant = $1 and principal_id = $2

-- name: reports_of
select id from directory_user where tenant = $1 and doc ->> 'manager' = any($2::text[])

-- name: reports_detach
update directory_user set doc = doc - 'manager', modified = now()
where tenant = $1 and doc ->> 'manager' = $2 returning id

-- name: groups_of
select distinct group_id from directory_member where tenant = $1 and member_id = any($2::uuid[])

-- name: group_upsert
insert into directory_group (tenant, id, name_key, doc)
select $1, id, name_key, doc from unnest($2::uuid[], $3::text[], $4::jsonb[]) as team (id, name_key, doc)
on conflict (tenant, id) do update set name_key = excluded.name_key, doc = excluded.doc, modified = now()

-- name: groups_by_key
select id, doc from directory_group where tenant = $1 and name_key = any($2::text[])

-- name: groups_by_id
select id, doc from directory_group where tenant = $1 and id = any($2::uuid[])

-- name: groups_keep
-- They cannot be deleted before this transaction ends.
select id from directory_group where tenant = $1 and id = any($2::uuid[]) order by id for key share

-- name: groups_lock
-- Whoever joins one of them waits: membership rows take a key-share lock on their group.
select id from directory_group where tenant = $1 and id = any($2::uuid[]) order by id for update

-- name: group_delete
delete from directory_group where tenant = $1 and id = $2

-- name: member_insert
insert into directory_member (tenant, group_id, member_id, member_type)
select $1, group_id, member_id, member_type
from unnest($2::uuid[], $3::uuid[], $4::text[]) as row (group_id, member_id, member_type)
on conflict do nothing
returning group_id, member_id

-- name: member_delete
delete from directory_member m using unnest($2::uuid[], $3::uuid[]) as row (group_id, member_id)
where m.tenant = $1 and m.group_id = row.group_id and m.member_id = row.member_id
returning m.group_id, m.member_id

-- name: members_of
select m.group_id, m.member_id, m.member_type, coalesce(u.upn, g.doc ->> 'displayName') as name
from directory_member m
left join directory_user u on u.tenant = m.tenant and u.id = m.member_id
left join directory_group g on g.tenant = m.tenant and g.id = m.member_id
where m.tenant = $1 and m.group_id = any($2::uuid[]) and u.deleted is null
order by name

-- name: role_insert
insert into directory_role (tenant, user_id, role) values ($1, $2, $3) on conflict do nothing

-- name: roles_of
select role from directory_role where tenant = $1 and user_id = $2

-- name: first_administrator
select u.upn from directory_role r join directory_user u on u.tenant = r.tenant and u.id = r.user_id
where r.tenant = $1 and r.role = 'Global Administrator' and u.enabled and u.deleted is null
order by u.created, u.upn limit 1

-- name: tenant_lock
select id from tenant where id = $1 for update

-- name: administrators
select u.id from directory_role r join directory_user u on u.tenant = r.tenant and u.id = r.user_id
where r.tenant = $1 and r.role = 'Global Administrator' and u.enabled and u.deleted is null

-- name: owned_by
select application from application_owner where tenant = $1 and user_id = $2

-- name: tenant_size
select (select count(*) from directory_user where tenant = $1 and deleted is null) as users,
       (select count(*) from directory_group where tenant = $1) as groups

-- name: role_delete
delete from directory_role where tenant = $1 and user_id = $2 and role = $3 returning role

-- name: role_holders
select u.id, u.upn, u.enabled and u.deleted is null as active, r.role from directory_role r
join directory_user u on u.tenant = r.tenant and u.id = r.user_id
where r.tenant = $1 order by r.role, u.upn

-- name: password_put
insert into directory_password (tenant, user_id, hash) values ($1, $2, $3)
on conflict (tenant, user_id) do update set hash = excluded.hash, changed = now()

-- name: password_get
select hash from directory_password where tenant = $1 and user_id = $2

-- name: password_still
-- Whether this is the password still; whoever sets another one waits until the session is there that they then end.
select hash = $3 from directory_password where tenant = $1 and user_id = $2 for share

-- name: administrator_with_password
select exists (
    select from directory_role r
    join directory_user u on u.tenant = r.tenant and u.id = r.user_id
    join directory_password p on p.tenant = r.tenant and p.user_id = r.user_id
    where r.tenant = $1 and r.role = 'Global Administrator' and u.enabled and u.deleted is null)

-- name: arrival
-- Whose session it is, with all that decides what they may do; nobody when it or the person has ended. $7: whether it is
-- that of somebody who has yet to show a second factor, who has ten minutes.
select s.notice, s.methods, extract(epoch from now() - s.authenticated)::double precision as age, s.seen < now() - make_interval(secs => $6) as stale,
       u.id, u.upn, u.enabled, u.deleted, u.doc,
       array(select role from directory_role r where r.tenant = u.tenant and r.user_id = u.id) as roles,
       array(select application from application_owner o where o.tenant = u.tenant and o.user_id = u.id) as owns
from session s
join directory_user u on u.tenant = $1 and u.id = s.subject::uuid
where s.hash = $2 and s.realm = $3 and s.opened > now() - make_interval(secs => $4)
  and s.seen > now() - make_interval(secs => $5) and s.pending = $7
  and (not s.pending or s.opened > now() - interval '10 minutes') and u.enabled and u.deleted is null

-- name: users_page
-- Users by name, those with a part of a name when one is given, and those (en- or) disabled when it is asked. In the recycle
-- bin several may have one name.
select id, upn, enabled, deleted, doc from directory_user
where tenant = $1 and (upn_key, id) > ($2, $3) and (deleted is not null) = $5
  and ($6 = '' or position($6 in upn_key) > 0 or position($6 in name_key) > 0)
  and ($7::boolean is null or enabled = $7)
order by upn_key, id limit $4

-- name: extension_names
-- The extension attributes that anybody has.
select distinct key as name from directory_user, jsonb_object_keys(doc) as key
where tenant = $1 and starts_with(key, 'extension_') order by key

-- name: groups_page
select g.id, g.doc, g.name_key,
       (select count(*) from directory_member m where m.tenant = g.tenant and m.group_id = g.id) as members
from directory_group g
where g.tenant = $1 and (g.name_key, g.id) > ($2, $4) and ($5 = '' or position($5 in g.name_key) > 0)
order by g.name_key, g.id limit $3

-- name: members_page
-- Direct members of one group without those in the recycle bin, by name. People and groups apart, each in the order of an
-- index: of a group with everybody in it no more is read than the page shows.
select * from (
    (select u.id, m.member_type as type, u.upn as name, coalesce(u.doc ->> 'displayName', '') as display, u.upn_key as key,
            u.enabled
     from directory_user u
     join directory_member m on m.tenant = u.tenant and m.group_id = $2 and m.member_id = u.id
     where u.tenant = $1 and u.deleted is null and (u.upn_key, u.id) > ($3, $4)
       and ($5 = '' or position($5 in u.upn_key) > 0 or position($5 in u.name_key) > 0)
     order by u.upn_key, u.id limit $6)
    union all
    (select g.id, m.member_type, g.doc ->> 'displayName', '', g.name_key, true
     from directory_group g
     join directory_member m on m.tenant = g.tenant and m.group_id = $2 and m.member_id = g.id
     where g.tenant = $1 and (g.name_key, g.id) > ($3, $4) and ($5 = '' or position($5 in g.name_key) > 0)
     order by g.name_key, g.id limit $6)) as member
order by key, id limit $6

-- name: called
-- What users and groups are called.
select u.id, u.upn as name from directory_user u where u.tenant = $1 and u.id = any($2::uuid[])
union all
select g.id, g.doc ->> 'displayName' from directory_group g where g.tenant = $1 and g.id = any($2::uuid[])

-- name: memberships
-- The groups that somebody is a direct member of.
select g.id, g.doc ->> 'displayName' as name from directory_member m
join directory_group g on g.tenant = m.tenant and g.id = m.group_id
where m.tenant = $1 and m.member_id = $2 order by g.name_key, g.id

-- name: assigned_to
-- The applications that somebody is assigned to, directly or through a group that they are in.
select a.id, a.name, min(case when s.principal_id = $2 then '' else g.doc ->> 'displayName' end) as through
from application_assignment s
join application a on a.tenant = s.tenant and a.id = s.application
left join directory_group g on g.tenant = s.tenant and g.id = s.principal_id
where s.tenant = $1 and (s.principal_id = $2 or s.principal_id in (
    select group_id from directory_member where tenant = $1 and member_id = $2))
group by a.id, a.name order by a.name

-- name: group_owners
select o.owner_id, o.owner_type, coalesce(u.upn, c.name) as name
from directory_owner o
left join directory_user u on u.tenant = o.tenant and u.id = o.owner_id
left join client c on c.tenant = o.tenant and c.id = o.owner_id
where o.tenant = $1 and o.group_id = $2 and u.deleted is null and (u.id is not null or c.id is not null)
order by name

-- name: forget_owners
-- Of a group or person who is gone for good.
delete from directory_owner where tenant = $1 and (group_id = $2 or owner_id = $2)

-- name: group_owner_insert
insert into directory_owner (tenant, group_id, owner_id, owner_type) values ($1, $2, $3, $4)
on conflict do nothing returning owner_id

-- name: group_owner_delete
delete from directory_owner where tenant = $1 and group_id = $2 and owner_id = $3 returning owner_id

-- name: objects_by_id
-- Users and groups by id: what each is.
select id, 'User' as type from directory_user where tenant = $1 and id = any($2::uuid[])
union all
select id, 'Group' from directory_group where tenant = $1 and id = any($2::uuid[])
