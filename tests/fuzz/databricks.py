"""Cases for Databricks' own APIs: calls of every route whose arguments are right, odd, missing or too many."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fuzz.cases import ODD, Case
from in_process import Answer
from provisor.api.databricks.routes import ANY, ROUTES

#: Arguments that go through now and then. Nothing here takes the rights of who asks, or turns tokens off.
_NAMES: Final = ("crew", "Crew", "all", "users", "nobody", "u1@contoso.com", "ü", "x" * 300)
_ARGUMENTS: Final[Mapping[str, tuple[Any, ...]]] = {
    "group_name": _NAMES,
    "parent_name": _NAMES,
    "user_name": _NAMES,
    "lifetime_seconds": (1, 60, 86_400, -1, 0, 0.5, "60", 1e308, 10**30),
    "comment": ("why", "", "x" * 256, "x" * 257, "\x00"),
    "token_id": ("0", "ff" * 32, "\x00", "é"),
    "application_id": ("0", "u1@contoso.com"),
    "created_by_id": ("0", 0, 10**30),
    "created_by_username": _NAMES,
    "keys": ("enableTokensConfig", "maxTokenLifetimeDays", "enableTokensConfig,maxTokenLifetimeDays", "x", ","),
    "maxTokenLifetimeDays": ("0", "90", 90, "-1", "1e3", "9" * 30),
    "token": ({"comment": "anew"}, {"comment": None}, {}),
    "update_mask": ("comment", "scopes", "*"),
    "access_control_list": (
        [],
        [{"group_name": "admins", "permission_level": "CAN_MANAGE"}],
        [{"group_name": "users", "permission_level": "CAN_USE"}],
        [{"user_name": "nobody", "permission_level": "CAN_USE"}, {"group_name": "admins"}],
        [{"user_name": "a", "group_name": "b", "permission_level": "CAN_USE"}],
    ),
}


class DatabricksCases:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._routes = [(path, method) for path, methods in ROUTES.items() for method in methods]

    def next(self) -> Case:
        chance = self._random
        route, method = chance.choice(self._routes)
        if chance.random() < 0.02:
            method = chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
        parts = [chance.choice(("0", "ff" * 32, "a b", "é", "x" * 300)) if part == ANY else part for part in route]
        names = chance.sample(sorted(_ARGUMENTS), chance.randint(0, len(_ARGUMENTS)))
        given = {
            name: copy.deepcopy(chance.choice(ODD if chance.random() < 0.15 else _ARGUMENTS[name])) for name in names
        }
        path = "/" + "/".join(parts)
        if method == "GET" and chance.random() < 0.7:
            texts = {name: str(value) for name, value in given.items()}
            return Case(method, path, urlencode(texts, errors="replace"))
        body: Any = given if chance.random() < 0.95 else chance.choice(ODD)
        kind = chance.choice(("application/json", "text/json", "application/scim+json", "text/plain"))
        return Case(method, path, body=json.dumps(body).encode(), headers={"content-type": kind})


def examine(case: Case, answer: Answer) -> None:
    """Nothing is a server error, and what is refused is a sentence with a code."""
    assert 200 <= answer.status < 500, "a server error"
    found = answer.json() if answer.body else {}
    assert isinstance(found, dict), "no object"
    if answer.status >= 400:
        assert found["error_code"] and isinstance(found["message"], str) and len(found["message"]) > 3
        assert "Traceback" not in found["message"]
