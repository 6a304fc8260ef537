-- What clients of the Graph API find again as they left it, and nothing else needs: whether an application has a job,
-- which of its secrets were put (never the secret ones themselves), and which role an assignment was made with. There
-- are no foreign keys, so that a backup of before can be restored over it.
drop table if exists graph_application;
create table graph_application (
    tenant      uuid not null,
    application uuid not null,
    job         boolean not null default true,
    secrets     jsonb,
    primary key (tenant, application)
);
drop table if exists graph_role;
create table graph_role (
    tenant       uuid not null,
    application  uuid not null,
    principal_id uuid not null,
    role         uuid not null,
    primary key (tenant, application, principal_id)
);
