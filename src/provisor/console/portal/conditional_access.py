"""*Conditional access*: every policy with its state and what is wrong with it, and the break-glass accounts."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import conditional_access, policy_words, users

PAGE = Page("conditional_access", "/conditional-access", action="policy.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        kept = await conditional_access.policies(tx, visit.tenant)
        names = await policy_words.called(tx, visit.tenant, [item.value for item in kept])
        warned = await conditional_access.warnings(tx, visit.tenant)
        emergency = await conditional_access.break_glass(tx, visit.tenant)
    rows = []
    for item in kept:
        words = policy_words.words(item.value, names)
        rows.append((item, words.state, policy_words.summary(words), warned.of(item.value)))
    return visit.render(rows=rows, warned=warned.all, emergency=emergency)


@PAGE.post("/break-glass", action="policy.write")
async def add(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, visit.form.text("user"))
        await conditional_access.add_break_glass(edit, user)
    return await visit.done("/conditional-access", f"{user.upn} is a break-glass account now.")


@PAGE.post("/break-glass/remove", action="policy.write")
async def remove(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.by_id(edit.tx, visit.tenant, visit.form.id("user"))
        await conditional_access.remove_break_glass(edit, user)
    return await visit.done("/conditional-access", f"{user.upn} is no break-glass account any more.")
