-- Searching: filters and orders of SCIM are decided in the database.
--
-- `idx` is the document with every value in the form in which it is compared (scim/folded.py): texts in small letters
-- where letter case does not count, dates as numbers. Keys are compared byte by byte, which is the order of Python's
-- texts and the same on every machine.

alter table workspace_user
    alter column id type text collate "C",
    alter column name_key type text collate "C",
    alter column external_id type text collate "C",
    alter column display_key type text collate "C",
    add column idx jsonb not null default '{}';
create index workspace_user_idx on workspace_user using gin (idx jsonb_path_ops);

alter table workspace_group
    alter column id type text collate "C",
    alter column display_key type text collate "C",
    alter column external_id type text collate "C",
    add column idx jsonb not null default '{}';
create index workspace_group_idx on workspace_group using gin (idx jsonb_path_ops);

alter table workspace_member
    alter column group_id type text collate "C",
    alter column member_id type text collate "C";

alter table workspace_tombstone
    alter column user_id type text collate "C",
    alter column name_key type text collate "C";

alter table workspace_token
    alter column owner type text collate "C";
