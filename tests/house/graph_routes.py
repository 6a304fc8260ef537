"""The table of what is spoken of Microsoft Graph, written from the table of routes:
``python tests/house/graph_routes.py`` writes it anew, and a test compares."""

from __future__ import annotations

from pathlib import Path

from provisor.access.roles import ACTIONS
from provisor.api.graph.routes import ROUTES

PLACE = Path(__file__).parents[2] / "docs/howto/graph.md"
START = "## Every route\n"
_TWICE = "applications/{id}/synchronization/"


def table() -> str:
    """The part of the page that the table of routes makes. What stands under ``servicePrincipals`` and under
    ``applications`` alike is there once."""
    methods: dict[tuple[str, str], list[str]] = {}
    for route in ROUTES:
        if not route.path.startswith(_TWICE):
            methods.setdefault((route.path, route.action), []).append(route.method)
    rows = [f"| {', '.join(found)} | `/{path}` | {ACTIONS[action]} |" for (path, action), found in methods.items()]
    introduction = (
        "What is not here is answered 501. All that stands under `servicePrincipals/{id}/synchronization` "
        "stands\nunder `applications/{id}/synchronization` as well. `{cast}` is `graph.user`, `graph.group` or the "
        "like.\n"
    )
    return "\n".join([START, introduction, "| method | address | for whoever may |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    text = PLACE.read_text()
    PLACE.write_text(text[: text.index(START)] + table())
