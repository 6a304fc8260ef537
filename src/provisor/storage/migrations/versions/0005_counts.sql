-- The sum of a workspace's rows of a kind is how many there are, in every snapshot. Each connection counts in a row of
-- its own (but for those whose process numbers are 1,024 apart), so that writers do not wait for each other.
create table workspace_count (
    workspace bigint not null,
    kind      text not null,
    slot      integer not null,
    count     bigint not null,
    primary key (workspace, kind, slot)
);

create function workspace_users_counted() returns trigger language plpgsql as $$
begin
    insert into workspace_count
    select workspace, kind, mod(pg_backend_pid(), 1024), case tg_op when 'INSERT' then count(*) else -count(*) end
    from changed group by workspace, kind
    on conflict (workspace, kind, slot) do update set count = workspace_count.count + excluded.count;
    return null;
end $$;

create function workspace_groups_counted() returns trigger language plpgsql as $$
begin
    insert into workspace_count
    select workspace, 'Group', mod(pg_backend_pid(), 1024), case tg_op when 'INSERT' then count(*) else -count(*) end
    from changed group by workspace
    on conflict (workspace, kind, slot) do update set count = workspace_count.count + excluded.count;
    return null;
end $$;

-- Nobody writes between the first count and the triggers.
lock table workspace_user, workspace_group in share row exclusive mode;
insert into workspace_count select workspace, kind, 0, count(*) from workspace_user group by workspace, kind;
insert into workspace_count select workspace, 'Group', 0, count(*) from workspace_group group by workspace;

create trigger come after insert on workspace_user
    referencing new table as changed for each statement execute function workspace_users_counted();
create trigger go after delete on workspace_user
    referencing old table as changed for each statement execute function workspace_users_counted();
create trigger come after insert on workspace_group
    referencing new table as changed for each statement execute function workspace_groups_counted();
create trigger go after delete on workspace_group
    referencing old table as changed for each statement execute function workspace_groups_counted();
