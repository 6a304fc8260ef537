-- Who hears of an application by mail, beside those of the whole installation.
alter table application add column if not exists notification_email text[] not null default '{}';
alter table application add column if not exists notification_on boolean not null default false;
-- A notice goes several ways: those that took it do not get it again when another one did not; why stands in error.
alter table notice add column if not exists told text[] not null default '{}';
alter table notice add column if not exists error text;
