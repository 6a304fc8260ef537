-- name: sign_in_record
insert into sign_in (tenant, user_id, upn, resource, resource_name, address, methods, outcome, reason, policies)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
