-- name: workspace_insert
insert into workspace (id, name, profile, group_rename, strict, sign_in_tenant) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing returning id

-- name: workspace_by_name
-- Without a name: the first one that was made.
select id as workspace, name, profile, group_rename, strict, extensions, created as workspace_created,
       tokens_enabled, longest_token_days, sign_in_tenant
from workspace
where name = coalesce($1, (select name from workspace order by ordinal limit 1))

-- name: workspaces
select id as workspace, name, profile, group_rename, strict, extensions, created as workspace_created,
       tokens_enabled, longest_token_days, sign_in_tenant
from workspace order by ordinal

-- name: workspace_sign_in_tenant
update workspace set sign_in_tenant = $2 where id = $1

-- name: workspace_group_rename
update workspace set group_rename = $2 where id = $1

-- name: workspace_extensions
-- Locked: who adds or removes one does it one after the other.
select extensions from workspace where id = $1 for no key update

-- name: workspace_set_extensions
-- What they were is returned.
update workspace w set extensions = $2 from workspace b where w.id = $1 and b.id = w.id returning b.extensions

-- name: workspace_extension_used
-- The name of somebody who has a value of an extension.
(select u.user_name from workspace_user u where u.workspace = $1 and u.doc ? $2 limit 1)
union all
(select g.doc ->> 'displayName' from workspace_group g where g.workspace = $1 and g.doc ? $2 limit 1)
limit 1

-- name: workspace_lock
-- Who nests groups does it one after the other: two halves of a circle must not be committed at once.
select id from workspace where id = $1 for no key update

-- name: workspace_share
select id from workspace where id = $1 for share

-- name: arrival
-- Everything a request needs to know about where it goes and who sends it, in one statement.
select w.id as workspace, w.name, w.profile, w.group_rename, w.strict, w.extensions, w.created as workspace_created,
       w.tokens_enabled, w.longest_token_days, w.sign_in_tenant,
       t.id as token, t.owner, t.revoked is not null as revoked, t.expires <= now() as expired,
       t.last_used is null or t.last_used < now() - interval '1 minute' as touch,
       o.user_name as owner_name, o.active as owner_active,
       -- What is asked in the same statement is looked for when the token is good only.
       w.tokens_enabled and t.id is not null and t.revoked is null and (t.expires <= now()) is not true and coalesce(o.active, false) as good,
       exists (select from workspace_member m
               join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
               where m.workspace = w.id and m.member_id = t.owner and g.reserved and g.display_key = 'admins') as admin
from workspace w
left join workspace_token t on t.workspace = w.id and t.hash = $2
left join workspace_user o on o.workspace = w.id and o.id = t.owner
where w.name = coalesce($1, (select name from workspace order by ordinal limit 1))

-- name: arrival_user
-- As above, with the user that is asked for: reading one user is one statement.
select w.id as workspace, w.name, w.profile, w.group_rename, w.strict, w.extensions, w.created as workspace_created,
       w.tokens_enabled, w.longest_token_days, w.sign_in_tenant,
       t.id as token, t.owner, t.revoked is not null as revoked, t.expires <= now() as expired,
       t.last_used is null or t.last_used < now() - interval '1 minute' as touch,
       o.user_name as owner_name, o.active as owner_active,
       exists (select from workspace_member m
               join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
               where m.workspace = w.id and m.member_id = t.owner and g.reserved and g.display_key = 'admins') as admin,
       r.kind, r.id, r.active, r.doc, r.version, r.created, r.modified,
       (select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.doc ->> 'displayName') order by g.id), '[]')
        from workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
        where m.workspace = r.workspace and m.member_id = r.id) as groups,
       exists (select from workspace_tombstone d where d.workspace = w.id and d.user_id = $3) as removed
from workspace w
left join workspace_token t on t.workspace = w.id and t.hash = $2
left join workspace_user o on o.workspace = w.id and o.id = t.owner
left join workspace_user r on r.workspace = w.id and r.id = $3
where w.name = coalesce($1, (select name from workspace order by ordinal limit 1))

-- name: user_columns
-- What a search selects of users and of groups, in columns of the same names; groups_of is the rest of both.
r.id, r.active, false as reserved, r.doc, r.version, r.created, r.modified

-- name: group_columns
r.id, true as active, r.reserved, r.doc, r.version, r.created, r.modified

-- name: groups_of
(select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.doc ->> 'displayName') order by g.id), '[]')
 from workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
 where m.workspace = r.workspace and m.member_id = r.id)

