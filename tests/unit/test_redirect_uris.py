"""To which addresses answers may go: those that are registered, letter for letter, and any port of this machine."""

from __future__ import annotations

from uuid import UUID

import pytest

from provisor.directory import relying_parties
from provisor.directory.relying_parties import RelyingParty, answers_go_to, goes_on_to
from provisor.refusal import Invalid

KNOWN = ("https://app.example.com/signed-in", "http://127.0.0.1/back", "http://localhost:4000/back?a=1")
BASE = "https://here.example.com"


def party(*, public: bool = False, workspace: str | None = None) -> RelyingParty:
    application = None if workspace else UUID(int=2)
    known = () if workspace else KNOWN
    return RelyingParty(UUID(int=1), "App", known, known[:1], workspace, application, public)


#: Spellings by which somebody may try to get an answer elsewhere.
ELSEWHERE = [
    "https://app.example.com/signed-in/",
    "https://app.example.com/signed-in?x=1",
    "https://app.example.com/signed-in#x",
    "https://app.example.com/signed-in%2f",
    "https://app.example.com/signed-in/../other",
    "https://app.example.com/./signed-in",
    "https://app.example.com//signed-in",
    "https://app.example.com/Signed-In",
    "https://app.example.com/other",
    "https://app.example.com",
    "https://app.example.com:443/signed-in",
    "https://app.example.com:8443/signed-in",
    "https://APP.example.com/signed-in",
    "https://app.example.com./signed-in",
    "HTTPS://app.example.com/signed-in",
    "http://app.example.com/signed-in",
    "https://app.example.com.evil.example/signed-in",
    "https://evil.example/signed-in",
    "https://evil.example/https://app.example.com/signed-in",
    "https://evil.example#https://app.example.com/signed-in",
    "https://evil.example?https://app.example.com/signed-in",
    "https://app.example.com@evil.example/signed-in",
    "https://evil.example\\@app.example.com/signed-in",
    "https://evil.example%00.app.example.com/signed-in",
    "https:\\\\app.example.com/signed-in",
    "https:/app.example.com/signed-in",
    "https:app.example.com/signed-in",
    "//app.example.com/signed-in",
    "///evil.example",
    "/signed-in",
    "\\\\evil.example",
    " https://app.example.com/signed-in",
    "https://app.example.com/signed-in ",
    "https://app.example.com/signed-in\n",
    "https://app.example.com/signed-in\r\nLocation: https://evil.example",
    "https://app.example.com/signed-in\t",
    "https://аpp.example.com/signed-in",
    "https://app。example.com/signed-in",
    "javascript:alert(1)//https://app.example.com/signed-in",
    "data:text/html,https://app.example.com/signed-in",
    "",
]


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("public", [True, False], ids=["public", "confidential"])
def test_an_answer_goes_to_no_other_spelling(address: str, public: bool) -> None:
    assert not answers_go_to(party(public=public), address, BASE)
    assert not goes_on_to(party(public=public), address, BASE)


def test_an_answer_goes_to_what_is_registered() -> None:
    assert all(answers_go_to(party(), address, BASE) for address in KNOWN)
    assert goes_on_to(party(), KNOWN[0], BASE)
    assert not goes_on_to(party(), KNOWN[1], BASE)


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("http://127.0.0.1:53412/back", True),
        ("http://localhost:1/back?a=1", True),
        ("http://localhost/back?a=1", True),
        ("http://127.0.0.1:53412/back/", False),
        ("http://127.0.0.1:53412/back?x=1", False),
        ("http://localhost:53412/back", False),
        ("http://[::1]:53412/back", False),
        ("http://127.0.0.1:534120/back", False),
        ("http://127.0.0.1:53412@evil.example/back", False),
        ("http://127.0.0.1.evil.example:53412/back", False),
        ("http://127.0.0.2:53412/back", False),
        ("https://127.0.0.1:53412/back", False),
        ("http://localhost:4000/back?a=1\n", False),
        ("http://127.0.0.1:1/back\r\nX: y", False),
    ],
)
def test_the_port_of_a_program_on_this_machine_is_free_when_it_is_public(address: str, taken: bool) -> None:
    assert answers_go_to(party(public=True), address, BASE) is taken
    assert not answers_go_to(party(), address, BASE)


def test_a_workspaces_answer_goes_to_its_page_on_the_server_that_was_asked() -> None:
    asked = party(public=True, workspace="sales")
    assert answers_go_to(asked, f"{BASE}/w/sales/signed-in", BASE)
    for other in (
        "https://evil.example/w/sales/signed-in",
        f"{BASE}/w/other/signed-in",
        f"{BASE}/w/sales/signed-in?x=1",
        f"{BASE}.evil.example/w/sales/signed-in",
        "http://127.0.0.1:1/w/sales/signed-in",
        "/w/sales/signed-in",
    ):
        assert not answers_go_to(asked, other, BASE)


@pytest.mark.parametrize(
    "text",
    [
        "http://app.example.com/x",
        "ftp://app.example.com/x",
        "app.example.com/x",
        "/x",
        "https://",
        "https://app.example.com/x#y",
        "https://user@app.example.com/x",
        "https://user:word@app.example.com/x",
        "https://*.example.com/x",
        "https://app.example.com:99999/x",
        "https://app.example.com/x y",
        "https://app.example.com\\x",
        "https://app.example.com/x\n",
        "https://аpp.example.com/x",
        "https://app.example.com/" + "x" * 2000,
        "http://127.0.0.1.example.com/x",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_good_address_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(Invalid, match="redirect URI"):
        relying_parties._addresses([text], "redirect URI")


def test_addresses_may_be_loopback_over_http_and_no_more_than_fifty() -> None:
    assert relying_parties._addresses([*KNOWN, KNOWN[0]], "redirect URI") == KNOWN
    with pytest.raises(Invalid, match="at most 50"):
        relying_parties._addresses(["https://app.example.com/x"] * 51, "redirect URI")
