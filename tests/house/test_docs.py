"""What the documents say exists: commands, settings, files, tests; and what they tell to run, runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import command_reference
import graph_routes
import man_page
from command_tree import commands as _commands
from expression_reference import PLACE, functions

from installation import Installation, installation
from provisor.config import Settings

ROOT = Path(__file__).parents[2]


def test_every_setting_is_described() -> None:
    text = (ROOT / "docs/reference/settings.md").read_text()
    for name in Settings.model_fields:
        assert f"`{name}`" in text, name
        assert f"PROVISOR_{name.upper()}" in text, name


def test_every_command_is_described_with_its_options_and_no_other() -> None:
    text = (ROOT / "docs/reference/commands.md").read_text()
    parts = re.split(r"^### `provisor ([^`]+)`$", text, flags=re.MULTILINE)
    described = dict(zip(parts[1::2], parts[2::2], strict=True))
    commands = _commands()
    assert described.keys() == commands.keys()
    for name, command in commands.items():
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for option in options - {"--help"}:
            assert option in described[name], f"{name} {option}"


def test_every_command_that_the_documents_show_exists() -> None:
    commands = _commands()
    firsts = {name.split()[0] for name in commands}
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for shown in re.findall(r"provisor ((?:[a-z-]+ ?)+)", path.read_text()):
            words = shown.split()
            if words[0] in firsts and path.name != "glossary.md":
                known = any(" ".join(words[:length]) in commands for length in range(1, len(words) + 1))
                assert known or any(name.startswith(" ".join(words)) for name in commands), f"{path.name}: {shown}"


def test_every_statement_of_the_page_names_tests_that_exist() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs/the-page.md").read_text())
    assert len(named) > 30
    for name in named:
        assert f"def {name}(" in tests, name


def test_every_statement_of_the_page_has_its_row() -> None:
    rows = re.findall(r"^\| ([\d, –]+) \|", (ROOT / "docs/the-page.md").read_text(), flags=re.MULTILINE)
    numbers: set[int] = set()
    for row in rows:
        for part in row.split(","):
            first, _, last = part.partition("–")
            numbers |= set(range(int(first), int(last or first) + 1))
    assert numbers == set(range(1, 62))


def test_the_lifecycle_names_functions_that_exist() -> None:
    for place, name in re.findall(r"\]\(\.\./(src/[\w/.]+)\), `([\w.]+)`", (ROOT / "docs/lifecycle.md").read_text()):
        assert re.search(rf"def {name.rpartition('.')[2]}\(", (ROOT / place).read_text()), f"{place}: {name}"


def test_the_readme_shows_what_the_demo_prints() -> None:
    readme, story = (ROOT / "README.md").read_text(), (ROOT / "demo/story.py").read_text()
    numbers = re.findall(r"✓ (#\d+)", readme)
    assert numbers == re.findall(r'stage\.check\(\s*"(#\d+)"', story)
    assert "✗" not in readme


def test_the_quickstart_runs_as_it_stands() -> None:
    text = (ROOT / "docs/quickstart.md").read_text()
    lines = [line for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()]
    kept = [line for line in lines if not line.startswith(("make install", "export PATH"))]
    script = "\n".join(kept).replace("--port 8080", "--port 0").replace("server.log &", "server.log > ready &")
    # Whoever reads it needs longer than the server to the next line.
    script = re.sub(r"(> ready &.*)", r"\1\nuntil grep -q ready ready; do sleep 0.1; done", script)
    with installation() as made:
        done = _bash(made, f"set -euo pipefail; trap 'kill $(jobs -p)' EXIT\n{script}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ada@contoso.com" in done.stdout


def test_graphs_page_runs_as_it_stands() -> None:
    with installation() as made:
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        made.serve()
        done = _bash(made, _blocks("howto/graph.md", made.url))
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"provisioningAction":"create"' in done.stdout


def test_an_application_is_brought_over_as_its_page_says() -> None:
    """Provisor's own Graph API stands in for Entra ID's; what is brought over is in another tenant."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        made.serve()
        made.run("directory", "user", "create", "ada@contoso.com", "displayName=Ada")
        made.run("directory", "group", "create", "Engineering")
        made.run("app", "create", "Wiki")
        made.run("tenant", "create", "rehearsal", "--domain", "contoso.com", "--admin", "admin@contoso.com")
        client = made.json("client", "create", "scripts", "--role", "Global Reader")
        form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
        form |= {name: client[name] for name in ("client_id", "client_secret")}
        with urllib.request.urlopen(client["token_endpoint"], urllib.parse.urlencode(form).encode()) as answer:
            token = json.load(answer)["access_token"]
        script = _blocks("howto/entra-application.md", made.url).replace(
            "https://graph.microsoft.com/v1.0", f"{made.url}/v1.0"
        )
        done = _bash(made, f"export PROVISOR_TENANT=rehearsal TOKEN={token}\n{script}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Imported: 1 user, 1 group" in done.stdout
        assert "create user      ada@contoso.com: is assigned directly" in done.stdout


def _blocks(page: str, url: str) -> str:
    """The commands of a page, for a server at ``url``."""
    found = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / page).read_text(), flags=re.DOTALL)
    return "set -euo pipefail\n" + "".join(found).replace("http://127.0.0.1:8080", url)