-- name: users_select
-- The beginning of every question for users; what follows is a condition ($3) and an order. $2: with their groups.
select r.kind, r.id, r.active, r.doc, r.version, r.created, r.modified,
       case when $2::boolean then (
         select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.doc ->> 'displayName') order by g.id), '[]')
         from workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
         where m.workspace = r.workspace and m.member_id = r.id) end as groups
from workspace_user r
where r.workspace = $1

-- name: users_total
select count(*) from workspace_user where workspace = $1 and kind = 'User'

-- name: user_lock
select r.kind, r.id, r.active, r.doc, r.version, r.created, r.modified,
       (select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.doc ->> 'displayName') order by g.id), '[]')
        from workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
        where m.workspace = r.workspace and m.member_id = r.id) as groups
from workspace_user r
where r.workspace = $1 and r.id = $2
for no key update of r

-- name: user_lock_whole
-- As before a deletion: nobody may be putting this user into a group or making a token for them.
select id from workspace_user where workspace = $1 and id = $2 for update

-- name: users_insert
-- Users or service principals with the membership that everybody has; no row for one whose name or id is taken.
-- Whoever comes back under a removed name gets the newest of that name's ids again.
with given as (
    select * from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::jsonb[], $10::jsonb[])
    as given (id, user_name, name_key, external_id, display_key, active, doc, idx)
), gone as (
    delete from workspace_tombstone where workspace = $1 and name_key = any($5::text[]) returning name_key, user_id, removed
), made as (
    insert into workspace_user (workspace, id, kind, user_name, name_key, external_id, display_key, active, doc, idx)
    select $1::bigint,
           coalesce((select user_id from gone where gone.name_key = given.name_key order by removed desc limit 1), id),
           $2::text, user_name, name_key, external_id, display_key, active, doc, idx
    from given
    on conflict do nothing
    returning id, name_key, version, created, modified
), everybody as (
    select id from workspace_group where workspace = $1 and reserved and display_key = 'users'
), joined as (
    insert into workspace_member (workspace, group_id, member_id, member_type)
    select $1, everybody.id, made.id, $2 from made, everybody
)
select made.*, everybody.id as everybody from made left join everybody on true

-- name: user_update
update workspace_user
set user_name = $3, name_key = $4, external_id = $5, display_key = $6, active = $7, doc = $8, idx = $9,
    version = version + 1, modified = now()
where workspace = $1 and id = $2
returning version, modified

-- name: user_delete
with permitted as (delete from workspace_token_permission where workspace = $1 and principal = $2)
delete from workspace_user where workspace = $1 and id = $2

-- name: user_id_by_name
select id from workspace_user where workspace = $1 and name_key = $2

-- name: tombstone_insert
insert into workspace_tombstone (workspace, user_id, user_name, name_key, external_id, removed_by)
values ($1, $2, $3, $4, $5, $6)

-- name: tombstone_delete
-- By name or by id.
delete from workspace_tombstone where workspace = $1 and (name_key = $2 or user_id = $3) returning user_id, user_name

-- name: tombstone_named
select exists (select from workspace_tombstone where workspace = $1 and name_key = $2)

-- name: tombstone_exists
select exists (select from workspace_tombstone where workspace = $1 and user_id = $2)

-- name: tombstones
select user_id, user_name, external_id, removed, removed_by from workspace_tombstone
where workspace = $1 order by removed desc

-- name: tombstones_page
-- As above, from one of them on ($2, $3; the newest without), with a part of a name when one is given.
select user_id, user_name, external_id, removed, removed_by from workspace_tombstone
where workspace = $1 and ($2::timestamptz is null or (removed, user_id) < ($2, $3))
  and ($4 = '' or position($4 in name_key) > 0)
order by removed desc, user_id desc limit $5

-- name: tombstones_number
select count(*) from workspace_tombstone where workspace = $1

-- name: users_named
-- Who has these names (in small letters) now.
select id, name_key from workspace_user where workspace = $1 and name_key = any($2::text[])

-- name: groups_select
-- The beginning of every question for groups; what follows is a condition ($3) and an order. $2: with their parents.
select r.id, r.reserved, r.doc, r.version, r.created, r.modified,
       case when $2::boolean then (
         select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.doc ->> 'displayName') order by g.id), '[]')
         from workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
         where m.workspace = r.workspace and m.member_id = r.id) end as groups
from workspace_group r
where r.workspace = $1

-- name: group_lock
select r.id, r.reserved, r.doc, r.version, r.created, r.modified,
       (select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.doc ->> 'displayName') order by g.id), '[]')
        from workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
        where m.workspace = r.workspace and m.member_id = r.id) as groups
