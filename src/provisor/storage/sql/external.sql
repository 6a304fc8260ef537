-- name: provider_get
select issuer, client_id, secret, name, exclusive, trust_mfa from external_provider where tenant = $1

-- name: provider_put
insert into external_provider (tenant, issuer, client_id, secret, name, exclusive, trust_mfa) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant) do update set issuer = $2, client_id = $3, secret = $4, name = $5, exclusive = $6, trust_mfa = $7

-- name: provider_delete
delete from external_provider where tenant = $1

-- name: identity_owner
select user_id from external_identity where tenant = $1 and issuer = $2 and subject = $3

-- name: identity_of
select subject from external_identity where tenant = $1 and issuer = $2 and user_id = $3

-- name: identity_link
insert into external_identity (tenant, issuer, subject, user_id, linked_by) values ($1, $2, $3, $4, $5)
on conflict do nothing returning subject

-- name: identity_unlink
delete from external_identity where tenant = $1 and issuer = $2 and user_id = $3 returning subject

-- name: identities
select u.id, u.upn, u.enabled and u.deleted is null as able, i.subject, i.linked, i.linked_by from external_identity i
join directory_user u on u.tenant = i.tenant and u.id = i.user_id
where i.tenant = $1 and i.issuer = $2 and (strpos(u.upn_key, $3) > 0 or i.subject = $4) and (u.upn_key, u.id) > ($5, $6)
order by u.upn_key, u.id limit $7

-- name: local_password
-- Whether somebody may use a password though everybody else is sent elsewhere.
select exists (select from directory_role where tenant = $1 and user_id = $2 and role = 'Global Administrator')
    or not exists (select from external_provider where tenant = $1 and exclusive)
