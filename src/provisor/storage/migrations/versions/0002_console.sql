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

-- Tries to sign in, by whom and from where; `failures` are those since the last one that went well.
create table sign_in_try (
    realm       text not null,
    account     text not null,
    address     text not null,
    failures    integer not null default 0,
    tried       timestamptz not null default now(),
    succeeded   timestamptz,
    primary key (realm, account, address)
);
create index sign_in_try_address on sign_in_try (address, tried);

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
