-- Who may use access tokens, for how long at most, and whether at all.
alter table workspace
    add column tokens_enabled     boolean not null default true,
    -- 0: as long as one likes.
    add column longest_token_days integer not null default 0;

-- Users, service principals and groups that may make and use access tokens; admins may by being admins.
create table workspace_token_permission (
    workspace bigint not null references workspace on delete cascade,
    principal text collate "C" not null,
    primary key (workspace, principal)
);

-- How applications fare with a token: the last request that was refused, and how many there were.
alter table workspace_token
    add column refusals       bigint not null default 0,
    add column refused_at     timestamptz,
    add column refused_status integer,
    add column refused_why    text;

-- From where a change came, and in which request.
alter table audit
    add column address text not null default '',
    add column request text not null default '',
    -- Transactions end in another order than they begin: what is older than all that are under way has ended.
    add column transaction bigint not null default pg_current_xact_id()::text::bigint;
-- Rows are added in about this order, so that an index of block ranges does.
create index audit_transaction on audit using brin (transaction) with (pages_per_range = 16, autosummarize = on);

-- The chain: each row's hash is of the one before it and of the audit row that it seals.
create table audit_seal (
    position bigint primary key,
    entry    bigint not null unique references audit,
    hash     bytea not null
);

create function audit_stays() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only added to';
end $$;
create trigger audit_stays before update or delete on audit for each row execute function audit_stays();
create trigger audit_stays_whole before truncate on audit for each statement execute function audit_stays();
create trigger audit_seal_stays before update or delete on audit_seal for each row execute function audit_stays();
create trigger audit_seal_stays_whole before truncate on audit_seal for each statement execute function audit_stays();
