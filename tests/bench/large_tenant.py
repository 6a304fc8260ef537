"""A tenant and a workspace as large as they come: 100,000 people, 2,000 groups, a million rows of the provisioning log.

Filled by the database itself, so that it takes a minute and not an hour; every row is as the program writes it, as far
as a page can see. People are spread over a year of sign-ins and over a month of cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pair import Pair

_DIRECTORY: Final = """
    insert into directory_user (tenant, id, upn, upn_key, name_key, enabled, doc)
    select $1, gen_random_uuid(), 'p' || n || '@contoso.com', 'p' || n || '@contoso.com', 'person ' || n, n % 20 > 0,
           jsonb_build_object(
               'userPrincipalName', 'p' || n || '@contoso.com', 'displayName', 'Person ' || n, 'givenName', 'Person',
               'surname', n::text, 'mail', 'p' || n || '@contoso.com', 'mailNickname', 'p' || n, 'jobTitle', 'Clerk',
               'department', 'Engines', 'mobile', '+44 20 ' || n, 'preferredLanguage', 'en')
    from generate_series(1, $2::int) n"""
_GROUPS: Final = """
    insert into directory_group (tenant, id, name_key, doc)
    select $1, gen_random_uuid(), 'group ' || lpad(n::text, 5, '0'),
           jsonb_build_object('displayName', 'Group ' || lpad(n::text, 5, '0'), 'description', 'The ' || n || 'th')
    from generate_series(1, $2::int) n"""
#: The first group has the many; the others twenty each, as people have some groups each.
_MEMBERS: Final = """
    with people as (
        select id, row_number() over (order by upn_key) as n from directory_user where tenant = $1 and deleted is null
    ), teams as (
        select id, row_number() over (order by name_key) as n from directory_group where tenant = $1
    )
    insert into directory_member (tenant, group_id, member_id, member_type)
    select $1, t.id, p.id, 'User' from teams t join people p
      on case when t.n = 1 then p.n <= $2::int else p.n between t.n * 20 and t.n * 20 + 19 end"""
#: The ten largest groups, and every tenth person directly.
_ASSIGNED: Final = """
    insert into application_assignment (tenant, application, principal_id, principal_type)
    (select $1::uuid, $2::uuid, id, 'Group' from directory_group where tenant = $1 order by name_key limit 10)
    union all
    (select $1, $2, id, 'User' from directory_user where tenant = $1 and upn_key like '%0@contoso.com')"""
_JOB: Final = """
    insert into sync_job (tenant, application, cycles, initial, last_cycle) values ($1, $2, $3, false, now())
    on conflict (tenant, application) do update
    set cycles = excluded.cycles, initial = false, last_cycle = excluded.last_cycle"""
_OBJECTS: Final = """
    insert into sync_object (tenant, application, source_id, object_type, desired_seq, applied_seq, target_id, state,
                             last_applied, leaving, failures)
    select $1, $2, id, 'User', n, n, gen_random_uuid()::text, 'linked',
           jsonb_build_object('userName', upn, 'displayName', doc ->> 'displayName'),
           case when n % 250 = 0 then now() - make_interval(mins => n::int % 600) end,
           case when n % 500 = 0 then 1 else 0 end
    from (select *, row_number() over (order by upn_key) as n from directory_user where tenant = $1) u"""
_CYCLES: Final = """
    insert into sync_cycle (tenant, application, id, number, kind, mode, status, started, counts, requests, planned,
                            done)
    select $1, $2, gen_random_uuid(), n, case when n = 1 then 'initial' else 'incremental' end, 'cycle', 'running',
           now() - make_interval(hours => $3::int - n), '{"update": 1000}', 1000, 1000, 1000
    from generate_series(1, $3::int) n"""
_ENDED: Final = """
    update sync_cycle set status = 'done', ended = started + interval '20 minutes'
    where tenant = $1 and application = $2"""
#: Of each cycle, in the order in which it writes them.
_CHANGES: Final = """
    insert into sync_change (tenant, application, cycle, ordinal, phase, action, object_type, source_id, source_name,
                             target_id, reason, seq, detail, status, message, at)
    select $1, $2, y.id, n, 1 + n % 3, (array['create', 'update', 'update', 'disable', 'delete'])[1 + n % 5], 'User',
           md5('p' || n)::uuid, 'p' || n || '@contoso.com', md5('t' || n), 'is assigned through the group Team 1', n,
           jsonb_build_object('attributes', jsonb_build_object('displayName', jsonb_build_array('Ada ' || n, 'Ada'))),
           case when n % 97 = 0 then 'failure' when n % 89 = 0 then 'skipped' else 'success' end,
           case when n % 97 = 0 then 'POST /Users was answered 500' end, y.started + make_interval(secs => n)
    from sync_cycle y, generate_series(1, $3::int) n where y.tenant = $1 and y.application = $2
    order by y.number, n"""
_SIGN_INS: Final = """
    insert into sign_in (tenant, at, user_id, upn, resource, resource_name, address, methods, outcome, reason, policies)
    select $1, now() - make_interval(secs => ($2::int - n) * 12), gen_random_uuid(), 'p' || n || '@contoso.com',
           'portal', 'Portal', '192.0.2.' || n % 250, array['password'],
           (array['success', 'success', 'success', 'failure', 'interrupted'])[1 + n % 5], '', '[]'
    from generate_series(1, $2::int) n"""
_AUDIT: Final = """
    insert into audit (realm, at, actor, action, object, object_id, before, after)
    select $1, now() - make_interval(secs => $2::int - n), 'admin@contoso.com',
           (array['set', 'create', 'add members', 'delete'])[1 + n % 4], 'user p' || n, md5('p' || n),
           '{"jobTitle": "Clerk"}', '{"jobTitle": "Engineer"}'
    from generate_series(1, $2::int) n"""
_ACCOUNTS: Final = """
    insert into workspace_user (workspace, id, user_name, name_key, external_id, display_key, active, doc, idx)
    select $1, 'u' || n, 'p' || n || '@contoso.com', 'p' || n || '@contoso.com', 'e' || n, 'person ' || n, true,
           jsonb_build_object('userName', 'p' || n || '@contoso.com', 'displayName', 'Person ' || n, 'active', true),
           '{}'
    from generate_series(1, $2::int) n"""
_TEAMS: Final = """
    insert into workspace_group (workspace, id, display_key, external_id, doc, idx)
    select $1, 'g' || n, 'team ' || lpad(n::text, 5, '0'), 'e' || n,
           jsonb_build_object('displayName', 'Team ' || lpad(n::text, 5, '0')), '{}'
    from generate_series(1, $2::int) n"""
#: The first has everybody; so has the reserved group ``users``.
_JOINED: Final = """
    insert into workspace_member (workspace, group_id, member_id, member_type)
    select $1::bigint, 'g' || t, 'u' || n, 'User'
    from generate_series(2, $3::int) t, generate_series(t * 20, t * 20 + 19) n
    union all
    select $1, 'g1', 'u' || n, 'User' from generate_series(1, $2::int) n
    union all
    select $1, g.id, 'u' || n, 'User' from workspace_group g, generate_series(1, $2::int) n
    where g.workspace = $1 and g.reserved and g.display_key = 'users'"""


@dataclass(frozen=True, slots=True)
class Size:
    people: int = 100_000
    groups: int = 2_000
    large: int = 20_000
    cycles: int = 700
    changes: int = 1_430
    sign_ins: int = 200_000
    audited: int = 200_000


@dataclass(frozen=True, slots=True)
class Large:
    """``user`` and ``group`` are ids in the directory, the group the large one; ``account`` and ``team`` are at the
    workspace, the team having everybody."""

    user: UUID
    group: UUID
    account: str = "u50000"
    team: str = "g1"


FULL: Final = Size()


async def fill(pair: Pair, size: Size = FULL) -> Large:
    """Fill the tenant and the workspace of ``pair``."""
    tenant, app, workspace = pair.tenant.id, pair.application, pair.workspace.id
    async with pair.house.database.transaction() as tx:
        await tx.execute("set local statement_timeout = 0")
        # Everybody is in scope, or those who are not assigned would be leavers.
        await tx.execute("update application set scope = 'all' where tenant = $1 and id = $2", tenant, app)
        await tx.execute(_DIRECTORY, tenant, size.people, timeout=600)
        await tx.execute(_GROUPS, tenant, size.groups)
        await tx.execute(_MEMBERS, tenant, size.large, timeout=600)
        await tx.execute(_ASSIGNED, tenant, app)
        await tx.execute(
            _JOB,
            tenant,
            app,
            size.cycles,
        )
        await tx.execute(_OBJECTS, tenant, app, timeout=600)
        await tx.execute(_CYCLES, tenant, app, size.cycles)
        await tx.execute(_CHANGES, tenant, app, size.changes, timeout=600)
        await tx.execute(_ENDED, tenant, app)
        await tx.execute(_SIGN_INS, tenant, size.sign_ins, timeout=600)
        await tx.execute(_AUDIT, f"tenant/{pair.tenant.name}", size.audited, timeout=600)
        await tx.execute(_ACCOUNTS, workspace, size.people, timeout=600)
        await tx.execute(_TEAMS, workspace, size.groups)
        await tx.execute(_JOINED, workspace, size.people, size.groups, timeout=600)
        user = await tx.fetchval(
            "select id from directory_user where tenant = $1 and upn_key = 'p50000@contoso.com'", tenant
        )
        group = await tx.fetchval("select id from directory_group where tenant = $1 order by name_key limit 1", tenant)
    async with pair.house.database.reading() as tx:
        # As the database keeps itself within the hour.
        await tx.execute("vacuum analyze", timeout=600)
    return Large(user, group)
