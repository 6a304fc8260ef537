-- The epoch of the lease whose cycle somebody told to stop.
alter table sync_job add column stopping bigint;
