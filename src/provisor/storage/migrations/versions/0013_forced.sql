-- Whether the next initial cycle puts right all that differs, because somebody cleared the current state.
alter table sync_job add column forced boolean not null default false;
