-- name: admission
-- All that decides about a sign-in of $2 to the resource $3, in one look; no row where no policy counts. $4: policies that
-- are off come along. An application has two ids, its own and its client id: a policy may name either.
select p.policies,
       (select coalesce(jsonb_agg(l.doc), '[]') from named_location l where l.tenant = $1) as locations,
       array(with recursive above (id) as (
                 select group_id from directory_member where tenant = $1 and member_id = $2
                 union
                 select m.group_id from directory_member m join above on m.tenant = $1 and m.member_id = above.id)
             select id::text from above) as groups,
       array(select role from directory_role where tenant = $1 and user_id = $2) as roles,
       array(select case when id::text = $3 then application::text else id::text end from relying_party
             where tenant = $1 and application is not null and $3 in (id::text, application::text)) as aliases
from (select jsonb_agg(doc) as policies from conditional_access_policy
      where tenant = $1 and ($4 or doc ->> 'state' <> 'disabled')) as p
where p.policies is not null

-- name: policies
select id, doc, created, modified from conditional_access_policy where tenant = $1 order by name_key, id

-- name: policy_put
insert into conditional_access_policy (tenant, id, name_key, doc) values ($1, $2, $3, $4)
on conflict (tenant, id) do update set name_key = excluded.name_key, doc = excluded.doc, modified = now()

-- name: policy_delete
delete from conditional_access_policy where tenant = $1 and id = $2

-- name: locations
select id, doc, created, modified from named_location where tenant = $1 order by name_key, id

-- name: location_put
insert into named_location (tenant, id, name_key, doc) values ($1, $2, $3, $4)
on conflict (tenant, id) do update set name_key = excluded.name_key, doc = excluded.doc, modified = now()

-- name: location_delete
delete from named_location where tenant = $1 and id = $2

-- name: edit_lock
-- Who changes conditional access does it alone: two changes that are harmless by themselves may shut everybody out.
select pg_advisory_xact_lock(hashtextextended('conditional access ' || $1, 0))

-- name: break_glass
select u.id, u.upn, u.enabled, u.deleted, u.doc from break_glass_account b
join directory_user u on u.tenant = b.tenant and u.id = b.user_id
where b.tenant = $1 and u.deleted is null order by u.upn

-- name: break_glass_add
insert into break_glass_account (tenant, user_id) values ($1, $2) on conflict do nothing returning user_id

-- name: break_glass_remove
delete from break_glass_account where tenant = $1 and user_id = $2 returning user_id

-- name: people
-- Of break-glass accounts, and of Global Administrators who can sign in: their groups, also by way of others, and roles.
select u.id, u.upn,
       exists (select from break_glass_account b where b.tenant = u.tenant and b.user_id = u.id) as break_glass,
       exists (select from directory_role r where r.tenant = u.tenant and r.user_id = u.id
               and r.role = 'Global Administrator') as administrator,
       exists (select from directory_password p where p.tenant = u.tenant and p.user_id = u.id) as password,
       array(with recursive above (id) as (
                 select group_id from directory_member where tenant = u.tenant and member_id = u.id
                 union
                 select m.group_id from directory_member m join above on m.tenant = u.tenant and m.member_id = above.id)
             select id::text from above) as groups,
       array(select role from directory_role r where r.tenant = u.tenant and r.user_id = u.id) as roles
from directory_user u
where u.tenant = $1 and u.enabled and u.deleted is null and u.id in (
    select user_id from break_glass_account where tenant = $1
    union
    select user_id from directory_role where tenant = $1 and role = 'Global Administrator')
order by u.upn

-- name: strangers
-- Which of these ids are of nobody and nothing: ``kind`` and ``id``.
select 'user' as kind, id from unnest($2::uuid[]) as id
where not exists (select from directory_user u where u.tenant = $1 and u.id = id.id and u.deleted is null)
union all
select 'group', id from unnest($3::uuid[]) as id
where not exists (select from directory_group g where g.tenant = $1 and g.id = id.id)
union all
select 'application', id from unnest($4::uuid[]) as id
where not exists (select from application a where a.tenant = $1 and a.id = id.id)
  and not exists (select from relying_party r where r.tenant = $1 and r.id = id.id)
union all
select 'named location', id from unnest($5::uuid[]) as id
where not exists (select from named_location l where l.tenant = $1 and l.id = id.id)

-- name: names
-- How ids in policies are shown; a group by its id where others have its name.
select u.id::text as id, u.upn as name from directory_user u where u.tenant = $1 and u.id = any($2::uuid[])
union all
select g.id::text, case when exists (select from directory_group o where o.tenant = $1 and o.name_key = g.name_key
                                     and o.id <> g.id) then g.id::text else g.doc ->> 'displayName' end
from directory_group g where g.tenant = $1 and g.id = any($2::uuid[])
union all
select a.id::text, a.name from application a where a.tenant = $1 and a.id = any($2::uuid[])
union all
select r.id::text, r.name from relying_party r where r.tenant = $1 and r.id = any($2::uuid[])
union all
select l.id::text, l.doc ->> 'displayName' from named_location l where l.tenant = $1 and l.id = any($2::uuid[])

-- name: resources
-- What somebody can sign in to: applications, and relying parties that are none of them (workspaces).
select id::text as id, name from application where tenant = $1
union all
select id::text, name from relying_party where tenant = $1 and application is null
order by name, id
