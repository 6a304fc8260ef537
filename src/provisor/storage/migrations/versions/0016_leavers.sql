-- Somebody who should have no access any more and whose account is not known to be closed: since when that is so.
alter table sync_object add column leaving timestamptz;
create index sync_object_leaving on sync_object (tenant, application) where leaving is not null;

-- Up to which change of the directory leavers have been looked for.
alter table sync_job add column watched bigint not null default 0;

alter table directory_change add column at timestamptz not null default now();

-- What was tried last was refused by a rule or waits for somebody: that is no failure of the target's.
alter table sync_object add column refused boolean not null default false;
