-- name: users_by_key
-- A user by name, or by id where the name is one.
select id, upn, enabled, deleted, doc, created from directory_user
where tenant = $1 and deleted is null and (upn_key = $2 or id = $3)

-- name: users_by_id
select id, upn, enabled, deleted, doc, created from directory_user where tenant = $1 and id = any($2::uuid[])

-- name: groups_by_id
select id, doc, created from directory_group where tenant = $1 and id = any($2::uuid[])

-- name: members
-- Direct members by id, without those in the recycle bin; $3: User, Group or either.
select m.member_id as id, m.member_type as type from directory_member m
left join directory_user u on u.tenant = m.tenant and u.id = m.member_id
where m.tenant = $1 and m.group_id = $2 and ($3 = '' or m.member_type = $3) and u.deleted is null and m.member_id > $4
order by m.member_id limit $5

-- name: memberships
select g.id, g.doc, g.created from directory_member m
join directory_group g on g.tenant = m.tenant and g.id = m.group_id
where m.tenant = $1 and m.member_id = $2 and g.id > $3 order by g.id limit $4

-- name: members_count
select count(*) from directory_member m
left join directory_user u on u.tenant = m.tenant and u.id = m.member_id
where m.tenant = $1 and m.group_id = $2 and u.deleted is null

-- name: owner_kind
select 'User' from directory_user where tenant = $1 and id = $2 and deleted is null
union all
select 'Client' from client where tenant = $1 and id = $2

-- name: members_below
-- Whoever is anywhere below a group, by id, without those in the recycle bin; $3: User, Group or either.
with recursive below (id, type) as (
    select member_id, member_type from directory_member where tenant = $1 and group_id = $2
    union
    select m.member_id, m.member_type from below b
    join directory_member m on m.tenant = $1 and m.group_id = b.id where b.type = 'Group'
)
select b.id from below b left join directory_user u on u.tenant = $1 and u.id = b.id
where ($3 = '' or b.type = $3) and u.deleted is null and b.id <> $2 and b.id > $4
order by b.id limit $5

-- name: groups_above
-- The groups that somebody is anywhere below, by id.
with recursive above (id) as (
    select group_id from directory_member where tenant = $1 and member_id = $2
    union
    select m.group_id from above a join directory_member m on m.tenant = $1 and m.member_id = a.id
)
select id from above where id <> $2 and id > $3 order by id limit $4
