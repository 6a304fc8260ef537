"""The cases: requests made from right ones by a seeded hand that damages them.

Most damage is small, so that a request comes far before it is refused: one value replaced by an odd one, one key
written otherwise, one part left out. Some are right as they are.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from provisor.api.scim.routes import ANY, ROUTES
from provisor.scim.profiles import ENTERPRISE

#: The workspace has this extension.
CONTOSO = json.loads((Path(__file__).parents[2] / "docs/howto/contoso-user.json").read_text())
_OWN: dict[str, Any] = {
    "badge": "A1",
    "tags": ["a", "B"],
    "level": 3,
    "workload": 0.5,
    "hired": "2020-02-29T08:00:00Z",
    "remote": True,
    "desk": {"floor": 2, "room": "1"},
    "cars": [{"value": "B-AD", "type": "own"}],
}
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
#: Values that something, somewhere, once stumbled over.
ODD: tuple[Any, ...] = (
    None,
    "",
    " ",
    "\t\n",
    "\x00",
    "a\x00b",
    "\ud800",
    "\U0001f600" * 20,
    "é",
    "é",
    "ß",
    "ẞ",
    "İ",
    "ﬁ",
    "x" * 257,
    "x" * 20_000,
    "'; DROP TABLE workspace_user; --",
    '"',
    "\\",
    "%",
    "_",
    "../../Users",
    "True",
    "False",
    "null",
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63,
    10**30,
    0.1,
    1e308,
    [],
    {},
    [[]],
    [{}],
    [None],
    {"value": None},
    {"value": {}},
    {"value": "x", "value2": "y"},
    [{"value": "a"}, {"value": "a"}],
    [{"value": "a", "primary": True}, {"value": "b", "primary": True}],
    {"": ""},
    {"$ref": "http://169.254.169.254/"},
)
ATTRIBUTES = (
    "applicationId userName externalId id displayName active name name.givenName emails emails.value emails.type "
    "members members.value groups entitlements roles meta meta.created meta.lastModified meta.version schemas title "
    f"addresses phoneNumbers.value manager {ENTERPRISE} {ENTERPRISE}:manager {ENTERPRISE}:manager.value "
    f"{ENTERPRISE}:department password x509Certificates urn:ietf:params:scim:schemas:core:2.0:User:userName urn:x:y "
    "nothing . : $ref a.b.c emails. .value"
).split()
_URN = CONTOSO["id"]
ATTRIBUTES += [_URN, *(f"{_URN}:{item['name']}" for item in CONTOSO["attributes"]), f"{_URN}:desk.floor"]
OPERATORS = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "EQ", "like", ""]
LITERALS = ['"a"', '"ann@contoso.com"', "true", "false", "null", "1", "-1", "1.5", "1e400", '"2011-05-13T04:42:34Z"']
LITERALS += [
    '""',
    '"\\u0000"',
    '"\\ud800"',
    "contoso",
    "'a'",
    '"',
    '"a\\"b"',
    '"%"',
    f"{10**30}",
    '"x' + "y" * 300 + '"',
]
#: Comparisons that have a meaning, of every type.
MATCHING = [
    f"{name} {operator} {literal}"
    for name, literals in {
        "active": ["true", '"False"', "false"],
        "userName": ['"u1@contoso.com"', '"U"', "ann"],
        "applicationId": ['"u1"'],
        "displayName": ['"Ann"', '"é"', '""'],
        "emails.primary": ["true"],
        "emails": ['"u1@contoso.com"'],
        "members": ['"1"'],
        "groups.value": ['"1"'],
        "meta.created": ['"2011-05-13T04:42:34Z"', '"2999-01-01T00:00:00+14:00"'],
        "meta.version": ["'W/\"1\"'", '"1"'],
        "id": ['"1"'],
        "schemas": [f'"{ENTERPRISE}"'],
        f"{ENTERPRISE}:manager.value": ['"1"'],
        f"{ENTERPRISE}:department": ['"A"'],
    }.items()
    for literal in literals
    for operator in ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
]


@dataclass(frozen=True, slots=True)
class Case:
    """``body``: bytes, or None for none."""

    method: str
    path: str
    query: str = ""
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = "" if self.body is None else f"\n  {self.body[:2000]!r}"
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query} {self.headers}{shown}"


def recorded(folder: Path) -> list[dict[str, Any]]:
    """The requests of other systems' clients that the tests know."""
    return [json.loads(path.read_text())["request"] for path in sorted(folder.glob("*/*.json"))]


