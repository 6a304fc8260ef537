"""A page: where it stands, what it takes to see it, and the functions that answer.

    PAGE = Page("users", "/users", action="directory.read")

    @PAGE.get
    async def show(visit: PortalVisit) -> Response: …

    @PAGE.post("/create", action="directory.write")
    async def create(visit: PortalVisit) -> Response: …

Every function has an action from the table of roles, its page's own unless it names another; a page without one
(``public``) is what people need to sign in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.responses import Response

#: Takes the visit of its site.
Answer = Callable[[Any], Awaitable[Response]]
A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Act:
    """One function of a page: ``path`` below the site's start, ``action`` None when anybody may.

    ``part``: it shows a part of the page, which a script asks for by itself.
    """

    method: str
    path: str
    action: str | None
    answer: Answer
    part: bool = False


@dataclass(slots=True)
class Page:
    """``name`` is the module's and the template's; ``path`` is below the site's start.

    ``pending``: it is also for those who have yet to show a second factor, and no other page is.
    """

    name: str
    path: str
    action: str | None = None
    public: bool = False
    pending: bool = False
    acts: list[Act] = field(default_factory=list)

    def __post_init__(self) -> None:
        if (self.action is None) is not self.public:
            raise ValueError(f"the page {self.name} needs an action, or to be public")

    def get(self, answer: A) -> A:
        """The function that shows the page."""
        self.acts.append(Act("GET", self.path, self.action, answer))
        return answer

    def part(self, path: str) -> Callable[[A], A]:
        """A function that shows a part of the page."""
        return self._act("GET", path, None, part=True)

    def post(self, path: str = "", action: str | None = None) -> Callable[[A], A]:
        """A function that a form of the page is sent to."""
        return self._act("POST", path, action)

    def _act(self, method: str, path: str, action: str | None, *, part: bool = False) -> Callable[[A], A]:
        def made(answer: A) -> A:
            self.acts.append(Act(method, self.path + path, action or self.action, answer, part))
            return answer

        return made