from workspace_group r
where r.workspace = $1 and r.id = $2
for no key update of r

-- name: group_lock_whole
select id from workspace_group where workspace = $1 and id = $2 for update

-- name: groups_lock
-- In the order of their ids, before any of their memberships: so two that change memberships never wait for each other.
select id from workspace_group where workspace = $1 and id = any($2::text[]) order by id for no key update

-- name: group_insert
insert into workspace_group (workspace, id, display_key, external_id, reserved, doc, idx)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
returning version, created, modified

-- name: group_update
update workspace_group
set display_key = $3, external_id = $4, doc = $5, idx = $6, version = version + 1, modified = now()
where workspace = $1 and id = $2
returning version, modified

-- name: group_delete
with permitted as (delete from workspace_token_permission where workspace = $1 and principal = $2)
delete from workspace_group where workspace = $1 and id = $2

-- name: group_by_name
select id, reserved from workspace_group where workspace = $1 and display_key = $2

-- name: groups_moved
-- Their members changed, so their representation did. `users` has everybody in it and keeps its version: it would be
-- the one row that every new account waits for.
update workspace_group set version = version + 1, modified = now()
where workspace = $1 and id = any($2::text[]) and not (reserved and display_key = 'users')

-- name: members_of
select m.group_id, m.member_id as value, m.member_type as type,
       coalesce(u.user_name, g.doc ->> 'displayName') as name,
       coalesce(u.doc ->> 'displayName', u.user_name, g.doc ->> 'displayName') as display
from workspace_member m
left join workspace_user u on m.member_type <> 'Group' and u.workspace = m.workspace and u.id = m.member_id
left join workspace_group g on m.member_type = 'Group' and g.workspace = m.workspace and g.id = m.member_id
where m.workspace = $1 and m.group_id = any($2::text[])
order by m.group_id, m.member_id

-- name: members_count
select group_id, count(*) as count from workspace_member
where workspace = $1 and group_id = any($2::text[]) group by group_id

-- name: member_ids
select member_id from workspace_member where workspace = $1 and group_id = $2

-- name: users_present
-- Locked against deletion only, until the membership is committed.
select id, kind from workspace_user where workspace = $1 and id = any($2::text[]) order by id for key share

-- name: groups_present
select id, reserved, doc ->> 'displayName' as name from workspace_group
where workspace = $1 and id = any($2::text[]) order by id for key share

-- name: member_insert
insert into workspace_member (workspace, group_id, member_id, member_type)
select $1, $2, id, type from unnest($3::text[], $4::text[]) as row (id, type)
on conflict do nothing
returning member_id

-- name: member_join
insert into workspace_member (workspace, group_id, member_id, member_type)
select $1, id, $3, $4 from unnest($2::text[]) as row (id)
on conflict do nothing
returning group_id

-- name: member_delete
delete from workspace_member where workspace = $1 and group_id = $2 and member_id = any($3::text[]) returning member_id

-- name: member_leave
delete from workspace_member where workspace = $1 and member_id = $2 and ($3::text[] is null or group_id = any($3))
returning group_id

-- name: ancestors
with recursive up (id) as (
  select $2::text collate "C"
  union
  select m.group_id from workspace_member m join up on m.member_id = up.id where m.workspace = $1
)
select id from up

-- name: grants
-- What a principal and every group above it were given themselves, and which groups each is a member of.
with recursive up (id) as (
  select $2::text collate "C"
  union
  select m.group_id from workspace_member m join up on m.member_id = up.id where m.workspace = $1
)
select up.id, coalesce(u.doc, g.doc) -> 'entitlements' as entitlements, coalesce(u.doc, g.doc) -> 'roles' as roles,
       g.doc ->> 'displayName' as name,
       array(select m.group_id from workspace_member m where m.workspace = $1 and m.member_id = up.id order by m.group_id)
           as above
from up
left join workspace_user u on u.workspace = $1 and u.id = up.id
left join workspace_group g on g.workspace = $1 and g.id = up.id
order by up.id

-- name: admins_lock
select id from workspace_group where workspace = $1 and reserved and display_key = 'admins' for no key update

-- name: admins
select u.id from workspace_member m join workspace_user u on u.workspace = m.workspace and u.id = m.member_id
where m.workspace = $1 and m.group_id = $2 and u.active

-- name: token_insert
insert into workspace_token (workspace, id, owner, hash, comment, expires) values ($1, $2, $3, $4, $5, $6)

