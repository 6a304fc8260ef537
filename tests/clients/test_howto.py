"""The programs that docs/howto/msgraph-sdk.md shows run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from microsoft import Shop

PAGE = Path(__file__).parents[2] / "docs/howto/msgraph-sdk.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize(("program", "said"), zip(PROGRAMS, ("admin@contoso.com", "Bearer 3599"), strict=True))
def test_what_the_page_shows_runs(shop: Shop, program: str, said: str) -> None:
    made = shop.client("Global Reader")
    given = {name.upper(): made[name] for name in ("tenant_id", "client_id", "client_secret")}
    environment = {**os.environ, **given, "SERVER": shop.made.url, "SSL_CERT_FILE": shop.certificate}
    # Where it is set, it beats what MSAL is told.
    environment["REQUESTS_CA_BUNDLE"] = shop.certificate
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
