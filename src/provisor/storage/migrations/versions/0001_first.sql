-- The first shape of the database. Three groups of tables that know nothing of each other: the directory side,
-- the workspace side, and the ledger of the engine between them. Audit stands beside all three.

-- ── directory ────────────────────────────────────────────────────────────────────────────────────────────────

create table tenant (
    id          uuid primary key,
    name        text not null unique,
    domain      text not null,
    -- The change feed's counter. Taken late in a transaction by updating this row: its lock makes commit order
    -- and number order the same, and a restored dump keeps it.
    seq         bigint not null default 0,
    created     timestamptz not null default now()
);

create table directory_user (
    tenant      uuid not null references tenant on delete cascade,
    id          uuid not null,
    upn         text not null,
    upn_key     text not null,
    name_key    text not null,
    enabled     boolean not null,
    deleted     timestamptz,
    doc         jsonb not null,
    created     timestamptz not null default now(),
    modified    timestamptz not null default now(),
    primary key (tenant, id)
);
-- A person in the recycle bin gives the name free, as in Entra ID.
create unique index directory_user_upn on directory_user (tenant, upn_key) where deleted is null;
create index directory_user_name on directory_user (tenant, name_key);
create index directory_user_manager on directory_user (tenant, (doc ->> 'manager')) where doc ? 'manager';

create table directory_group (
    tenant      uuid not null references tenant on delete cascade,
    id          uuid not null,
    name_key    text not null,
    doc         jsonb not null,
    created     timestamptz not null default now(),
    modified    timestamptz not null default now(),
    primary key (tenant, id)
);
create index directory_group_name on directory_group (tenant, name_key);

create table directory_member (
    tenant      uuid not null,
    group_id    uuid not null,
    member_id   uuid not null,
    member_type text not null check (member_type in ('User', 'Group')),
    primary key (tenant, group_id, member_id),
    foreign key (tenant, group_id) references directory_group (tenant, id) on delete cascade
);
create index directory_member_of on directory_member (tenant, member_id);

create table directory_role (
    tenant      uuid not null,
    user_id     uuid not null,
    role        text not null,
    primary key (tenant, user_id, role),
    foreign key (tenant, user_id) references directory_user (tenant, id) on delete cascade
);

-- One row per object: when it last changed. Readers keep the highest seq they have seen.
create table directory_change (
    tenant      uuid not null references tenant on delete cascade,
    object_id   uuid not null,
    object_type text not null check (object_type in ('User', 'Group', 'Application')),
    seq         bigint not null,
    primary key (tenant, object_id)
);
create index directory_change_seq on directory_change (tenant, seq);

create table application (
    tenant            uuid not null references tenant on delete cascade,
    id                uuid not null,
    name              text not null,
    name_key          text not null,
    template          text not null,
    provisioning_mode text not null default 'Manual' check (provisioning_mode in ('Manual', 'Automatic')),
    tenant_url        text,
    secret_token      bytea,
    scope             text not null default 'assigned' check (scope in ('assigned', 'all')),
    provisioning      text not null default 'Off' check (provisioning in ('Off', 'On')),
    capabilities      jsonb not null default '{}',
    schema            jsonb not null,
    created           timestamptz not null default now(),
    primary key (tenant, id),
    unique (tenant, name_key)
);

create table application_assignment (
    tenant         uuid not null,
    application    uuid not null,
    principal_id   uuid not null,
    principal_type text not null check (principal_type in ('User', 'Group')),
    created        timestamptz not null default now(),
    primary key (tenant, application, principal_id),
    foreign key (tenant, application) references application (tenant, id) on delete cascade
);
create index application_assignment_of on application_assignment (tenant, principal_id);

create table application_owner (
    tenant      uuid not null,
    application uuid not null,
    user_id     uuid not null,
    primary key (tenant, application, user_id),
    foreign key (tenant, application) references application (tenant, id) on delete cascade,
    foreign key (tenant, user_id) references directory_user (tenant, id) on delete cascade
);

-- ── workspace ────────────────────────────────────────────────────────────────────────────────────────────────

create table workspace (
    id           bigint primary key,
    name         text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    profile      text not null check (profile in ('databricks', 'standard')),
    group_rename text not null default 'refuse' check (group_rename in ('refuse', 'allow')),
    ordinal      bigint generated always as identity,
    created      timestamptz not null default now()
);

create table workspace_user (
    workspace    bigint not null references workspace on delete cascade,
    id           text not null,
    user_name    text not null,
    name_key     text not null,
    external_id  text,
    display_key  text,
    active       boolean not null,
    doc          jsonb not null,
    version      bigint not null default 1,
    created      timestamptz not null default now(),
    modified     timestamptz not null default now(),
    primary key (workspace, id),
    unique (workspace, name_key)
);
create index workspace_user_external on workspace_user (workspace, external_id);
create index workspace_user_display on workspace_user (workspace, display_key);

create table workspace_group (
    workspace    bigint not null references workspace on delete cascade,
    id           text not null,
    display_key  text not null,
    external_id  text,
    reserved     boolean not null default false,
    doc          jsonb not null,
    version      bigint not null default 1,
    created      timestamptz not null default now(),
    modified     timestamptz not null default now(),
    primary key (workspace, id),
    unique (workspace, display_key)
);
create index workspace_group_external on workspace_group (workspace, external_id);

