"""``provisor serve``: one process with every door, a worker, and the seal of the audit log; and ``provisor worker``:
a process more that runs cycles, on this machine or another."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from provisor.cli.session import Session, run_loop


def register(root: typer.Typer) -> None:
    root.command("serve")(serve)
    root.command("worker")(worker)


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate (PEM).")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave the cycles to provisor worker.")] = False,
) -> None:
    """Serve the workspaces and run the cycles until SIGTERM."""
    run_loop(_serve(ctx.obj, no_worker, host=host, port=port, tls_cert=tls_cert, tls_key=tls_key))


def worker(ctx: typer.Context) -> None:
    """Run cycles until SIGTERM, beside the server and as many other workers as there are."""
    run_loop(_work(ctx.obj))


async def _work(session: Session) -> None:
    from provisor import compose, workers
    from provisor.ending import end

    settings = session.settings()
    _log(settings.log_level)
    async with _traced(), compose.opened(settings, size=20) as house:
        if house.warning:
            session.note(house.warning)
        working = asyncio.create_task(workers.work(house))
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        print("Provisor worker ready", flush=True)
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        await end(working, waiting)


async def _serve(session: Session, no_worker: bool, **flags: object) -> None:
    from provisor import compose, workers
    from provisor.api import server
    from provisor.audit.sealer import keep_sealed
    from provisor.console import parties
    from provisor.directory.sign_in_log import keep_pruned
    from provisor.ending import end

    settings = session.settings(**flags)
    tls = server.certificate(settings.tls_cert, settings.tls_key)
    sock = server.listen(settings.host, settings.port)
    _log(settings.log_level)
    async with _traced(), compose.opened(settings, size=20) as house:
        if house.warning:
            session.note(house.warning)
        tenant = await compose.first_tenant(house)
        listening = server.address(sock, tls=bool(tls))

        async def ready() -> None:
            await compose.announce(house, listening)
            await parties.all_known(house.database)
            print(f"Provisor ready on {listening}", flush=True)
            link = await compose.first_set_up_link(house, tenant)
            if link:
                print(f"Set a password for the portal, once: {link}", flush=True)

        notifying = asyncio.create_task(workers.notifier(house).run())
        working = asyncio.create_task(asyncio.Event().wait() if no_worker else workers.work(house))
        sealing = asyncio.create_task(keep_sealed(house.database))
        pruning = asyncio.create_task(keep_pruned(house.database, settings.sign_in_log_days))
        serving = asyncio.create_task(
            server.serve(compose.doors(house), sock, tls, ready, proxies=settings.trusted_proxies)
        )
        try:
            # Neither goes on without the other: a server whose cycles have ended would look well and do nothing.
            await asyncio.wait({working, serving}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            await serving
        finally:
            await end(working, sealing, pruning, notifying, serving)


@asynccontextmanager
async def _traced() -> AsyncIterator[None]:
    """Traces go where OpenTelemetry's variables say, to nobody unless they do."""
    from provisor import tracing

    with tracing.on():
        yield


def _log(level: str) -> None:
    """One JSON object a line on stderr; what is logged in a cycle carries its tenant, application and number. Values of
    people, secrets and tokens are not among what is logged."""
    import logging

    import orjson
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
