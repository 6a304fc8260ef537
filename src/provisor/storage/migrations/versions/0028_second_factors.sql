-- Second factors of a tenant's people. There is no foreign key, so that a backup of before can be restored over them.
--
-- One authenticator app each. The step is the number of the half minute whose code was used last: no code is good twice.
drop table if exists authenticator_app;
create table authenticator_app (
    tenant   uuid not null,
    user_id  uuid not null,
    sealed   bytea not null,
    step     bigint not null,
    created  timestamptz not null default now(),
    used     timestamptz,
    primary key (tenant, user_id)
);

-- Public keys of authenticators. The id is the authenticator's; rp_id is the host name that the passkey is for.
drop table if exists passkey;
create table passkey (
    tenant      uuid not null,
    id          bytea not null,
    user_id     uuid not null,
    name        text not null,
    rp_id       text not null,
    public_key  bytea not null,
    sign_count  bigint not null,
    transports  text[] not null,
    created     timestamptz not null default now(),
    used        timestamptz,
    primary key (tenant, id)
);
create index passkey_user on passkey (tenant, user_id, created);

-- SHA-256 of codes with 120 random bits each.
drop table if exists recovery_code;
create table recovery_code (
    tenant   uuid not null,
    user_id  uuid not null,
    hash     bytea not null,
    created  timestamptz not null default now(),
    used     timestamptz,
    primary key (tenant, user_id, hash)
);

-- What a session, or a browser that is signed in by nobody yet, has been asked and has not answered: the challenge of a passkey,
-- or the (sealed) key of an authenticator app that has given no code yet. The holder is the SHA-256 of the browser's secret.
drop table if exists challenge;
create table challenge (
    holder   bytea not null,
    purpose  text not null,
    value    bytea not null,
    expires  timestamptz not null,
    primary key (holder, purpose)
);
create index challenge_expires on challenge (expires);
