"""What a server does by itself besides answering: cycles when they are due, help with those of others, notices."""

from __future__ import annotations

from datetime import timedelta

from provisor.compose import House
from provisor.connectors.base import Channel
from provisor.connectors.notify import Mail, Webhook
from provisor.directory import tenants
from provisor.refusal import Invalid
from provisor.sync.cycle import Asked, Result
from provisor.sync.helping import Helping, Wanted, help_out
from provisor.sync.jobs import Jobs
from provisor.sync.notices import Notifier
from provisor.sync.schedule import Dispatcher, Key, Reason
from provisor.sync.telling import about


async def work(house: House) -> None:
    """Run the cycles of every application that is On, together with whoever else works on this database, until
    cancelled."""

    async def cycle(key: Key, reason: Reason) -> Result:
        async with house.database.reading() as tx:
            tenant = await tenants.by_id(tx, key.tenant)
        asked = Asked(backed_off=False, quick=reason == "change")
        return await house.cycle(tenant, key.application, lambda stage, done, total: None, asked)

    async def notice(key: Key) -> None:
        async with house.database.reading() as tx:
            tenant = await tenants.by_id(tx, key.tenant)
        await house.notice_leavers(tenant, key.application)

    async def help_with(wanted: Wanted) -> int | None:
        async with house.database.reading() as tx:
            tenant = await tenants.by_id(tx, wanted.key.tenant)
        with about(tenant.id, wanted.key.application):
            return await help_out(lambda: house.job(tenant, wanted.key.application), wanted)

    safety = timedelta(minutes=house.settings.cycle_minutes)
    jobs = Jobs(house.database, house.dsn, cycle, notice, safety, house.settings.worker_jobs)
    await jobs.run(Dispatcher(house.database, jobs.defer, safety).run, Helping(house.database, help_with).run)


def notifier(house: House) -> Notifier:
    """Delivers notices over the channels of the settings. Raises Invalid for ones that cannot work."""
    settings, channels = house.settings, list[Channel]()
    if settings.notify_url is not None:
        secret = settings.notify_secret.get_secret_value() if settings.notify_secret is not None else None
        channels.append(Webhook(str(settings.notify_url), secret))
    if settings.smtp_url is None:
        if settings.notify_mail:
            raise Invalid("notify_mail names addresses, and smtp_url no mail server: set both, or neither.")
        return Notifier(house.database, channels)
    url = settings.smtp_url.get_secret_value()
    if not url.startswith(("smtp://", "smtps://")):
        raise Invalid("smtp_url is not like smtp://host:587 or smtps://user:password@host.")
    if settings.notify_mail:
        channels.append(Mail(url, settings.notify_from, sorted(settings.notify_mail)))
    return Notifier(house.database, channels, lambda to: Mail(url, settings.notify_from, to, "notification e-mail"))
