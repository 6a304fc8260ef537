-- Cycles that several workers do together. Rows are there while such a cycle runs, and are nothing that must outlive it.
--
-- What its plan has been handed out of: all pages before this phase and ordinal are somebody's. The
-- fingerprint is that of the configuration by which it is done.
drop table if exists sync_shared;
create table sync_shared (
    tenant       uuid not null,
    application  uuid not null,
    cycle        uuid not null,
    epoch        bigint not null,
    fingerprint  text not null,
    phase        integer not null,
    ordinal      bigint not null,
    closed       boolean not null default false,
    primary key (tenant, application)
);

-- Workers that do pages of another worker's cycle, while they are heard of.
drop table if exists sync_helper;
create table sync_helper (
    id           uuid primary key,
    tenant       uuid not null,
    application  uuid not null,
    cycle        uuid not null,
    worker       text not null,
    until        timestamptz not null
);

-- Pages that were handed out: the ordinals first to last of a phase. The helper is the zero UUID for the worker that
-- holds the lease; objects are those that the page is about, until it is done; requests are a helper's.
drop table if exists sync_page;
create table sync_page (
    tenant       uuid not null,
    application  uuid not null,
    cycle        uuid not null,
    phase        integer not null,
    first        bigint not null,
    last         bigint not null,
    helper       uuid not null,
    objects      uuid[],
    failures     integer not null default 0,
    harmed       text[] not null default '{}',
    requests     integer not null default 0,
    primary key (tenant, application, cycle, phase, first)
);
-- Those that are out: few, of many.
create index sync_page_out on sync_page (tenant, application, cycle) where objects is not null;
