-- name: put
insert into instance (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value

-- name: get
select value from instance where key = $1
