"""What a monitoring system is told: the metrics, the alerts and the dashboard that are made from them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from installation import Installation, installation
from moved import Moved
from pair import Pair
from provisor.api.metrics import metrics
from provisor.compose import House
from provisor.scim.requests import Request
from provisor.storage.queries import queries
from provisor.sync import control

ROOT = Path(__file__).parents[2]
TOKEN = "m" * 32
#: What Prometheus says itself of whatever it asks.
THEIRS = {"up"}


@pytest.fixture
def own() -> Iterator[Installation]:
    """A server with metrics, and a worker in it."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com")
        (made.folder / "provisor.toml").write_text(f'metrics_token = "{TOKEN}"\n')
        made.serve()
        yield made


async def said(pair: Pair, safety: timedelta = timedelta(minutes=30)) -> dict[str, float]:
    """The samples of the pair's application by metric, without histograms."""
    page = bytes((await metrics(pair.house.database, TOKEN, f"Bearer {TOKEN}", safety)).body).decode()
    labels = re.escape(f'{{tenant="{pair.tenant.name}",app="app"}}')
    found = re.findall(rf"^(provisor_\w+){labels} (\S+)$", page, flags=re.MULTILINE)
    return {name.removeprefix("provisor_"): float(value) for name, value in found}


async def switched(pair: Pair, status: Any) -> None:
    async with pair.edit() as work:
        await control.switch(work, pair.application, status)


def asked() -> dict[str, str]:
    """Everything that is asked of Prometheus by the files of the repository, by where."""
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    found = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    board = json.loads((ROOT / "deploy/grafana/provisor.json").read_text())
    for panel in board["panels"]:
        found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return found | {variable["name"]: variable.get("definition", "") for variable in board["templating"]["list"]}


def names(expression: str) -> set[str]:
    """The metrics that a PromQL expression names."""
    plain = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\[[^\]]*\]", "", expression)
    return set(re.findall(r"\b(?:provisor_\w+|up)\b", plain))


async def test_the_alerts_and_the_dashboard_ask_for_metrics_that_there_are(own: Installation, rooms: House) -> None:
    inner = await Pair.make(own, rooms)
    zeno = await inner.user("zeno")
    await switched(inner, "On")
    page, deadline = "", time.monotonic() + 30
    async with inner.session.get(f"{own.url}/metrics") as answer:
        assert answer.status == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    while "provisor_change_latency_seconds_bucket{" not in page:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.5)
        if await inner.account("zeno"):
            await inner.set_user(zeno, department=f"d{time.monotonic()}")
        async with inner.session.get(f"{own.url}/metrics", headers=headers) as answer:
            page = await answer.text()
    there = set(re.findall(r"^(\w+)\{", page, flags=re.MULTILINE))
    wanted = asked()
    assert len(wanted) > 20
    for where, expression in wanted.items():
        assert names(expression) <= there | THEIRS, where
        assert names(expression) or where == "datasource", where
    # And nothing is told that nobody looks at.
    assert {re.sub("_(bucket|sum|count)$", "_bucket", name) for name in there} <= set().union(
        *map(names, wanted.values())
    )
    assert "zeno" not in page
    assert set(re.findall(r"(\w+)=\"", page)) == {"tenant", "app", "le"}
    for line in page.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) provisor_\w+ \S.*|provisor_\w+\{[^}]+\} [0-9.e+]+", line), line
    await inner.close()


def test_every_alert_says_in_a_sentence_what_is_wrong_and_where_it_stands_what_to_do() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        summary, place = rule["annotations"]["summary"], rule["annotations"]["runbook"]
        assert summary.endswith(".") and ". " not in summary
        file, _, anchor = place.partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), flags=re.MULTILINE)
        assert anchor in [heading.lower().replace(" ", "-") for heading in headings], place


def test_the_dashboard_can_be_imported_with_any_data_source() -> None:
    text = (ROOT / "deploy/grafana/provisor.json").read_text()
    board = json.loads(text)
    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= board.keys()
    assert board["templating"]["list"][0]["type"] == "datasource"
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"provisor", "${datasource}"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


async def test_an_application_that_is_off_has_no_age_and_one_that_is_on_has(pair: Pair) -> None:
    moved = Moved(pair.house.database)
    house, pair.house = pair.house, replace(pair.house, database=moved)
    found = await said(pair)
    assert (found["provisioning_on"], found["cycles_total"], found["by_the_clock"]) == (0, 0, 0)
    assert not {"last_cycle_age_seconds", "cycle_interval_seconds", "last_cycle_requests"} & found.keys()
    await pair.user("ada")
    assert (await said(pair))["changes_waiting"] > 0
    result = await pair.sync()
    found = await said(pair)
    assert (found["cycles_total"], found["changes_waiting"], found["objects_failed"]) == (1, 0, 0)
    assert found["last_cycle_requests"] == result.sent > 0
    assert 0 < found["last_cycle_duration_seconds"] < 60
    # As if it were On: nobody else is to run its cycles here.
    await _edited(house, pair, "update application set provisioning = 'On', policies = '{\"schedule\": \"PT15M\"}'")
    moved.ahead = timedelta(hours=2)
    found = await said(pair)
    assert 7200 <= found["last_cycle_age_seconds"] < 7260
    assert (found["cycle_interval_seconds"], found["by_the_clock"]) == (900, 1)
    await _edited(house, pair, "update application set policies = '{}'")
    assert (await said(pair, timedelta(minutes=7)))["cycle_interval_seconds"] == 420
    await _edited(house, pair, "update application set provisioning = 'Off'")


async def _edited(house: House, pair: Pair, statement: str) -> None:
    async with house.database.transaction() as tx:
        await tx.execute(f"{statement} where id = $1", pair.application)


async def test_what_failed_is_counted_until_it_does_well(pair: Pair) -> None:
    await pair.user("ada")
    await pair.user("bob")
    await pair.group("Team", await pair.user("eve"))

    def fails(request: Request) -> str | None:
        return "lost" if request.method == "POST" and "ada" in str(request.body) else None

    for _ in range(2):
        await pair.sync(fails)
        async with pair.house.database.reading() as tx:
            rows = await tx.fetch(queries("sync").statistics, pair.tenant.id, pair.application)
        assert (await said(pair))["objects_failed"] == sum(row["failing"] for row in rows) == 1
    await pair.sync()
    assert (await said(pair))["objects_failed"] == 0


async def test_a_target_that_refuses_is_quarantined_and_a_held_plan_is_held(pair: Pair) -> None:
    users = [await pair.user(f"p{number}") for number in range(6)]
    await pair.sync()
    found = await said(pair)
    assert (found["quarantined"], found["held"]) == (0, 0)
    await pair.connect(pair.base, "not-the-token", force=True)
    assert (await pair.sync()).status == "quarantined"
    found = await said(pair)
    assert (found["quarantined"], found["held"]) == (1, 0)
    await pair.connect(pair.base, pair.token)
    for identity in users:
        await pair.unassign(identity)
    assert (await pair.sync()).held is not None
    found = await said(pair)
    assert (found["quarantined"], found["held"]) == (1, 1)
    for identity in users:
        await pair.assign(identity)
    assert (await pair.sync()).status == "done"
    found = await said(pair)
    assert (found["quarantined"], found["held"]) == (0, 0)
    async with pair.house.database.transaction() as tx:
        await tx.execute("update sync_job set restored = now() where application = $1", pair.application)
    assert (await said(pair))["held"] == 1
