-- A membership is written twice, before it is sent and when it was answered: there is room for that beside the first
-- version, and the log's rows have some for what came of them.
alter table sync_member set (fillfactor = 60);
alter table sync_change set (fillfactor = 80);

-- Half of what a million memberships cost was looking up their application a million times. Whoever writes them holds
-- its row; when that is deleted they go with it.
alter table sync_member drop constraint if exists sync_member_tenant_application_fkey;

create or replace function sync_member_forget() returns trigger language plpgsql as $$
begin
    delete from sync_member where tenant = old.tenant and application = old.application;
    return null;
end $$;
create or replace trigger sync_member_forget after delete on sync_job for each row execute function sync_member_forget();

-- Who fails is asked after every cycle, and mostly nobody does.
drop index if exists sync_object_failing;
create index sync_object_failing on sync_object (tenant, application) where failures > 0;
