"""Ways to tell somebody of a notice: a signed webhook, and mail over SMTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp
import orjson

from provisor.connectors.base import Notice, Undelivered

#: Seconds for a whole delivery.
PATIENCE: Final = 15.0
_PORTS: Final = {"smtp": 587, "smtps": 465}


class Webhook:
    """POSTs a notice as JSON to ``url``. With a ``secret``, ``X-Provisor-Signature`` is ``sha256=`` and the HMAC of the
    timestamp in ``X-Provisor-Timestamp``, a dot, and the body."""

    name: Final = "webhook"

    def __init__(self, url: str, secret: str | None) -> None:
        self._url = url
        self._secret = secret

    async def tell(self, notice: Notice) -> None:
        body = orjson.dumps(
            {
                "id": notice.id,
                "kind": notice.kind,
                "application": notice.name,
                "applicationId": notice.application,
                "tenantId": notice.tenant,
                "reason": notice.reason,
                "message": notice.sentence,
                "at": notice.created.isoformat(),
            }
        )
        headers = {"Content-Type": "application/json", "User-Agent": "Provisor"}
        if self._secret is not None:
            stamp = str(int(notice.created.timestamp()))
            signed = hmac.new(self._secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            headers |= {"X-Provisor-Timestamp": stamp, "X-Provisor-Signature": f"sha256={signed}"}
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True) as session,
                session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                if not 200 <= answer.status < 300:
                    raise Undelivered(f"the webhook answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Undelivered(f"the webhook cannot be reached ({type(error).__name__})") from None


class Mail:
    """Sends a notice from ``sender`` to ``recipients`` over ``url``: ``smtp://host:port`` (TLS where it is offered) or
    ``smtps://user:password@host``."""

    def __init__(self, url: str, sender: str, recipients: Sequence[str], name: str = "mail") -> None:
        self.name = name
        self._parts = urlsplit(url)
        self._sender = sender
        self._recipients = list(recipients)

    async def tell(self, notice: Notice) -> None:
        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(self._recipients)
        state = "goes through again" if notice.kind == "recovered" else "is in quarantine"
        message["Subject"] = f"Provisioning of {notice.name} {state}"
        message["Date"] = format_datetime(notice.created)
        message.set_content(f"{notice.sentence}\n")
        try:
            await asyncio.to_thread(self._send, message)
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"the mail server does not take it ({type(error).__name__})") from None

    def _send(self, message: EmailMessage) -> None:
        parts, context = self._parts, ssl.create_default_context()
        host, port = parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]
        if parts.scheme == "smtps":
            with smtplib.SMTP_SSL(host, port, timeout=PATIENCE, context=context) as server:
                self._deliver(server, message)
            return
        with smtplib.SMTP(host, port, timeout=PATIENCE) as server:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif parts.password is not None:
                raise smtplib.SMTPException("a password is sent over TLS only")
            self._deliver(server, message)

    def _deliver(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        if self._parts.username is not None:
            server.login(unquote(self._parts.username), unquote(self._parts.password or ""))
        server.send_message(message)
