-- A policy in Microsoft Graph's form, and the address ranges that policies name.
drop table if exists conditional_access_policy;
create table conditional_access_policy (
    tenant      uuid not null,
    id          uuid not null,
    name_key    text not null,
    doc         jsonb not null,
    created     timestamptz not null default now(),
    modified    timestamptz not null default now(),
    primary key (tenant, id),
    unique (tenant, name_key)
);

drop table if exists named_location;
create table named_location (
    tenant      uuid not null,
    id          uuid not null,
    name_key    text not null,
    doc         jsonb not null,
    created     timestamptz not null default now(),
    modified    timestamptz not null default now(),
    primary key (tenant, id),
    unique (tenant, name_key)
);

-- People for whom no policy may ever be in the way: warned about when one is.
drop table if exists break_glass_account;
create table break_glass_account (
    tenant      uuid not null,
    user_id     uuid not null,
    primary key (tenant, user_id)
);
