"""Putting the cases and examining the answers.

No answer is a 5xx, hangs or is not what RFC 7644 says an answer looks like; and what was accepted can be read again,
by itself and in lists, and be written back as it was read.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz import databricks
from fuzz.cases import Case, Cases, recorded
from in_process import Answer, InProcess
from pair import Pair
from provisor.scim.errors import ERROR

#: Seconds after which a request hangs.
PATIENCE = 20
#: Resources of a kind beyond which old ones are deleted.
CROWD = 150
#: Writes after which everything is listed.
LISTED_EVERY = 50
_TYPES = (
    "invalidFilter tooMany uniqueness mutability invalidSyntax invalidPath noTarget invalidValue invalidVers sensitive"
)
SCIM_TYPES = frozenset(f"{_TYPES} invalidCursor expiredCursor invalidCount".split())


class Wrong(AssertionError):
    """An answer that must not be."""


@dataclass(slots=True)
class Fuzz:
    """A run against one workspace; ``done`` counts answers by status."""

    door: InProcess
    pair: Pair
    cases: Cases
    others: databricks.DatabricksCases
    done: Counter[int] = field(default_factory=Counter)
    _writes: int = 0

    @classmethod
    def make(cls, pair: Pair, seed: int) -> Fuzz:
        cases = Cases(seed, recorded(Path(__file__).parents[1] / "vendors"))
        return cls(InProcess(pair.house), pair, cases, databricks.DatabricksCases(seed))

    async def run(self, count: int, progress: Callable[[int], None] = lambda number: None) -> None:
        """Put ``count`` cases. Raises Wrong with the case and its answer."""
        for number in range(count):
            if number % 10 == 9:
                await self._other_api(number)
                continue
            case = self.cases.next()
            # Each other address speaks other words.
            prefix = ("scim/v2", "api/2.0/preview/scim/v2")[number % 2]
            answer: Answer | None = None
            try:
                answer = await self._ask(case, prefix)
                self.done[answer.status] += 1
                _examine(case, answer)
                if case.method != "GET" and answer.status < 300:
                    await self._read_back(case, answer, prefix)
            except Exception as error:
                shown = f"{answer.status} {answer.body[:2000]!r}" if answer else "no answer"
                raise Wrong(
                    f"case {number} at {prefix}: {case}\n  → {shown}\n  {type(error).__name__}: {error}"
                ) from error
            progress(number)
        await self._list("scim/v2")

    async def _other_api(self, number: int) -> None:
        case = self.others.next()
        answer = await self._ask(case, "api/2.0")
        self.done[answer.status] += 1
        try:
            databricks.examine(case, answer)
        except Exception as error:
            raise Wrong(f"case {number}: {case}\n  → {answer.status} {answer.body[:2000]!r}\n  {error}") from error

    async def _ask(self, case: Case, prefix: str) -> Answer:
        target = f"/w/{self.pair.workspace.name}/{prefix}{case.path}{'?' if case.query else ''}{case.query}"
        async with asyncio.timeout(PATIENCE):
            return await self.door.ask(case.method, target, self.pair.token, case.body, case.headers)

    async def _get(self, path: str, prefix: str, query: str = "") -> Any:
        answer = await self._ask(Case("GET", path, query), prefix)
        assert answer.status == 200, f"GET {path}?{query} then answers {answer.status}: {answer.body[:500]!r}"
        return answer.json()

    async def _read_back(self, case: Case, answer: Answer, prefix: str) -> None:
        self._writes += 1
        content = answer.json() if answer.body else {}
        if case.path == "/Bulk":
            for one in content["Operations"]:
                assert int(one["status"]) < 500, f"an operation ended with {one['status']}"
        elif "/.search" in case.path:
            return
        elif answer.status == 201 or (case.method == "PUT" and content):
            await self._same(case, content, prefix)
            if answer.status == 201:
                self.cases.ids[case.path.split("/")[1]].append(content["id"])
        if self._writes % LISTED_EVERY == 0:
            await self._list(prefix)

    async def _same(self, case: Case, content: Any, prefix: str) -> None:
        """What was just written is read as it was answered, and may be put back as it was read."""
        path = f"/{case.path.split('/')[1]}/{content['id']}"
        found = await self._get(path, prefix, case.query if "ttributes" in case.query else "")
        assert found == content, f"read back as {json.dumps(found)[:1000]}"
        if self._writes % 3:
            return
        whole = await self._get(path, prefix)
        again = await self._ask(Case("PUT", path, body=json.dumps(whole).encode()), prefix)
        assert again.status == 200, f"put back as it was read: {again.status} {again.body[:500]!r}"
        after = again.json()
        assert after == whole, f"put back as it was read, it became {json.dumps(after)[:1000]}"

    async def _list(self, prefix: str) -> None:
        """Everything can be listed, and is there once; too many are made fewer."""
        for endpoint, known in self.cases.ids.items():
            if endpoint == "ServicePrincipals" and not self.pair.workspace.databricks:
                continue
            page = await self._get(f"/{endpoint}", prefix, "count=1000")
            ids = [one["id"] for one in page["Resources"]]
            assert page["totalResults"] == len(ids) == len(set(ids)), f"{endpoint}: {page['totalResults']}, {len(ids)}"
            # Who asks is not among those that cases change: without an admin nothing could be asked any more.
            _, me = await self.pair.call("GET", "/Me")
            known[:] = [one for one in ids if one != me["id"]]
            for identity in known[: max(0, len(ids) - CROWD)]:
                await self._ask(Case("DELETE", f"/{endpoint}/{identity}"), prefix)


def _examine(case: Case, answer: Answer) -> None:
    status = answer.status
    # 501 is how RFC 7644 §3.11 lets a server say that it does not write to Me.
    assert 200 <= status < 500 or (status == 501 and case.path.startswith("/Me")), "a server error"
    assert status not in (401, 429), "refused although the token is good"
    if status in (204, 304):
        assert not answer.body
        return
    assert answer.headers["content-type"] in ("application/scim+json", "application/json")
    content = answer.json()
    if status < 400:
        return
    if "error_code" in content and content.get("schemas") is None:
        assert content["message"]
        return
    assert content["schemas"] == [ERROR]
    assert content["status"] == str(status)
    assert content["detail"], "an error without a sentence"
    assert content.get("scimType") is None or content["scimType"] in SCIM_TYPES
    for word in ("Traceback", "asyncpg", "psycopg", "SELECT ", "postgres"):
        assert word not in content["detail"], "an error that shows our inside"
