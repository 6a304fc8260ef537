-- What an administrator decided beside the mappings (provisioning/policies.py); what is not here is as by default.
alter table application add column policies jsonb not null default '{}';

-- When every account was last read and compared.
alter table sync_job add column compared timestamptz;