create table workspace_member (
    workspace   bigint not null,
    group_id    text not null,
    member_id   text not null,
    member_type text not null check (member_type in ('User', 'Group')),
    primary key (workspace, group_id, member_id),
    foreign key (workspace, group_id) references workspace_group (workspace, id) on delete cascade
);
create index workspace_member_of on workspace_member (workspace, member_id);

create table workspace_tombstone (
    workspace   bigint not null references workspace on delete cascade,
    user_id     text not null,
    user_name   text not null,
    name_key    text not null,
    external_id text,
    removed     timestamptz not null default now(),
    removed_by  text not null,
    primary key (workspace, user_id)
);
create index workspace_tombstone_name on workspace_tombstone (workspace, name_key);

create table workspace_token (
    workspace   bigint not null references workspace on delete cascade,
    id          text not null,
    owner       text not null,
    hash        bytea not null unique,
    comment     text not null default '',
    created     timestamptz not null default now(),
    expires     timestamptz,
    revoked     timestamptz,
    last_used   timestamptz,
    primary key (workspace, id)
);
create index workspace_token_owner on workspace_token (workspace, owner);

-- ── the ledger of the engine ─────────────────────────────────────────────────────────────────────────────────

create table sync_job (
    tenant       uuid not null,
    application  uuid not null,
    watermark    bigint not null default 0,
    -- The fence: every write of a cycle names the epoch it was started with.
    epoch        bigint not null default 0,
    holder       text,
    lease_until  timestamptz,
    cycles       bigint not null default 0,
    -- What the next cycle is: initial until one has gone through, and again after a change of configuration.
    initial      boolean not null default true,
    -- Counts how often `initial` was set: a cycle clears only what it was begun for.
    generation   bigint not null default 0,
    last_cycle   timestamptz,
    quarantine   text,
    primary key (tenant, application),
    foreign key (tenant, application) references application (tenant, id) on delete cascade
);

create table sync_object (
    tenant       uuid not null,
    application  uuid not null,
    source_id    uuid not null,
    object_type  text not null check (object_type in ('User', 'Group')),
    desired_seq  bigint not null,
    applied_seq  bigint not null default 0,
    -- Somebody that this object refers to (a member, a manager) has an account since, or none any more.
    references_due boolean not null default false,
    target_id    text,
    adopted      boolean not null default false,
    -- linked: an account of ours; removed: gone at the target, not re-created; none: no account.
    state        text not null default 'none' check (state in ('none', 'linked', 'disabled', 'removed')),
    -- A create that was promised and whose answer is not known yet: the attributes that were (or will be) sent.
    intent       jsonb,
    last_applied jsonb not null default '{}',
    kept         jsonb not null default '{}',
    -- Something was sent and its answer is not recorded yet: the account is read before it is decided about again.
    unsettled    boolean not null default false,
    -- What was sent last was a DELETE: an account that is not there any more was taken away by us.
    deleting     boolean not null default false,
    failures     integer not null default 0,
    next_try     timestamptz,
    error        text,
    primary key (tenant, application, source_id),
    foreign key (tenant, application) references sync_job (tenant, application) on delete cascade
);
create index sync_object_target on sync_object (target_id) where target_id is not null;
create index sync_object_dirty on sync_object (tenant, application, object_type, source_id)
    where desired_seq > applied_seq or references_due;

create table sync_member (
    tenant      uuid not null,
    application uuid not null,
    group_id    uuid not null,
    member_id   uuid not null,
    target_id   text not null,
    -- Whether Provisor added the membership, or found it there.
    added       boolean not null,
    -- False: it was promised before the request was sent, and the answer is not recorded yet.
    confirmed   boolean not null,
    primary key (tenant, application, group_id, member_id),
    foreign key (tenant, application) references sync_job (tenant, application) on delete cascade
);

create table sync_cycle (
    tenant      uuid not null,
    application uuid not null,
    id          uuid not null,
    number      bigint not null,
    kind        text not null check (kind in ('initial', 'incremental')),
    mode        text not null check (mode in ('plan', 'cycle')),
    status      text not null,
    started     timestamptz not null default now(),
    ended       timestamptz,
    hash        text,
    counts      jsonb not null default '{}',
    requests    bigint not null default 0,
    error       text,
    primary key (tenant, application, id),
    foreign key (tenant, application) references sync_job (tenant, application) on delete cascade
);
create index sync_cycle_started on sync_cycle (tenant, application, started);

-- The plan's rows, which are the log's rows too: what was decided, why, and what came of it.
create table sync_change (
    tenant      uuid not null,
    application uuid not null,
    cycle       uuid not null,
    ordinal     bigint not null,
    phase       smallint not null,
    action      text not null,
    object_type text not null,
    source_id   uuid not null,
    source_name text not null,
    target_id   text,
    reason      text not null,
    seq         bigint not null,
    detail      jsonb not null,
    retry       boolean not null default false,
    status      text,
    message     text,
    at          timestamptz not null default now(),
    primary key (tenant, application, cycle, ordinal),
    foreign key (tenant, application, cycle) references sync_cycle (tenant, application, id) on delete cascade
);
create index sync_change_source on sync_change (tenant, application, source_id);

-- ── audit ────────────────────────────────────────────────────────────────────────────────────────────────────

create table audit (
    id         bigint generated always as identity primary key,
    realm      text not null,
    at         timestamptz not null default now(),
    actor      text not null,
    action     text not null,
    object     text not null,
    object_id  text,
    before     jsonb,
    after      jsonb
);
create index audit_realm on audit (realm, id);

-- ── this installation ────────────────────────────────────────────────────────────────────────────────────────

create table instance (
    key   text primary key,
    value text not null
);
