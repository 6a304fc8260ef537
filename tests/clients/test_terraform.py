"""Terraform with its azuread provider, unmodified: apply, no change, a change, destroy; and what it asked, recorded.

The provider is a program that no package has: ``TERRAFORM_AZUREAD`` names the folder with one
(``terraform-provider-azuread``), and ``terraform`` is found on the path.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from microsoft import Shop, keep
from tape import Step, Tape
from yarl import URL

PROVIDER = os.environ.get("TERRAFORM_AZUREAD", "")
TERRAFORM = shutil.which("terraform")
#: Of one request and its answer: they end at each.
_HOP = {"content-length", "transfer-encoding", "connection", "accept-encoding", "content-encoding"}
#: What the replay expects again where an answer has it.
_TOLD = (
    "displayName",
    "userPrincipalName",
    "showInAddressList",
    "principalType",
    "schedule/state",
    "key",
    "error/code",
)


@asynccontextmanager
async def recorder(shop: Shop) -> AsyncIterator[Tape]:
    """A server in front of the installation, over TLS as it is; its tape has what Graph is asked."""
    tape = Tape("", {})
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=shop.certificate))
    ) as session:

        async def passed_on(request: web.Request) -> web.Response:
            raw = await request.read()
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
            url = URL(shop.made.url + request.raw_path, encoded=True)
            async with session.request(request.method, url, data=raw or None, headers=headers) as answer:
                body = await answer.read()
                if request.path.startswith(("/v1.0/", "/beta/")):
                    _note(tape, request, raw, answer.status, json.loads(body) if body else None)
                given = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
                return web.Response(status=answer.status, body=body, headers=given)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", passed_on)
        runner = web.AppRunner(app)
        await runner.setup()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(shop.certificate, shop.key)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        tape.known["root"] = f"https://127.0.0.1:{runner.addresses[0][1]}"
        tape.base = f"{tape.known['root']}/v1.0"
        try:
            yield tape
        finally:
            await runner.cleanup()


def _note(tape: Tape, request: web.Request, raw: bytes, status: int, answer: Any) -> None:
    url = tape.known["root"] + request.raw_path
    for step in reversed(tape.steps):
        # It asks five times whether what it did is there.
        if step.method != "GET":
            break
        if (request.method, url, status) == ("GET", step.path, step.status):
            return
    tape.steps.append(Step(request.method, url, json.loads(raw) if raw else None, {}, status, answer))
    for place in (*_TOLD, "value") if url.endswith("/secrets") else _TOLD:
        try:
            tape.says(place, tape.at(place))
        except (KeyError, TypeError):
            continue


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not (PROVIDER and TERRAFORM), reason="TERRAFORM_AZUREAD names no provider, or there is no terraform"
)
async def test_apply_plan_change_and_destroy(shop: Shop, tmp_path: Path) -> None:
    made, target = await asyncio.to_thread(shop.client), await asyncio.to_thread(shop.workspace, "terraform")
    shutil.copy(Path(__file__).parent / "main.tf", tmp_path)
    configuration = tmp_path / "terraform.rc"
    configuration.write_text(
        f'provider_installation {{\n  dev_overrides {{\n    "hashicorp/azuread" = "{PROVIDER}"\n  }}\n}}\n'
    )
    async with recorder(shop) as tape:
        tape.known |= target | {"client": made["client_id"], "tenant32": made["tenant_id"].replace("-", "")}
        environment = {
            **os.environ,
            "TF_CLI_CONFIG_FILE": str(configuration),
            "CHECKPOINT_DISABLE": "1",
            "ARM_METADATA_HOSTNAME": tape.known["root"].removeprefix("https://"),
            "ARM_TENANT_ID": made["tenant_id"],
            "ARM_CLIENT_ID": made["client_id"],
            "ARM_CLIENT_SECRET": made["client_secret"],
            "TF_VAR_workspace_url": target["base"],
            "TF_VAR_workspace_token": target["token"],
        }

        async def terraform(*words: str) -> None:
            process = await asyncio.create_subprocess_exec(
                str(TERRAFORM),
                *words,
                "-no-color",
                cwd=tmp_path,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
            assert process.returncode == 0, said.decode()

        await terraform("apply", "-auto-approve")
        account = await asyncio.to_thread(shop.made.json, "workspace", "user", "show", "terraform", "ada@contoso.com")
        assert account["active"]
        # What was applied is what is there: 2 would be another plan.
        await terraform("plan", "-detailed-exitcode")
        await terraform("apply", "-auto-approve", "-var", "enabled=false")
        await terraform("destroy", "-auto-approve")
    left = await asyncio.to_thread(shop.made.json, "app", "list", "--tenant", made["tenant"])
    assert left == []
    # In parallel it asks in another order each time, so only a recording compares.
    if os.environ.get("RECORD"):
        keep("terraform_azuread", tape)
