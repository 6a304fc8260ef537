-- The ledger came out of a backup made then: nothing is sent before somebody has seen what that would be.
alter table sync_job add column restored timestamptz;
