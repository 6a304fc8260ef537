-- Cycles in a row that did not go through: every process that dispatches goes by it.
alter table sync_job add column refused integer not null default 0;

-- The quarantine that was told and is not over: whatever somebody clears, it is over when a cycle goes through.
alter table sync_job add column told text;
update sync_job set told = quarantine;

-- How long it took from a change of the directory to the target's answer: how many in each span of
-- LATENCY_SPANS (provisor.sync.records), and seconds in all.
alter table sync_job add column latency bigint[] not null default '{}', add column latency_seconds double precision not null default 0;

-- What whoever is told knows a notice by: the numbers begin again from an older backup.
alter table notice add column mark uuid not null default gen_random_uuid();
