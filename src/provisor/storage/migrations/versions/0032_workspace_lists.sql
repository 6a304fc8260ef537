-- Groups in groups are few among members: what stands below a group is found without going through its people.
create index if not exists workspace_member_nested on workspace_member (workspace, group_id, member_id)
    where member_type = 'Group';

-- Removed users are listed page by page, the newest first.
create index if not exists workspace_tombstone_removed on workspace_tombstone (workspace, removed desc, user_id desc);
