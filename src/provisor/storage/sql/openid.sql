-- name: party_of_workspace
select id, name, secret, redirects, logouts, workspace, application from relying_party
where tenant = $1 and workspace = $2

-- name: party_workspace
insert into relying_party (tenant, id, name, redirects, workspace) values ($1, $2, $3, '{}', $3)
on conflict do nothing
returning id

-- name: application_lock
-- Whoever changes how an application asks does it alone.
select id from application where tenant = $1 and id = $2 for update

-- name: party_put
insert into relying_party (tenant, id, name, secret, redirects, logouts, application)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant, id) do update
set name = excluded.name, secret = excluded.secret, redirects = excluded.redirects, logouts = excluded.logouts

-- name: party_renew
update relying_party set secret = $3 where tenant = $1 and id = $2

-- name: party_delete
delete from relying_party where tenant = $1 and id = $2

-- name: party_of_application
select p.id, a.name, p.secret, p.redirects, p.logouts, p.workspace, p.application
from relying_party p join application a on a.tenant = p.tenant and a.id = p.application
where p.tenant = $1 and p.application = $2

-- name: party_called
select p.id, coalesce(a.name, p.name) as name, p.secret, p.redirects, p.logouts, p.workspace, p.application
from relying_party p left join application a on a.tenant = p.tenant and a.id = p.application
where p.tenant = $1 and p.id::text = $2

-- name: parties
select p.id, coalesce(a.name, p.name) as name, p.secret, p.redirects, p.logouts, p.workspace, p.application
from relying_party p left join application a on a.tenant = p.tenant and a.id = p.application
where p.tenant = $1 order by lower(coalesce(a.name, p.name)), p.id