-- name: tokens
select t.id, t.owner, u.user_name, u.active, t.comment, t.created, t.expires, t.revoked, t.last_used,
       t.refusals, t.refused_at, t.refused_status, t.refused_why,
       coalesce(t.expires <= now(), false) as expired,
       exists (select from workspace_member m
               join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
               where m.workspace = t.workspace and m.member_id = t.owner and g.reserved and g.display_key = 'admins') as admin
from workspace_token t
left join workspace_user u on u.workspace = t.workspace and u.id = t.owner
where t.workspace = $1 and ($2::text is null or t.owner = $2)
order by t.created, t.id

-- name: tokens_live
-- How many of somebody's tokens count; the quota is decided while their row is locked.
select count(*) from workspace_token
where workspace = $1 and owner = $2 and revoked is null and (expires <= now()) is not true

-- name: token_comment
update workspace_token t set comment = $4 from workspace_token b
where t.workspace = $1 and t.id = $2 and t.owner = $3 and t.revoked is null and b.workspace = t.workspace and b.id = t.id
returning b.comment

-- name: token_permitted
with recursive up (id) as (
  select $2::text collate "C"
  union
  select m.group_id from workspace_member m join up on m.member_id = up.id where m.workspace = $1
)
select exists (select from workspace_token_permission p join up on up.id = p.principal where p.workspace = $1)

-- name: token_permissions
select p.principal, coalesce(u.kind, 'Group') as type, coalesce(u.user_name, g.doc ->> 'displayName') as name
from workspace_token_permission p
left join workspace_user u on u.workspace = p.workspace and u.id = p.principal
left join workspace_group g on g.workspace = p.workspace and g.id = p.principal
where p.workspace = $1 and coalesce(u.id, g.id) is not null
order by name

-- name: token_permission_add
insert into workspace_token_permission (workspace, principal)
select $1, id from unnest($2::text[]) as row (id) on conflict do nothing

-- name: token_permission_keep
delete from workspace_token_permission where workspace = $1 and principal <> all($2::text[])

-- name: token_owners_permitted
-- Owners of tokens who were given the permission, themselves or through a group.
with recursive may (id) as (
  select principal from workspace_token_permission where workspace = $1
  union
  select m.member_id from workspace_member m join may on m.group_id = may.id where m.workspace = $1
)
select distinct t.owner from workspace_token t join may on may.id = t.owner where t.workspace = $1 and t.revoked is null

-- name: tokens_without_permission
-- Of these owners: tokens of those who are no admins and have no permission, themselves or through a group, end.
with recursive may (id) as (
  select principal from workspace_token_permission where workspace = $1
  union
  select m.member_id from workspace_member m join may on m.group_id = may.id where m.workspace = $1
), gone as (
  update workspace_token t set revoked = now()
  where t.workspace = $1 and t.revoked is null and t.owner = any($2::text[]) and t.owner not in (select id from may)
    and not exists (select from workspace_member m
                    join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
                    where m.workspace = $1 and m.member_id = t.owner and g.reserved and g.display_key = 'admins')
  returning t.id, t.owner
)
select gone.id, u.user_name from gone left join workspace_user u on u.workspace = $1 and u.id = gone.owner

-- name: workspace_token_rules
update workspace w
set tokens_enabled = coalesce($2, w.tokens_enabled), longest_token_days = coalesce($3, w.longest_token_days)
from workspace b where w.id = $1 and b.id = w.id
returning w.tokens_enabled, w.longest_token_days, b.tokens_enabled as was_enabled, b.longest_token_days as was_longest

-- name: token_revoke
-- Of one owner's, or of anybody's.
update workspace_token t set revoked = now()
where t.workspace = $1 and t.id = $2 and t.revoked is null and ($3::text is null or t.owner = $3)
returning t.owner, t.comment

-- name: tokens_revoke
update workspace_token set revoked = now() where workspace = $1 and owner = $2 and revoked is null

-- name: token_refused
update workspace_token t
set refusals = t.refusals + n.count, refused_at = now(), refused_status = n.status, refused_why = n.why
from unnest($1::bytea[], $2::bigint[], $3::integer[], $4::text[]) as n (hash, count, status, why)
where t.hash = n.hash

-- name: token_used
update workspace_token set last_used = now()
where workspace = $1 and id = $2 and (last_used is null or last_used < now() - interval '1 minute')

-- name: session_arrival
-- Whose session of the console it is, and whether they are an admin now; nobody when it has ended, or the person is
-- inactive or gone.
select s.notice, s.seen < now() - make_interval(secs => $6) as stale, s.methods, u.id, u.user_name,
       exists (select from workspace_member m
               join workspace_group g on g.workspace = m.workspace and g.id = m.group_id
               where m.workspace = u.workspace and m.member_id = u.id and g.reserved and g.display_key = 'admins') as admin