class Cases:
    """``ids``: what exists, by endpoint; whoever runs the cases keeps it true."""

    def __init__(self, seed: int, recordings: list[dict[str, Any]]) -> None:
        self._random = random.Random(seed)
        # Every route, and those that lead into the tables more often.
        self._routes = [
            (path, method)
            for path, methods in ROUTES.items()
            for method in methods
            for _ in range(
                8 if path[:1] in ((), ("Users",), ("Groups",), ("ServicePrincipals",), ("Bulk",), (".search",)) else 1
            )
        ]
        self._patches = [one["body"] for one in recordings if one["method"] == "PATCH" and one.get("body")]
        self._users = [one["body"] for one in recordings if one["method"] == "POST" and "Users" in one["path"]]
        self._number = 0
        self.ids: dict[str, list[str]] = {"Users": [], "Groups": [], "ServicePrincipals": []}

    def next(self) -> Case:
        route, method = self._random.choice(self._routes)
        # Deleting as often as making would leave nothing to work on.
        if method == "DELETE" and self._often(0.7):
            method = "PATCH" if "PATCH" in ROUTES[route] else "POST"
        parts = [self._id(route[0]) if part == ANY else part for part in route]
        path = "".join(f"/{quote(part, safe='')}" for part in parts)
        if self._often(0.01):
            path += self._random.choice(["/", "//", "/x", "/%2e%2e", "/%00", "/Users", ";a=b"])
        body = self._body(route, method)
        return Case(method, path, self._query(method), body, self._headers())

    # ── small choices ────────────────────────────────────────────────────────────────────────────────────────

    def _often(self, share: float) -> bool:
        return self._random.random() < share

    def _one(self, *options: Any) -> Any:
        return copy.deepcopy(self._random.choice(options))

    def _odd(self) -> Any:
        return self._one(*ODD)

    def _id(self, endpoint: str) -> str:
        known = self.ids.get(endpoint)
        if endpoint == "Schemas":
            return str(self._one("urn:ietf:params:scim:schemas:core:2.0:User", "nothing", ENTERPRISE))
        if endpoint == "ResourceTypes":
            return str(self._one("User", "Group", "user", "Nothing"))
        if known and self._often(0.9):
            return str(self._random.choice(known))
        return str(self._one("0", "-1", "1", "9" * 40, "ff" * 16, "a b", "é", "Me", ".search", "NULL", "x" * 300))

    def _name(self) -> str:
        self._number += 1
        return str(self._one(f"u{self._number}", f"U{self._number % 50}", f"ü{self._number}", f"a b{self._number}"))

    # ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────

    def _body(self, route: tuple[str, ...], method: str) -> bytes | None:
        if method in ("GET", "DELETE"):
            return b"{}" if self._often(0.02) else None
        makers: dict[tuple[str, ...], Callable[[], Any]] = {("Bulk",): self._bulk}
        if route[-1] == ".search":
            body = self._search()
        elif method == "PATCH":
            body = self._patch(route[0])
        else:
            body = makers.get(route, lambda: self._resource(route[0]))()
        for _ in range(self._one(0, 0, 0, 1, 1, 2, 5)):
            body = self._damaged(body)
        return self._bytes(body)

    def _bytes(self, body: Any) -> bytes:
        data = json.dumps(body, ensure_ascii=self._often(0.5)).encode("utf-8", "surrogatepass")
        if self._often(0.95):
            return data
        place = self._random.randrange(len(data) + 1)
        return bytes(
            self._one(
                data[:place],
                data[:place] + b"\xff" + data[place:],
                data[:place] + b"\x00" + data[place:],
                data + data,
                b"[" * self._one(10, 1000, 100_000),
                b'{"a":' * 5000,
                b"\xef\xbb\xbf" + data,
                data.decode("utf-8", "replace").encode("utf-16"),
                b"NaN",
                b'{"userName": Infinity}',
                b'{"userName": "a", "userName": "b"}',
                b"x" * (1 << 20) + b"x",
                b"",
            )
        )

    def _resource(self, endpoint: str) -> Any:
        if endpoint == "Groups":
            return {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "displayName": self._name(),
                "members": [self._member() for _ in range(self._one(0, 0, 1, 3))],
                **self._some(externalId=self._name(), entitlements=[{"value": "workspace-access"}]),
            }
        if endpoint == "ServicePrincipals":
            return {
                "displayName": self._name(),
                **self._some(
                    applicationId=self._name(),
                    externalId="x",
                    active=self._one(True, "False"),
                    groups=[{"value": self._id("Groups")}],
                    entitlements=[{"value": "workspace-access"}],
                ),
            }
        user = self._one(*self._users) if self._often(0.3) else {}
        return {
            **(user or {}),
            "userName": f"{self._name()}@contoso.com",
            **self._some(
                externalId=self._name(),
                active=self._one(True, False, "True", "false", None),
                displayName="Ann",
                name={"givenName": "Ann", "familyName": "Old"},
                emails=[{"value": f"{self._name()}@contoso.com", "type": "work", "primary": True}],
                entitlements=[{"value": "allow-cluster-create"}],
                roles=[{"value": "arn:aws:iam::1:instance-profile/a"}, {"value": "b", "type": "Custom"}],
                password="geheim",
                id="1",
                groups=[{"value": self._id("Groups")}],
                meta={"resourceType": "Group", "version": 'W/"9"'},
            ),
            **self._some(**{ENTERPRISE: {"department": "A", "manager": {"value": self._id("Users")}}}),
            **self._some(**{CONTOSO["id"]: {name: value for name, value in _OWN.items() if self._often(0.5)}}),
        }

    def _some(self, **values: Any) -> dict[str, Any]:
        return {name: value for name, value in values.items() if self._often(0.3)}

    def _member(self) -> dict[str, Any]:
        return {
            "value": self._id(self._one("Users", "Groups", "ServicePrincipals")),
            **self._some(type="User", display="x"),
        }

    def _patch(self, endpoint: str) -> Any:
        if self._often(0.3) and endpoint == "Users":
            return self._one(*self._patches)
        return {"schemas": [PATCH_OP], "Operations": [self._operation() for _ in range(self._one(1, 1, 2, 3))]}

    def _operation(self) -> dict[str, Any]:
        operation: dict[str, Any] = {"op": self._one("add", "replace", "remove", "Add", "REPLACE", "Remove", "move")}
        if self._often(0.85):
            operation["path"] = self._path()
        if self._often(0.85):
            members = [self._member() for _ in range(self._one(1, 2))]
            operation["value"] = self._one(
                "x",
                members,
                {"displayName": "y"},
                {"name.givenName": "z"},
                True,
                "False",
                [{"value": "q"}],
                _OWN,
                3,
                self._odd(),
            )
        return operation

    def _path(self) -> str:
        name = self._one(*ATTRIBUTES)
        form = self._one("{0}", "{0}", "{0}.value", "{0}[{1}]", "{0}[{1}].value", 'members[value eq "{2}"]')
        return str(form).format(name, self._filter(1), self._id("Users"))

    def _bulk(self) -> Any:
        operations: list[dict[str, Any]] = []
        for number in range(self._one(0, 1, 2, 4)):
            endpoint = self._one("Users", "Groups", "ServicePrincipals")
            method = self._one("POST", "PUT", "PATCH", "DELETE")
            path = f"/{endpoint}" if method == "POST" else f"/{endpoint}/{self._id(endpoint)}"
            data = self._patch(endpoint) if method == "PATCH" else self._resource(endpoint)
            operation = {"method": method, "path": path, "bulkId": f"b{number}", "data": data}
            if self._often(0.2) and endpoint == "Groups":
                data["members"] = [{"value": f"bulkId:b{self._one(0, 1, 2, 3, 9)}"}]
            operations.append(operation)
        return {"schemas": [BULK], "Operations": operations, **self._some(failOnErrors=self._one(0, 1, 2, -1, "1"))}

    def _search(self) -> Any:
        return {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            **self._some(
                filter=self._filter(),
                startIndex=self._one(0, 1, 2, -5, 10**12),
                count=self._one(0, 1, 3, -1, 10**9),
                sortBy=self._one(*ATTRIBUTES),
                sortOrder=self._one("ascending", "descending", "up"),
                attributes=[self._one(*ATTRIBUTES)],
                excludedAttributes=[self._one(*ATTRIBUTES)],
                cursor=self._one("", "x", "AAAA"),
            ),
        }

    def _damaged(self, body: Any) -> Any:
        """``body`` with one odd value, key or gap at a place of chance."""
        if not isinstance(body, dict | list) or not body or self._often(0.1):
            return self._odd()
        body = copy.copy(body)
        if isinstance(body, list):
            place = self._random.randrange(len(body))
            if self._often(0.2):
                body.insert(place, self._odd())
            else:
                body[place] = self._damaged(body[place])
            return body
        key = self._random.choice(list(body))
        how = self._random.random()
        if how < 0.55:
            body[key] = self._damaged(body[key])
        elif how < 0.65:
            del body[key]
        elif how < 0.75:
            body[self._one(key.upper(), key.lower(), f"{key}.value", f"{key} ", f"urn:x:{key}", "é")] = body.pop(key)
        elif how < 0.85:
            body[str(self._one(*ATTRIBUTES))] = self._odd()
        elif how < 0.95:
            body[key] = [body[key]]
        else:
            body[key] = [body[key]] * 300
        return body

    # ── queries and headers ──────────────────────────────────────────────────────────────────────────────────

    def _query(self, method: str) -> str:
        given = []
        if method == "GET" or self._often(0.1):
            for name, value in self._search().items():
                text = ",".join(value) if isinstance(value, list) else str(value)
                if name != "schemas":
                    given.append(f"{name}={quote(str(self._odd()) if self._often(0.05) else text, errors='replace')}")
        if self._often(0.01):
            given.append(self._one("%", "%ff", "a=%C3%28", "=", "&&", "filter", "count=1&count=2", "count="))
        return "&".join(given)

    def _filter(self, depth: int = 3) -> str:
        how = self._random.random()
        if depth and how < 0.25:
            return f"{self._filter(depth - 1)} {self._one('and', 'or', 'AND', 'xor')} {self._filter(depth - 1)}"
        if depth and how < 0.35:
            return f"{self._one('not ', 'NOT', '')}({self._filter(depth - 1)})"
        if depth and how < 0.45:
            return f"{self._one(*ATTRIBUTES)}[{self._filter(depth - 1)}]"
        if how > 0.98:
            return str(self._one("", "(" * 50, "a eq", "not", "x" * 9000, 'userName eq "a" ' * 300, "((()))", "é eq 1"))
        if how > 0.7:
            return f"{self._one(*MATCHING)}"
        return f"{self._one(*ATTRIBUTES)} {self._one(*OPERATORS)} {self._one(*LITERALS)}"

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        if self._often(0.05):
            headers["if-match"] = self._one("*", 'W/"1"', '"x"', "", 'W/"99999999999999999999"', "W/", '"1", "2"')
        if self._often(0.05):
            headers["if-none-match"] = self._one("*", 'W/"1"', "é", '"')
        if self._often(0.03):
            headers["content-type"] = self._one("", "text/plain", "application/json; charset=latin-1", "a/b/c", ";")
        if self._often(0.03):
            headers["accept"] = self._one("", "text/html", "*/*;q=x", "application/json;q=1e9", "application/json;q=.")
        if self._often(0.02):
            headers["x-request-id"] = self._one("a" * 100, "ok-1", "\u00e9", "a b")
        return headers
