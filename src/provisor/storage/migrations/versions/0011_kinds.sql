-- Cycles that compare every account, that are about somebody only, and that undo another one.
alter table sync_cycle drop constraint sync_cycle_kind_check;
alter table sync_cycle add constraint sync_cycle_kind_check
    check (kind in ('initial', 'incremental', 'full', 'on demand', 'revert'));
