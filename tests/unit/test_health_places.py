"""Every area that the doctor speaks of has a page in the portal where it is mended."""

from __future__ import annotations

import re
from pathlib import Path

from provisor.console.portal.health import PLACES
from provisor.sync import doctor


def test_every_area_has_its_page() -> None:
    said = set(re.findall(r'Finding\(\s*"(\w+)"', Path(doctor.__file__).read_text()))
    said |= {"connection", "token"}  # One or the other, as the target answers.
    assert said - {"leavers"} == PLACES.keys()
