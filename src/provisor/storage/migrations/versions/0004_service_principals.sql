alter table workspace_user
    add column kind text not null default 'User' check (kind in ('User', 'ServicePrincipal'));

alter table workspace_member drop constraint workspace_member_member_type_check;
alter table workspace_member
    add constraint workspace_member_member_type_check check (member_type in ('User', 'ServicePrincipal', 'Group'));
