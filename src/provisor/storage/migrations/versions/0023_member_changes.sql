-- One row per member and group: when somebody last came, left, or went into the recycle bin or out of it. The number is the one
-- that the same edit gave the group in the feed; whether they are in it is for directory_member to say. What is older than
-- anybody who follows is taken away when more comes. There is no foreign key, so that a backup of before can be restored
-- over it.
drop table if exists directory_member_change;
create table directory_member_change (
    tenant      uuid not null,
    group_id    uuid not null,
    member_id   uuid not null,
    member_type text not null check (member_type in ('User', 'Group')),
    seq         bigint not null,
    at          timestamptz not null default now(),
    primary key (tenant, group_id, member_id)
);
create index directory_member_change_seq on directory_member_change (tenant, seq, member_id);

-- What the tokens of those who follow changes are signed with. A restore makes another, and they begin anew.
insert into instance (key, value) values ('delta_tokens', gen_random_uuid()::text || gen_random_uuid()::text)
on conflict (key) do update set value = excluded.value;
