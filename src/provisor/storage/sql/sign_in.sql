-- name: sign_in_record
insert into sign_in (tenant, user_id, upn, resource, resource_name, address, methods, outcome, reason, policies)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: sign_ins
-- Newest first, those before one when the page begins later ($8); $9: only before this moment.
select id, at, user_id, upn, resource, resource_name, address, methods, outcome, reason, policies from sign_in
where tenant = $1 and ($3 = '' or position($3 in lower(upn)) > 0)
  and ($4 = '' or position($4 in lower(resource_name)) > 0 or resource = $4)
  and outcome = any($5::text[])
  and ($6 = '' or policies @> jsonb_build_array(jsonb_build_object('id', $6::text)))
  and ($7::timestamptz is null or at >= $7) and ($8::bigint is null or id < $8) and ($9::timestamptz is null or at < $9)
order by id desc limit $2

-- name: sign_in_counts
-- In each interval ($2: where they begin, and where the last one ends), counted from 1.
select width_bucket(at, $2::timestamptz[]) as place, outcome, count(*) as count from sign_in
where tenant = $1 and at >= $3 and at < $4 group by 1, 2

-- name: sign_in
select id, at, user_id, upn, resource, resource_name, address, methods, outcome, reason, policies from sign_in
where tenant = $1 and id = $2

-- name: sign_ins_prune
delete from sign_in s using tenant t where s.tenant = t.id and s.at < now() - make_interval(days => $1)
