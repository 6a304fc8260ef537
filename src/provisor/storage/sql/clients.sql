-- name: client_insert
insert into client (tenant, id, name, name_key, role) values ($1, $2, $3, $4, $5)
on conflict (tenant, name_key) do nothing
returning id

-- name: clients
-- With when the newest secret was made, and until when one of those before counts.
select c.id, c.name, c.role, c.created, c.last_used, s.secret_made, s.old_until
from client c left join lateral (
    select max(made) as secret_made, max(ends) filter (where place > 1 and ends > now()) as old_until
    from (select made, ends, row_number() over (order by made desc, ends desc nulls first) as place from password_credential p
          where p.tenant = c.tenant and p.client = c.id) p
) s on true
where c.tenant = $1 order by c.name_key

-- name: client_lock
select id, name, role from client where tenant = $1 and (name_key = $2 or id::text = $2)
order by id::text = $2 desc limit 1 for update

-- name: client_delete
with secrets as (delete from password_credential where tenant = $1 and client = $2)
delete from client where tenant = $1 and id = $2

-- name: client_sign_in
select name, role from client where tenant = $1 and id = $2

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
