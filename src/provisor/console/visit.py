"""What a page's function is given: who comes, for what, and how to answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from provisor.access import addresses, sessions
from provisor.access.actors import Actor
from provisor.access.roles import may
from provisor.console.forms import Form
from provisor.console.house import House
from provisor.console.menu import APPLICATION, PORTAL, WORKSPACE, Item
from provisor.console.page import Page
from provisor.console.templating import render
from provisor.directory.applications import Application
from provisor.directory.edit import Tenant, edit
from provisor.directory.sign_in import Arrival
from provisor.directory.users import User
from provisor.workspace.edit import Workspace
from provisor.workspace.edit import edit as workspace_edit

#: What a time zone's name in the IANA database looks like.
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")


def current_address(request: Request) -> str:
    """Path and query of the page that a script asks from; empty when it does not say."""
    try:
        found = urlsplit(request.headers.get("hx-current-url", ""))
    except ValueError:
        return ""
    return found.path + (f"?{found.query}" if found.query else "")


def theme(request: Request) -> str:
    """The viewer's choice of ``light`` or ``dark``; empty to follow their system."""
    chosen = request.cookies.get("provisor-theme", "")
    return chosen if chosen in ("light", "dark") else ""


def zone(request: Request) -> tzinfo:
    """The viewer's time zone, as the pages' script has left it in a cookie; UTC before that, or without script."""
    name = request.cookies.get("provisor-zone", "")
    try:
        return ZoneInfo(name) if len(name) <= 64 and _ZONE.fullmatch(name) else UTC
    except (LookupError, ValueError, OSError):
        return UTC


@dataclass(slots=True)
class Visit:
    """``start`` is the path that the site's pages stand below, ``secret`` what the browser's cookie holds.

    ``notice`` is what was said when something had been done, to be shown once; ``folder`` is where the site's templates
    are.
    """

    folder: ClassVar[str]
    house: House
    request: Request
    page: Page
    start: str
    actor: Actor = field(default=Actor("nobody", "nobody"))
    secret: str = ""
    notice: Any = None
    form: Form = field(default_factory=Form)

    def __post_init__(self) -> None:
        self.actor = self.actor.via(self.address, self.request.scope["request_id"])

    @property
    def signed_in(self) -> bool:
        return bool(self.secret)

    @property
    def partial(self) -> bool:
        """Whether a script asks, to put the answer into the page it is on."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def address(self) -> str:
        """The client's network address."""
        return self.request.client.host if self.request.client else "unknown"

    @property
    def zone(self) -> tzinfo:
        """The viewer's time zone, as far as it is known."""
        return zone(self.request)

    @property
    def base(self) -> str:
        """The server's address as the browser knows it."""
        public = self.house.settings.public_url
        host = self.request.headers.get("host", "")
        return addresses.base(str(public) if public else None, self.request.scope, host)

    @property
    def csrf(self) -> str:
        return sessions.csrf(self.secret) if self.secret else ""

    def url(self, path: str = "/") -> str:
        return self.start + path

    def here(self, otherwise: str) -> str:
        """The page that a script asks from, below the site's start, with its search and its place in a list."""
        found = current_address(self.request)
        return found.removeprefix(self.start) if found.startswith(self.start + "/") else otherwise

    def query(self, name: str) -> str:
        return self.request.query_params.get(name, "").strip()

    @property
    def after(self) -> str:
        """The name after which a page of a list begins, as it is: names may begin or end with blanks."""
        return self.request.query_params.get("after", "")

    def parameter(self, name: str) -> Any:
        """What the address has in a place of the page's path."""
        return self.request.path_params[name]

    def may(self, action: str, application: UUID | None = None) -> bool:
        return may(self.actor, action, application)

    def render(self, *, status: int = 200, **values: Any) -> Response:
        """The page's own template."""
        values = {"visit": self, "theme": theme(self.request), **values}
        return HTMLResponse(render(f"{self.folder}/{self.page.name}", values), status_code=status)

    def part(self, template: str, **values: Any) -> Response:
        """A part of a page, for the script that asked."""
        return HTMLResponse(render(f"parts/{template}", {"visit": self, **values}))

    async def done(self, path: str, sentence: str = "", kind: str = "success") -> Response:
        """Go on to another page of the site, which says ``sentence`` first."""
        if sentence:
            async with self.house.database.transaction() as tx:
                await sessions.notice(tx, self.secret, {"kind": kind, "text": sentence})
        return self.go(path)

    def go(self, path: str) -> Response:
        if self.partial:
            return Response(status_code=204, headers={"HX-Redirect": self.url(path)})
        return RedirectResponse(self.url(path), status_code=303)


@dataclass(slots=True)
class PortalVisit(Visit):
    """A visit to the portal of ``tenant``; ``app`` is the enterprise application that the page is about, ``quarantine``
    why its cycles do not go through."""

    folder = "portal"
    tenant: Tenant = field(kw_only=True)
    user: User | None = None
    arrival: Arrival | None = None
    application: Application | None = None
    quarantine: str | None = None

    @property
    def me(self) -> User:
        """Whoever is signed in."""
        if self.user is None:
            raise AssertionError("nobody is signed in")
        return self.user

    @property
    def pending(self) -> bool:
        """Whether whoever comes has yet to show a second factor; only pages that say so are opened then."""
        return self.arrival is not None and self.arrival.pending

    @property
    def app(self) -> Application:
        if self.application is None:
            raise AssertionError(f"the page {self.page.name} has no application in its path")
        return self.application

    @property
    def menu(self) -> Sequence[Item]:
        """What the portal leads to for this actor."""
        return [item for item in PORTAL if self.may(item.action) or (item.owners and self.actor.owns)]

    @property
    def app_menu(self) -> Sequence[Item]:
        """The pages of an application."""
        return APPLICATION

    def app_url(self, path: str = "") -> str:
        """Below the site's start: a page of the application."""
        return f"/applications/{self.app.id}{path}"

    def edit(self) -> Any:
        """An edit of the directory in this actor's name."""
        return edit(self.house.database, self.tenant, self.actor)

    def can(self, action: str) -> bool:
        """Whether the actor may do ``action`` to the page's application."""
        return self.may(action, self.app.id)


@dataclass(slots=True)
class WorkspaceVisit(Visit):
    """A visit to the admin console of ``workspace``."""

    folder = "workspace"
    workspace: Workspace = field(kw_only=True)
    user_id: str = ""

    @property
    def menu(self) -> Sequence[Item]:
        """What the console leads to for this actor."""
        databricks = self.workspace.databricks
        return [item for item in WORKSPACE if self.may(item.action) and (databricks or not item.databricks)]

    def edit(self) -> Any:
        """An edit of the workspace in this actor's name."""
        return workspace_edit(self.house.database, self.workspace, self.actor)
