"""The page, end to end: what ``make demo`` does, as a test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_story_of_the_page() -> None:
    with tempfile.TemporaryDirectory(prefix="provisor-test-") as place:
        Path(place).chmod(0o711)
        environment = {**os.environ, "DEMO_FOLDER": f"{place}/demo", "PROVISOR_DATABASE_GRACE_SECONDS": "1"}
        done = subprocess.run([sys.executable, "-m", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True)
        lines = done.stdout.splitlines()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "✗" not in done.stdout
        assert lines[-1].startswith("40 of 40 checks held")
        assert len(lines) <= 66
        for heading in ("Setting", "Connect", "Mappings", "Start", "What happens next", "Tips", "Summary"):
            assert heading in lines
