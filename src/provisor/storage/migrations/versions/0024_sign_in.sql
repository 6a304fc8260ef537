-- With what its owner proved who they are (password, totp, passkey, recovery-code, link, external), and when. A pending session
-- is that of somebody who has yet to show a second factor: it opens no page but the one that asks for it.
alter table session
    add column methods       text[] not null default '{}',
    add column authenticated timestamptz not null default now(),
    add column pending       boolean not null default false;

-- Who asks a tenant, by OpenID Connect, who somebody is: its workspaces, and applications that were told to.
drop table if exists relying_party;
create table relying_party (
    tenant       uuid not null,
    id           uuid not null,
    name         text not null,
    secret       bytea,
    redirects    text[] not null,
    logouts      text[] not null default '{}',
    workspace    text,
    application  uuid,
    created      timestamptz not null default now(),
    primary key (tenant, id),
    unique (tenant, workspace),
    unique (tenant, application)
);

-- One row for each time that somebody signed in, was refused, or was let on to an application.
drop table if exists sign_in;
create table sign_in (
    tenant        uuid not null,
    id            bigint generated always as identity,
    at            timestamptz not null default now(),
    user_id       uuid,
    upn           text not null,
    resource      text not null,
    resource_name text not null,
    address       text not null,
    methods       text[] not null,
    outcome       text not null check (outcome in ('success', 'failure', 'interrupted')),
    reason        text not null,
    policies      jsonb not null,
    primary key (tenant, id)
);
create index sign_in_at on sign_in (tenant, at desc, id desc);
create index sign_in_user on sign_in (tenant, user_id, at desc, id desc);
