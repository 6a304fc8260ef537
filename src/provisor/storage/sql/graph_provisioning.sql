-- name: applications
-- Applications without their mappings, which are long.
select id, name, template, created, scope from application where tenant = $1 order by name_key

-- name: client
select id, name, created from client where tenant = $1 and id = $2

-- name: remembered
-- No row: an application that was not made here; it has a job, and nobody put secrets.
select job, secrets from graph_application where tenant = $1 and application = $2

-- name: remember_job
insert into graph_application (tenant, application, job) values ($1, $2, $3)
on conflict (tenant, application) do update set job = excluded.job

-- name: remember_secrets
insert into graph_application (tenant, application, secrets) values ($1, $2, $3)
on conflict (tenant, application) do update set secrets = excluded.secrets

-- name: assigned
-- Who is assigned to an application, or to what somebody is assigned; $4: only this one of both.
select a.application, a.principal_id, a.principal_type, a.created, p.name as resource, r.role,
       coalesce(u.doc ->> 'displayName', u.upn, g.doc ->> 'displayName') as name
from application_assignment a
join application p on p.tenant = a.tenant and p.id = a.application
left join directory_user u on u.tenant = a.tenant and u.id = a.principal_id
left join directory_group g on g.tenant = a.tenant and g.id = a.principal_id
left join graph_role r
  on r.tenant = a.tenant and r.application = a.application and r.principal_id = a.principal_id
where a.tenant = $1 and ($2::uuid is null or a.application = $2) and ($3::uuid is null or a.principal_id = $3)
order by a.created, a.principal_id, a.application

-- name: role_put
insert into graph_role (tenant, application, principal_id, role) values ($1, $2, $3, $4)
on conflict (tenant, application, principal_id) do update set role = excluded.role
