"""``provisor serve``: one process with every door, the scheduler, and the seal of the audit log."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from provisor.cli.session import Session, run_loop


def register(root: typer.Typer) -> None:
    root.command("serve")(serve)


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate (PEM).")] = None,
) -> None:
    """Serve the workspaces and run the cycles until SIGTERM."""
    run_loop(_serve(ctx.obj, host=host, port=port, tls_cert=tls_cert, tls_key=tls_key))


async def _serve(session: Session, **flags: object) -> None:
    from provisor import compose
    from provisor.api import server
    from provisor.audit.sealer import keep_sealed

    settings = session.settings(**flags)
    tls = server.certificate(settings.tls_cert, settings.tls_key)
    sock = server.listen(settings.host, settings.port)
    _log(settings.log_level)
    async with compose.opened(settings, size=20) as house:
        if house.warning:
            session.note(house.warning)
        tenant = await compose.first_tenant(house)
        listening = server.address(sock, tls=bool(tls))

        async def ready() -> None:
            await compose.announce(house, listening)
            print(f"Provisor ready on {listening}", flush=True)
            link = await compose.first_set_up_link(house, tenant)
            if link:
                print(f"Set a password for the portal, once: {link}", flush=True)

        notifying = asyncio.create_task(compose.notifier(house).run())
        scheduler = asyncio.create_task(compose.scheduler(house).run())
        sealing = asyncio.create_task(keep_sealed(house.database))
        serving = asyncio.create_task(
            server.serve(compose.doors(house), sock, tls, ready, proxies=settings.trusted_proxies)
        )
        try:
            # Neither goes on without the other: a server whose cycles have ended would look well and do nothing.
            await asyncio.wait({scheduler, serving}, return_when=asyncio.FIRST_COMPLETED)
            if scheduler.done():
                scheduler.result()
            await serving
        finally:
            for task in (scheduler, sealing, notifying, serving):
                task.cancel()
            await asyncio.gather(scheduler, sealing, notifying, serving, return_exceptions=True)


def _log(level: str) -> None:
    """One JSON object a line on stderr. Values of people, secrets and tokens are not among what is logged."""
    import logging

    import orjson
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
