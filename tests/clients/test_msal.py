"""Signing in with Microsoft's own libraries, as they come: MSAL and azure-identity."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import msal
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from microsoft import Shop

SCOPE = "https://graph.microsoft.com/.default"


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


@pytest.mark.parametrize("kind", ["authority", "oidc_authority"])
def test_msal_gets_a_token_and_keeps_it(shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    made = shop.client("Global Reader")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", shop.certificate)
    tenant = f"{shop.made.url}/{made['tenant_id']}"
    where: dict[str, Any] = (
        {"authority": tenant, "instance_discovery": False} if kind == "authority" else {kind: f"{tenant}/v2.0"}
    )
    app = msal.ConfidentialClientApplication(made["client_id"], client_credential=made["client_secret"], **where)
    got = app.acquire_token_for_client([SCOPE])
    assert got["token_type"] == "Bearer" and 3000 < got["expires_in"] <= 3600, got
    assert claims(got["access_token"])["oid"] == made["client_id"]
    assert app.acquire_token_for_client([SCOPE])["token_source"] == "cache"
    headers = {"Authorization": f"Bearer {got['access_token']}"}
    people = httpx.get(f"{shop.made.url}/v1.0/users", headers=headers, verify=shop.certificate)
    assert [item["userPrincipalName"] for item in people.json()["value"]] == ["admin@contoso.com"]


def test_msal_tells_why_a_secret_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shop.client()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", shop.certificate)
    app = msal.ConfidentialClientApplication(
        made["client_id"],
        client_credential="x" * 43,
        authority=f"{shop.made.url}/{made['tenant_id']}",
        instance_discovery=False,
    )
    refused = app.acquire_token_for_client([SCOPE])
    assert (refused["error"], refused["error_codes"]) == ("invalid_client", [7000215])
    assert "AADSTS7000215" in refused["error_description"]


def test_azure_identity_tells_why_a_secret_is_refused(shop: Shop) -> None:
    made = shop.client()
    with (
        ClientSecretCredential(
            made["tenant_id"],
            made["client_id"],
            "x" * 43,
            authority=shop.made.url,
            disable_instance_discovery=True,
            connection_verify=shop.certificate,
        ) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        credential.get_token(SCOPE)
