-- JSON: by the name of a resource type, the schemas that a workspace has beside the profile's.
alter table workspace add column extensions text not null default '';
