-- name: party_of_workspace
select id, name, public, redirects, logouts, workspace, application from relying_party
where tenant = $1 and workspace = $2

-- name: party_workspace
insert into relying_party (tenant, id, name, public, redirects, workspace) values ($1, $2, $3, true, '{}', $3)
on conflict do nothing
returning id

-- name: application_lock
-- Whoever changes how an application asks does it alone.
select id from application where tenant = $1 and id = $2 for update

-- name: party_put
insert into relying_party (tenant, id, name, public, redirects, logouts, application)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant, id) do update
set name = excluded.name, public = excluded.public, redirects = excluded.redirects, logouts = excluded.logouts

-- name: party_delete
-- With what it has got: it may be there again, under the same id, before that has run out.
with codes as (delete from authorization_code where tenant = $1 and party = $2),
     secrets as (delete from password_credential where tenant = $1 and client = $2)
delete from relying_party where tenant = $1 and id = $2

-- name: party_of_application
select p.id, a.name, p.public, p.redirects, p.logouts, p.workspace, p.application
from relying_party p join application a on a.tenant = p.tenant and a.id = p.application
where p.tenant = $1 and p.application = $2

-- name: party_called
select p.id, coalesce(a.name, p.name) as name, p.public, p.redirects, p.logouts, p.workspace, p.application
from relying_party p left join application a on a.tenant = p.tenant and a.id = p.application
where p.tenant = $1 and p.id = $2

-- name: parties
select p.id, coalesce(a.name, p.name) as name, p.public, p.redirects, p.logouts, p.workspace, p.application
from relying_party p left join application a on a.tenant = p.tenant and a.id = p.application
where p.tenant = $1 order by lower(coalesce(a.name, p.name)), p.id

-- name: accounts_at
-- Which accounts in a workspace are a person's, as provisioning knows; and whether the one of this name is another
-- person's who is in the directory still: the workspace keeps the name with which an account was made.
with known as (
    select o.source_id, o.target_id, lower(o.last_applied ->> 'userName') as sent, lower(o.kept ->> 'userName') as kept
    from application a join sync_object o on o.tenant = a.tenant and o.application = a.id
    where a.tenant = $1 and position('/w/' || $2 || '/' in a.tenant_url) > 0
      and o.object_type = 'User' and o.target_id is not null and o.state in ('linked', 'disabled')
)
select array(select target_id from known where source_id = $3) as own,
       exists (select from known join directory_user u on u.tenant = $1 and u.id = known.source_id
               where source_id <> $3 and lower($4) in (sent, kept)) as taken

-- name: clock
-- Now, on the clock by which sessions are dated.
select extract(epoch from now())::double precision

-- name: code_issue
with old as (delete from authorization_code where created < now() - make_interval(secs => $13))
insert into authorization_code (tenant, id, hash, party, redirect, issuer, scopes, nonce, challenge, user_id, session, methods,
                                authenticated)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, to_timestamp($14))

-- name: code_redeem
-- Whose it is, for the first who shows it in time, while the session is there that it came from. Whoever waits for the row
-- meanwhile finds it redeemed.
update authorization_code c set redeemed = now()
from session s, directory_user u
where c.tenant = $1 and c.hash = $2 and c.party = $3 and c.redeemed is null and c.created > now() - make_interval(secs => $4)
  and s.hash = c.session and s.realm = $5 and s.subject = c.user_id::text and not s.pending
  and s.opened > now() - make_interval(secs => $6) and s.seen > now() - make_interval(secs => $7)
  and u.tenant = c.tenant and u.id = c.user_id and u.enabled and u.deleted is null
returning c.id as code, c.redirect, c.issuer, c.scopes, c.nonce, c.challenge, c.session, c.methods,
          extract(epoch from c.authenticated)::double precision as authenticated, u.id, u.upn, u.enabled, u.deleted, u.doc

-- name: code_replayed
update authorization_code set replayed = true where tenant = $1 and hash = $2 and redeemed is not null returning id

-- name: token_of_code
-- What an access token stands for, with the key that it says it was signed with, as they are now.
select k.public as key, c.scopes, u.id, u.upn, u.enabled, u.deleted, u.doc
from (values ($2::uuid)) as named (id)
left join signing_key k on k.kid = $3 and (k.retired is null or k.retired > now() - make_interval(secs => $4))
left join (
    select c.id, c.tenant, c.user_id, c.scopes from authorization_code c
    join relying_party p on p.tenant = c.tenant and p.id = c.party
    join session s on s.hash = c.session and s.realm = $5 and s.subject = c.user_id::text and not s.pending
         and s.opened > now() - make_interval(secs => $6) and s.seen > now() - make_interval(secs => $7)
    where c.tenant = $1 and c.redeemed is not null and not c.replayed
) c on c.id = named.id
left join directory_user u on u.tenant = c.tenant and u.id = c.user_id and u.enabled and u.deleted is null
