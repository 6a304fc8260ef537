-- Signing in, and drafts. A realm is a tenant (`tenant/<id>`) or a workspace (`workspace/<id>`); a subject is the id of
-- somebody in it. Of what a browser or a link carries only the SHA-256 is here.

create table directory_password (
    tenant      uuid not null,
    user_id     uuid not null,
    hash        text not null,
    changed     timestamptz not null default now(),
    primary key (tenant, user_id),
    foreign key (tenant, user_id) references directory_user (tenant, id) on delete cascade
);

create table session (
    hash        bytea primary key,
    realm       text not null,
    subject     text not null,
    -- What the next page says first, once.
    notice      jsonb,
    opened      timestamptz not null default now(),
    seen        timestamptz not null default now()
);
create index session_subject on session (realm, subject);

create table one_time_link (
    hash        bytea primary key,
    realm       text not null,
    subject     text not null,
    expires     timestamptz not null
);
create index one_time_link_subject on one_time_link (realm, subject);

-- Tries to sign in, by whom and from which place (a network address, or a browser that signed in before: `device/…`);
-- `failures` are those since the last one that went well.
create table sign_in_try (
    realm       text not null,
    account     text not null,
    place       text not null,
    failures    integer not null default 0,
    tried       timestamptz not null default now(),
    succeeded   timestamptz,
    primary key (realm, account, place)
);
create index sign_in_try_place on sign_in_try (place, tried);
create index sign_in_try_tried on sign_in_try (tried);

-- A dry run with mappings that are not saved is not the plan of the next cycle.
alter table sync_cycle drop constraint sync_cycle_mode_check;
alter table sync_cycle add constraint sync_cycle_mode_check check (mode in ('plan', 'cycle', 'draft'));
-- How far a cycle is, without counting its rows.
alter table sync_cycle add column planned bigint not null default 0;
alter table sync_cycle add column done bigint not null default 0;
-- The number of the latest change that it knew.
alter table sync_cycle add column as_of bigint not null default 0;
create index sync_change_order on sync_change (tenant, application, cycle, phase, ordinal);

-- Mappings that somebody edits and has not saved yet. `base` is the document that was edited.
create table mapping_draft (
    tenant      uuid not null,
    application uuid not null,
    user_id     uuid not null,
    base        jsonb not null,
    schema      jsonb not null,
    modified    timestamptz not null default now(),
    primary key (tenant, application, user_id),
    foreign key (tenant, application) references application (tenant, id) on delete cascade,
    foreign key (tenant, user_id) references directory_user (tenant, id) on delete cascade
);
