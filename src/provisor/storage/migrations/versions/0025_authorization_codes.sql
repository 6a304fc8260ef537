-- Authorization codes: what a browser carries to a relying party, and that fetches for it who somebody is, once. A row stays
-- until the access token that it brought has expired, for that token is looked up by its id.
drop table if exists authorization_code;
create table authorization_code (
    tenant        uuid not null,
    id            uuid not null,
    -- SHA-256 of 256 random bits.
    hash          bytea not null unique,
    party         uuid not null,
    redirect      text not null,
    issuer        text not null,
    scopes        text[] not null,
    nonce         text,
    -- RFC 7636, S256.
    challenge     text not null,
    user_id       uuid not null,
    -- The session that it came from: with its end the code, and what it brought, count no more.
    session       bytea not null,
    methods       text[] not null,
    authenticated timestamptz not null,
    created       timestamptz not null default now(),
    redeemed      timestamptz,
    -- It was shown again after it had been used: somebody else has it.
    replayed      boolean not null default false,
    primary key (tenant, id)
);
create index authorization_code_created on authorization_code (created);
