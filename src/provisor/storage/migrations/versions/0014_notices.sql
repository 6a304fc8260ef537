-- What somebody should hear of: written with what it is about, kept until it is delivered.
create table notice (
    id          bigint generated always as identity primary key,
    tenant      uuid not null,
    application uuid not null,
    name        text not null,
    kind        text not null check (kind in ('quarantine', 'recovered')),
    reason      text not null,
    created     timestamptz not null default now(),
    delivered   timestamptz,
    tries       integer not null default 0,
    next_try    timestamptz not null default now(),
    foreign key (tenant, application) references application (tenant, id) on delete cascade
);
create index notice_due on notice (next_try) where delivered is null;
