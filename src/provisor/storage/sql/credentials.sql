-- name: credential_add
insert into password_credential (tenant, client, id, name, hint, hash, starts, ends)
values ($1, $2, $3, $4, $5, $6, coalesce($7, now()), $8)
returning id, name, hint, starts, ends

-- name: credentials
-- Of all clients and applications of a tenant, or of one, in the order in which they were made.
select client, id, name, hint, starts, ends from password_credential
where tenant = $1 and ($2::uuid is null or client = $2)
order by client, made, id

-- name: credential_remove
delete from password_credential where tenant = $1 and client = $2 and id = $3
returning id, name, hint, starts, ends

-- name: credentials_end
-- Those that count end in so many seconds at the latest; those that count no more are gone, and all with 0.
with gone as (delete from password_credential where tenant = $1 and client = $2 and ($3::double precision <= 0 or ends <= now()))
update password_credential set ends = least(ends, now() + make_interval(secs => $3))
where tenant = $1 and client = $2 and $3 > 0 and (ends is null or ends > now())
returning ends

-- name: credentials_shown
-- What a secret is compared with.
select hash, starts <= now() as begun, ends is not null and ends <= now() as ended from password_credential
where tenant = $1 and client = $2
