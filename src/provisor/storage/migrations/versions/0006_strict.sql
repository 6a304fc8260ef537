alter table workspace add column strict boolean not null default false;
