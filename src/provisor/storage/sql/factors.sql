-- name: app
select sealed, step, created, used from authenticator_app where tenant = $1 and user_id = $2

-- name: app_insert
insert into authenticator_app (tenant, user_id, sealed, step) values ($1, $2, $3, $4)

-- name: app_used
-- Nothing when a code of this half minute, or of a later one, was used already.
update authenticator_app set step = $3, used = now() where tenant = $1 and user_id = $2 and step < $3 returning step

-- name: app_delete
delete from authenticator_app where tenant = $1 and user_id = $2 returning user_id

-- name: passkeys
select id, name, rp_id, transports, created, used from passkey where tenant = $1 and user_id = $2 order by created, id

-- name: passkey_lock
select user_id, name, rp_id, public_key, sign_count from passkey where tenant = $1 and id = $2 for update

-- name: passkey_insert
insert into passkey (tenant, id, user_id, name, rp_id, public_key, sign_count, transports)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning id

-- name: passkey_used
update passkey set sign_count = $3, used = now() where tenant = $1 and id = $2

-- name: passkey_delete
delete from passkey where tenant = $1 and user_id = $2 and id = $3 returning name

-- name: codes_left
select count(*) filter (where used is null) as remaining, count(*) as made
from recovery_code where tenant = $1 and user_id = $2

-- name: codes_insert
insert into recovery_code (tenant, user_id, hash) select $1, $2, unnest($3::bytea[])

-- name: codes_delete
delete from recovery_code where tenant = $1 and user_id = $2

-- name: code_use
update recovery_code set used = now() where tenant = $1 and user_id = $2 and hash = $3 and used is null returning hash

-- name: factors_delete
-- Everything that somebody can show beside a password.
with apps as (delete from authenticator_app where tenant = $1 and user_id = $2),
     codes as (delete from recovery_code where tenant = $1 and user_id = $2)
delete from passkey where tenant = $1 and user_id = $2

-- name: has_factor
select exists (select from authenticator_app where tenant = $1 and user_id = $2)
    or exists (select from passkey where tenant = $1 and user_id = $2)

-- name: challenge_put
-- Some of those that nobody answered in time go.
with late as (select holder, purpose from challenge where expires < now() and (holder, purpose) <> ($1, $2)
              limit 100 for update skip locked),
     gone as (delete from challenge c using late where (c.holder, c.purpose) = (late.holder, late.purpose))
insert into challenge (holder, purpose, value, expires) values ($1, $2, $3, now() + make_interval(secs => $4))
on conflict (holder, purpose) do update set value = excluded.value, expires = excluded.expires

-- name: challenge_look
select value from challenge where holder = $1 and purpose = $2 and expires > now()

-- name: challenge_take
delete from challenge where holder = $1 and purpose = $2 and expires > now() returning value
