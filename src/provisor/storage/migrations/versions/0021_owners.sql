-- Who looks after a group: people and clients of the directory. There is no foreign key, so that a backup of before can be
-- restored over it; groups and people take their rows with them.
drop table if exists directory_owner;
create table directory_owner (
    tenant     uuid not null,
    group_id   uuid not null,
    owner_id   uuid not null,
    owner_type text not null check (owner_type in ('User', 'Client')),
    primary key (tenant, group_id, owner_id)
);
create index directory_owner_of on directory_owner (tenant, owner_id);
