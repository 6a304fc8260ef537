-- name: state
-- The number of the last change, the time, and what tokens are signed with.
select t.seq, now() as at, i.value as key
from tenant t join instance i on i.key = 'delta_tokens' where t.id = $1

-- name: users_page
select id, upn, enabled, deleted, doc, created from directory_user
where tenant = $1 and id > $2 and deleted is null order by id limit $3

-- name: groups_page
-- From $2 on; $3 is left out.
select id, doc, created from directory_group
where tenant = $1 and id >= $2 and id <> $3 order by id limit $4

-- name: members_pages
-- Of each group so many members after one, by id, without those in the recycle bin.
select wanted.group_id, found.member_id, found.member_type
from unnest($2::uuid[], $3::uuid[]) as wanted (group_id, after)
cross join lateral (
    select m.member_id, m.member_type from directory_member m
    left join directory_user u on u.tenant = m.tenant and u.id = m.member_id
    where m.tenant = $1 and m.group_id = wanted.group_id and m.member_id > wanted.after and u.deleted is null
    order by m.member_id limit $4) as found
order by wanted.group_id, found.member_id

-- name: changed
-- Objects of one kind whose last change has a number above $3, up to $4; those of $5, or all.
select object_id, seq from directory_change
where tenant = $1 and object_type = $2 and seq > $3 and seq <= $4 and ($5::uuid[] is null or object_id = any($5))
order by seq limit $6

-- name: members_changed
-- Memberships whose last change comes after a number and a member, and whether they are there now.
select c.group_id, c.member_id, c.member_type, c.seq, m.member_id is not null and u.deleted is null as there
from directory_member_change c
left join directory_member m on m.tenant = c.tenant and m.group_id = c.group_id and m.member_id = c.member_id
left join directory_user u on u.tenant = c.tenant and u.id = c.member_id
where c.tenant = $1 and (c.seq, c.member_id) > ($2, $3) and c.seq <= $4
  and ($5::uuid[] is null or c.group_id = any($5))
order by c.seq, c.member_id limit $6

-- name: tokens_void
-- After a restore: whoever follows changes has seen some that are none any more, and begins anew.
update instance set value = gen_random_uuid()::text || gen_random_uuid()::text where key = 'delta_tokens'
