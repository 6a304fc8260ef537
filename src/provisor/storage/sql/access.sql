-- name: session_open
insert into session (hash, realm, subject, methods, pending, authenticated)
values ($1, $2, $3, $4, $5, now() - make_interval(secs => $6))

-- name: sessions_prune
delete from session where opened < now() - make_interval(secs => $1) or seen < now() - make_interval(secs => $2)

-- name: session_close
delete from session where hash = $1

-- name: sessions_close
-- Sessions (but one) and links that were not used: whoever ends somebody's access ends both.
with links as (delete from one_time_link where realm = $1 and subject = any($2::text[]))
delete from session where realm = $1 and subject = any($2::text[]) and hash is distinct from $3

-- name: sessions_of
select hash, opened, seen, methods, hash = $5 as here from session
where realm = $1 and subject = $2 and not pending and opened > now() - make_interval(secs => $3)
  and seen > now() - make_interval(secs => $4)
order by seen desc, hash

-- name: session_end
delete from session where realm = $1 and subject = $2 and hash = $3 returning true

-- name: session_seen
update session set seen = now() where hash = $1

-- name: session_prove
-- Its owner has proved more: another secret, and what was proved. Nothing when the session has ended meanwhile.
update session set hash = $2, methods = $3, pending = $4, authenticated = now(), seen = now() where hash = $1 returning hash

-- name: session_notice
update session set notice = $2 where hash = $1

-- name: link_make
with void as (delete from one_time_link where expires < now())
insert into one_time_link (hash, realm, subject, expires) values ($1, $2, $3, now() + make_interval(secs => $4))

-- name: link_look
select subject from one_time_link where hash = $1 and realm = $2 and expires > now()

-- name: link_use
delete from one_time_link where hash = $1 and realm = $2 and expires > now() returning subject

-- name: tries
-- How often somebody tried: this account from this place, and in the last hour this place and this account at all.
select coalesce((select failures from sign_in_try where realm = $1 and account = $2 and place = $3), 0) as failures,
       coalesce((select extract(epoch from now() - tried) from sign_in_try
                 where realm = $1 and account = $2 and place = $3), 0)::double precision as since,
       (select coalesce(sum(failures), 0) from sign_in_try
        where place = $3 and tried > now() - interval '1 hour') as at_place,
       (select coalesce(sum(failures), 0) from sign_in_try
        where realm = $1 and account = $2 and tried > now() - interval '1 hour') as at_account

-- name: device_known
select exists (select from sign_in_try where realm = $1 and account = $2 and place = $3 and succeeded is not null)

-- name: tries_lock
-- Tries of one account are counted one after the other: many at once must not all be the first.
select pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))

-- name: try_counts
insert into sign_in_try (realm, account, place, failures) values ($1, $2, $3, 1)
on conflict (realm, account, place) do update set failures = sign_in_try.failures + 1, tried = now()

-- name: try_succeeded
insert into sign_in_try (realm, account, place, succeeded) values ($1, $2, $3, now())
on conflict (realm, account, place) do update set failures = 0, tried = now(), succeeded = now()

-- name: devices_forget
delete from sign_in_try where realm = $1 and account = $2 and place like 'device/%' and place <> $3

-- name: tries_prune
delete from sign_in_try where tried < now() - interval '1 year'

-- name: signing_keys_fresh
select kid, private from signing_key
where retired is null and created > now() - make_interval(days => $1) order by created desc, kid

-- name: signing_key_lock
-- Whoever makes a key does it alone.
select pg_advisory_xact_lock(hashtext('provisor signing key'))

-- name: signing_key_insert
insert into signing_key (kid, algorithm, private, public) values ($1, $2, $3, $4)

-- name: signing_keys_retire
update signing_key set retired = now(), private = null
where retired is null and created <= now() - make_interval(days => $1)

-- name: signing_keys_prune
delete from signing_key where retired <= now() - make_interval(secs => $1)

-- name: signing_keys_published
select public from signing_key
where retired is null or retired > now() - make_interval(secs => $1) order by created desc, kid

-- name: authentication_requests_prune
delete from authentication_request where expires < now()

-- name: authentication_request_keep
insert into authentication_request
    (hash, realm, state, issuer, client, nonce, verifier, redirect_uri, destination, subject, max_age, expires)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + make_interval(secs => $12))

-- name: authentication_request_take
delete from authentication_request where hash = $1 and realm = $2 and state = $3 and expires > now()
returning state, issuer, client, nonce, verifier, redirect_uri, destination, subject, max_age
