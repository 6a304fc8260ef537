-- What a client or an application shows at the token endpoint: any number of secrets at once, each for its time. There is no
-- foreign key, so that a backup of before can be restored over it.
drop table if exists password_credential;
create table password_credential (
    tenant   uuid not null,
    -- The id that is shown with it: a client's, or a relying party's.
    client   uuid not null,
    id       uuid not null,
    name     text,
    -- Its first characters.
    hint     text,
    -- SHA-256 of 256 random bits.
    hash     bytea not null,
    made     timestamptz not null default now(),
    starts   timestamptz not null default now(),
    ends     timestamptz,
    primary key (tenant, client, id)
);

insert into password_credential (tenant, client, id, hash, made, starts)
select tenant, id, gen_random_uuid(), secret, secret_made, secret_made from client;
insert into password_credential (tenant, client, id, hash, made, starts, ends)
select tenant, id, gen_random_uuid(), old_secret, created, created, old_until from client where old_secret is not null;
alter table client drop column secret, drop column secret_made, drop column old_secret, drop column old_until;

insert into password_credential (tenant, client, id, hash, made, starts)
select tenant, id, gen_random_uuid(), secret, created, created from relying_party where secret is not null;
-- A public one can keep no secret; that one has none just now says nothing of it.
alter table relying_party add column if not exists public boolean not null default true;
update relying_party set public = secret is null;
alter table relying_party drop column secret;
