-- name: client_insert
insert into client (tenant, id, name, name_key, role, secret) values ($1, $2, $3, $4, $5, $6)
on conflict (tenant, name_key) do nothing
returning id

-- name: clients
select id, name, role, created, secret_made, last_used,
       case when old_until > now() then old_until end as old_until
from client where tenant = $1 order by name_key

-- name: client_lock
select id, name, role from client where tenant = $1 and (name_key = $2 or id::text = $2)
order by id::text = $2 desc limit 1 for update

-- name: client_renew
update client set secret = $3, secret_made = now(),
                  old_secret = case when $4 > 0 then secret end,
                  old_until = case when $4 > 0 then now() + make_interval(secs => $4) end
where tenant = $1 and id = $2
returning old_until

-- name: client_delete
delete from client where tenant = $1 and id = $2

-- name: client_sign_in
select name, role, secret, old_secret, old_until > now() as old_counts from client where tenant = $1 and id = $2

-- name: client_used
update client set last_used = now() where tenant = $1 and id = $2

-- name: arrival
-- Whom a token names and which key its signature is to be checked with, as they are now; each may be missing.
select (select public from signing_key
        where kid = $1 and (retired is null or retired > now() - make_interval(secs => $4))) as key,
       t.id as tenant, t.name as tenant_name, t.domain, c.id as client, c.name, c.role,
       c.last_used is null or c.last_used < now() - interval '1 minute' as stale
from (values ($2::uuid, $3::uuid)) as named (tenant, client)
left join tenant t on t.id = named.tenant
left join client c on c.tenant = named.tenant and c.id = named.client
