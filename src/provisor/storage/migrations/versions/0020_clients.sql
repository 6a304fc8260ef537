-- Where an older backup was restored over a newer database both are there and are not in it.
drop table if exists client, signing_key;

-- OAuth 2.0 clients: programs that sign in to a tenant as themselves and act there with one directory role.
create table client (
    -- No foreign key: a restore of such a backup could not drop the tenants before it makes them anew.
    tenant      uuid not null,
    id          uuid not null,
    name        text not null,
    name_key    text not null,
    role        text not null,
    -- SHA-256 of 256 random bits. After a renewal the secret before counts until its time is over.
    secret      bytea not null,
    secret_made timestamptz not null default now(),
    old_secret  bytea,
    old_until   timestamptz,
    created     timestamptz not null default now(),
    last_used   timestamptz,
    primary key (tenant, id),
    unique (tenant, name_key),
    check ((old_secret is null) = (old_until is null))
);

-- What access tokens are signed with: the private half sealed, and gone when the key is retired; the public half stays
-- until the last token that it signed has expired.
create table signing_key (
    kid         text primary key,
    algorithm   text not null check (algorithm = 'RS256'),
    private     bytea,
    public      jsonb not null,
    created     timestamptz not null default now(),
    retired     timestamptz,
    check ((private is null) = (retired is not null))
);
