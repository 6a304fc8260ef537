-- Sign-ins that a browser is away for, at a provider. The browser has a secret, hash is its SHA-256; a row is used once.
drop table if exists authentication_request;
create table authentication_request (
    hash         bytea primary key,
    realm        text not null,
    state        text not null,
    issuer       text not null,
    client       text not null,
    nonce        text not null,
    verifier     text not null,
    redirect_uri text not null,
    destination  text not null,
    subject      text not null,
    max_age      integer,
    expires      timestamptz not null
);
create index authentication_request_expires on authentication_request (expires);

-- The tenant that a workspace's people sign in through; null: nobody does. Workspaces that were there before were made for
-- the tenant that every command works on unless told otherwise.
alter table workspace add column if not exists sign_in_tenant uuid;
update workspace set sign_in_tenant = (select id from tenant order by (name = 'default') desc, created, name limit 1);

-- Whom an account belongs to, from its first sign-in on: somebody else of the same name is not them.
alter table workspace_user
    add column if not exists sign_in_issuer  text,
    add column if not exists sign_in_subject text,
    add column if not exists sign_in_linked  timestamptz;
create index if not exists workspace_user_identity on workspace_user (workspace, sign_in_subject) where sign_in_subject is not null;

-- The provider that a tenant sends its people to, and who there is who here.
drop table if exists external_provider;
create table external_provider (
    tenant    uuid primary key,
    issuer    text not null,
    client_id text not null,
    secret    bytea,
    name      text not null,
    exclusive boolean not null,
    trust_mfa boolean not null
);
drop table if exists external_identity;
create table external_identity (
    tenant    uuid not null,
    issuer    text not null,
    subject   text not null,
    user_id   uuid not null,
    linked    timestamptz not null default now(),
    linked_by text not null,
    primary key (tenant, issuer, subject),
    unique (tenant, issuer, user_id)
);