def test_the_page_of_terraform_shows_what_its_test_applies() -> None:
    applied = (ROOT / "tests/clients/main.tf").read_text().partition("\n")[2].strip()
    assert f"```terraform\n{applied}\n```" in (ROOT / "docs/howto/terraform.md").read_text()


def _bash(made: Installation, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script; what it started and did not end is ended with it."""
    with made.environment():
        shell = subprocess.Popen(
            ["bash", "-c", f'export PATH="{Path(sys.executable).parent}:$PATH"\n{script}'],
            cwd=made.folder.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    try:
        out, error = shell.communicate(timeout=240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(shell.args, shell.returncode, out, error)


def test_nothing_names_a_place_outside_the_repository() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text()
    # npm is told to leave out where packages come from; whom to give money ("funding") is taken out by hand.
    lock = ROOT / "tests/clients/package-lock.json"
    assert "://" not in lock.read_text()
    packages = json.loads(lock.read_text())["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_every_lock_has_what_the_program_needs() -> None:
    needed = _locked("requirements.lock")
    for lock in ("requirements-dev.lock", "requirements-otel.lock", "requirements-clients.lock"):
        assert needed <= _locked(lock), f"{lock} lacks {needed - _locked(lock)}"


def _locked(name: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text(), flags=re.MULTILINE))


def test_the_language_reference_is_what_the_table_says() -> None:
    text = PLACE.read_text()
    assert text[text.index("## Functions\n") :] == functions(), "run python tests/house/expression_reference.py"


def test_the_table_of_graph_is_that_of_its_routes() -> None:
    text = graph_routes.PLACE.read_text()
    assert text[text.index(graph_routes.START) :] == graph_routes.table(), "run python tests/house/graph_routes.py"


def test_the_page_of_commands_and_the_manual_page_are_what_the_commands_take() -> None:
    text = command_reference.PLACE.read_text()
    assert command_reference.page(text) == text, "run make reference"
    assert man_page.PLACE.read_text() == man_page.page(), "run make reference"


def test_a_new_command_gets_its_place_and_an_old_one_goes() -> None:
    text = command_reference.PLACE.read_text()
    without = text.replace("### `provisor app stop`", "### `provisor app halt`").replace(
        "Provisioning Status Off;", "Was;"
    )
    again = command_reference.page(without)
    assert "app halt" not in again
    assert again.index("### `provisor app stop`") > again.index("### `provisor app mappings import`")


def test_what_an_author_wrote_about_a_command_stays() -> None:
    text = command_reference.PLACE.read_text()
    stale = text.replace("[--host HOST]", "[--hosts HOSTS]").replace("      --port PORT", "      --ports PORT")
    assert stale != text
    assert command_reference.page(stale) == text
    for words in ("needs `--force` (it is the same system", "[Clients](../howto/clients.md): programs", "~/.bashrc"):
        assert words in text
