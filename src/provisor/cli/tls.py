"""``provisor tls``: a certificate for trying clients that want ``https``, without an authority."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from provisor.cli.groups import group
from provisor.cli.session import Session


def register(root: typer.Typer) -> None:
    root.add_typer(group("A certificate of the server's own.", self_signed=self_signed), name="tls")


def self_signed(
    ctx: typer.Context,
    host: Annotated[list[str] | None, typer.Option(help="A name or address more that the server has.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Make another where there is one already.")] = False,
) -> None:
    """Make a certificate for localhost, 127.0.0.1 and ::1, and its key, in the data folder; good for a year."""
    from provisor.api import self_signed as certificates

    session: Session = ctx.obj
    made = certificates.make(host or (), datetime.now(UTC))
    files = certificates.write(made, session.settings().data / "tls", force=force)
    shown = {
        "certificate": str(files.certificate),
        "key": str(files.key),
        "hosts": list(made.hosts),
        "until": made.until,
    }
    session.show(
        shown,
        f"certificate  {files.certificate}\n"
        f"key          {files.key}\n"
        f"for          {', '.join(made.hosts)}; until {session.cell(made.until)} UTC\n\n"
        f"Serve with it:\n"
        f"  export SSL_CERT_FILE={files.certificate}\n"
        f"  provisor serve --tls-cert {files.certificate} --tls-key {files.key}\n\n"
        "No client knows it: give each the certificate as its authority, as curl --cacert does. With SSL_CERT_FILE\n"
        "provisor itself takes its own workspaces at https, and while it is set no targets elsewhere.",
    )
