"""An installation for clients that want ``https``, and msgraph-sdk signed in to it."""

from __future__ import annotations

import itertools
import json
import os
import ssl
from dataclasses import dataclass

import httpx
from azure.identity import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph_core import GraphClientFactory
from tape import Recording, Tape

from installation import Installation
from replay import DATA, recorded

_NUMBERS = itertools.count(1)


@dataclass(slots=True)
class Shop:
    """``certificate`` is the server's, and the authority that clients are given; ``key`` is its key."""

    made: Installation
    certificate: str
    key: str

    def client(self, role: str = "Global Administrator") -> dict[str, str]:
        """A client of a tenant of its own, as ``provisor client create`` prints it; ``tenant`` is the tenant's name."""
        tenant = f"t{next(_NUMBERS)}"
        self.made.run("tenant", "create", tenant, "--domain", "contoso.com", "--admin", "admin@contoso.com")
        found: dict[str, str] = self.made.json("client", "create", "sdk", "--role", role, "--tenant", tenant)
        return {**found, "tenant": tenant}

    def workspace(self, name: str) -> dict[str, str]:
        """A new workspace: ``base`` is its SCIM address, ``token`` its admin's."""
        self.made.run("workspace", "create", name, "--admin", "ops@contoso.com")
        token = self.made.run("workspace", "token", name, "--user", "ops@contoso.com")
        return {"base": self.made.json("workspace", "show", name)["tenantUrl"], "token": token}


@dataclass(slots=True)
class Sdk:
    """msgraph-sdk, signed in with azure-identity; ``tape`` has what it asks."""

    client: GraphServiceClient
    tape: Tape
    tenant: str
    http: httpx.AsyncClient
    credential: ClientSecretCredential

    @classmethod
    async def open(cls, shop: Shop, made: dict[str, str]) -> Sdk:
        """``made`` is a client of ``shop``."""
        url = shop.made.url
        credential = ClientSecretCredential(
            made["tenant_id"],
            made["client_id"],
            made["client_secret"],
            authority=url,
            disable_instance_discovery=True,
            connection_verify=shop.certificate,
        )
        tape = Tape(f"{url}/v1.0", {"tenant": made["tenant_id"], "tenant32": made["tenant_id"].replace("-", "")})
        transport = Recording(tape, verify=ssl.create_default_context(cafile=shop.certificate))
        http = GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(transport=transport))
        signing_in = AzureIdentityAuthenticationProvider(credential, scopes=["https://graph.microsoft.com/.default"])
        adapter = GraphRequestAdapter(signing_in, client=http)
        adapter.base_url = tape.base
        return cls(GraphServiceClient(request_adapter=adapter), tape, made["tenant"], http, credential)

    async def close(self) -> None:
        await self.http.aclose()
        self.credential.close()

    def keep(self, name: str) -> None:
        keep(f"msgraph_{name}", self.tape)


def keep(name: str, tape: Tape) -> None:
    """What was asked is what the recording ``name`` has; with RECORD=1 it becomes that."""
    written = tape.written()
    if os.environ.get("RECORD"):
        text = json.dumps(written, indent=1, ensure_ascii=False) + "\n"
        (DATA / f"{name}.json").write_text(text)
    assert written == recorded(name), "the client asks otherwise now: RECORD=1 records it anew"
