"""Requests as vendors' clients send them, each in a file with what it has to do.

A file has ``request``, ``profile``, ``why`` and the effect: ``accepted`` (the resource a POST makes), ``before`` and
``after`` (or the scimType of an ``error``) of a PATCH, ``among`` and ``found`` of a filter. ``members`` is what a PATCH
of a group says about memberships alone.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from provisor.scim import filter as filters
from provisor.scim import matching, patch
from provisor.scim.dialects import patch_operations
from provisor.scim.errors import ScimError
from provisor.scim.messages import paging
from provisor.scim.profiles import resource_types
from provisor.scim.resource import accept
from provisor.scim.schema import ResourceType

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*.json"))
CASES = {f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in FILES}
IGNORED = {"databricks": frozenset({"username", "emails"}), "standard": frozenset[str]()}


def _kind(case: dict[str, Any]) -> ResourceType:
    return resource_types(case["profile"])["User" if "/Users" in case["request"]["path"] else "Group"]


def _cases(effect: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=name) for name, case in CASES.items() if effect in case]
    )


@pytest.mark.parametrize("name", CASES)
def test_every_file_says_what_its_request_does(name: str) -> None:
    case = CASES[name]
    assert case["why"]
    assert {"accepted", "after", "error", "found"} & case.keys()


@_cases("accepted")
def test_the_resource_is_accepted(case: dict[str, Any]) -> None:
    body = copy.deepcopy(case["request"]["body"])
    assert accept(_kind(case), body) == case["accepted"]
    assert body == case["request"]["body"]


@_cases("after")
def test_the_patch_has_its_effect(case: dict[str, Any]) -> None:
    before = copy.deepcopy(case["before"])
    operations = patch_operations(case["request"]["body"])
    after, ignored = patch.apply(_kind(case), before, operations, ignore=IGNORED[case["profile"]])
    assert after == case["after"]
    assert sorted(ignored) == case.get("ignored", [])
    assert before == case["before"]


@_cases("after")
def test_the_patch_does_no_more_when_it_is_sent_again(case: dict[str, Any]) -> None:
    operations = patch_operations(case["request"]["body"])
    again, _ = patch.apply(_kind(case), case["after"], operations, ignore=IGNORED[case["profile"]])
    assert again == case["after"]


@_cases("error")
def test_the_patch_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ScimError) as caught:
        patch.apply(_kind(case), case["before"], patch_operations(case["request"]["body"]))
    assert (caught.value.status, caught.value.scim_type) == (400, case["error"])


@_cases("members")
def test_the_patch_moves_these_members(case: dict[str, Any]) -> None:
    changes = patch.member_changes(patch_operations(case["request"]["body"]))
    assert [item["value"] for item in changes.add] == case["members"].get("add", [])
    assert changes.remove == case["members"].get("remove", [])
    assert (changes.replace, changes.clear) == (None, False)


@_cases("found")
def test_the_filter_finds(case: dict[str, Any]) -> None:
    query = {name: values[0] for name, values in parse_qs(case["request"]["query"]).items()}
    text = paging(query).filter
    assert text is not None
    kind = _kind(case)
    matches = matching.predicate(filters.parse(text, kind))
    assert [item["id"] for item in case["among"] if matches(item)] == case["found"]