from session s
join workspace_user u on u.workspace = $1 and u.id = s.subject
where s.hash = $2 and s.realm = $3 and s.opened > now() - make_interval(secs => $4)
  and s.seen > now() - make_interval(secs => $5) and u.active

-- name: user_identity
-- Whom an account belongs to.
select active, sign_in_issuer as issuer, sign_in_subject as subject, sign_in_linked as linked
from workspace_user where workspace = $1 and id = $2

-- name: user_of_identity
-- The active account that belongs to an identity, the one that was linked last.
select id from workspace_user
where workspace = $1 and sign_in_issuer = $2 and sign_in_subject = $3 and active
order by sign_in_linked desc limit 1

-- name: user_identity_put
update workspace_user
set sign_in_issuer = $3, sign_in_subject = $4, sign_in_linked = case when $4::text is not null then now() end
where workspace = $1 and id = $2

-- name: first_admin
select u.id from workspace_group g
join workspace_member m on m.workspace = g.workspace and m.group_id = g.id
join workspace_user u on u.workspace = m.workspace and u.id = m.member_id and u.active
where g.workspace = $1 and g.reserved and g.display_key = 'admins'
order by u.created, u.id limit 1

-- name: members_some
-- Whether so many memberships ($3) of these groups are there: as few rows as decide it.
select count(*) >= $3 from (
    select from workspace_member where workspace = $1 and group_id = any($2::text[]) limit $3) as found

-- name: members_gathered
-- Users and service principals in any of these groups by name, with a part of a name when one is given. For few: all
-- of them are put in order.
select u.id, u.kind as type, u.user_name as name, coalesce(u.doc ->> 'displayName', '') as display, u.name_key as key,
       u.active
from (select distinct member_id from workspace_member
      where workspace = $1 and group_id = any($2::text[]) and member_type <> 'Group' offset 0) as member
join workspace_user u on u.workspace = $1 and u.id = member.member_id
where (u.name_key, u.id) > ($3, $4)
  and ($5 = '' or position($5 in u.name_key) > 0 or position($5 in u.display_key) > 0)
order by u.name_key, u.id limit $6

-- name: members_walked
-- As above, for many: everybody in the workspace is gone through by name, until the page is full.
select u.id, u.kind as type, u.user_name as name, coalesce(u.doc ->> 'displayName', '') as display, u.name_key as key,
       u.active
from workspace_user u
where u.workspace = $1 and u.name_key >= $3 and (u.name_key, u.id) > ($3, $4)
  and ($5 = '' or position($5 in u.name_key) > 0 or position($5 in u.display_key) > 0)
  -- A value, not a join: the planner would put all members in order first.
  and (select true from workspace_member m
       where m.workspace = $1 and m.member_id = u.id and m.group_id = any($2::text[]) limit 1)
order by u.name_key, u.id limit $6

-- name: members_groups
-- Groups that are members of a group, by name, with a part of a name when one is given.
select g.id, 'Group' as type, g.doc ->> 'displayName' as name, '' as display, g.display_key as key,
       true as active
from workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.member_id
where m.workspace = $1 and m.group_id = $2 and m.member_type = 'Group' and (g.display_key, g.id) > ($3, $4)
  and ($5 = '' or position($5 in g.display_key) > 0)
order by g.display_key, g.id limit $6

-- name: members_number
-- How many users and service principals are in any of these groups.
select count(distinct member_id) from workspace_member
where workspace = $1 and group_id = any($2::text[]) and member_type <> 'Group'

-- name: nested
-- Every group that stands below one, with the group that it is a member of there.
with recursive below (id) as (
    select $2::text collate "C"
    union
    select m.member_id from workspace_member m join below on m.group_id = below.id
    where m.workspace = $1 and m.member_type = 'Group'
)
select m.group_id as parent, g.id, g.doc ->> 'displayName' as name
from below
join workspace_member m on m.workspace = $1 and m.group_id = below.id and m.member_type = 'Group'
join workspace_group g on g.workspace = $1 and g.id = m.member_id
order by g.display_key

-- name: nested_numbers
-- How many groups each of these groups has in it.
select group_id, count(*) as count from workspace_member
where workspace = $1 and group_id = any($2::text[]) and member_type = 'Group' group by group_id

-- name: memberships_among
-- In which of these groups each of these members is.
select member_id, group_id from workspace_member
where workspace = $1 and member_id = any($2::text[]) and group_id = any($3::text[])
