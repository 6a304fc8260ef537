-- When a plan that disables or deletes is held: a share of the accounts, or a number of them; 0 for never.
alter table application
    add column guard_percent integer not null default 20 check (guard_percent between 0 and 100),
    add column guard_most    integer not null default 500 check (guard_most >= 0);

-- How many a cycle took something from, and whether somebody had released its plan.
alter table sync_cycle
    add column harmed   integer not null default 0,
    add column released boolean not null default false;
