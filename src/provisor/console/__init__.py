"""The console: two web sites over the same installation, for a browser.

    /t/NAME/…   the portal of a tenant: its directory, its enterprise applications and their provisioning
    /w/NAME/…   the admin console of a workspace: users, groups, access tokens

``site`` finds out for every request who comes, keeps forms of other sites out, asks the one table of roles and turns
refusals into sentences; ``page`` is what a page is; ``visit`` what its functions are given. One page is one module
below ``portal`` or ``workspace`` and one template of the same name. ``labels`` holds every word that the page of 2019
tells people to click. ``assets`` serves style and script, which come from here and nowhere else. ``openid`` has the
addresses by which other applications send people to sign in and out.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from provisor.console import assets, openid, portal, site, workspace
from provisor.console.front import front
from provisor.console.house import House
from provisor.console.site import error_page

__all__ = ["error_page", "routes"]


def routes(house: House) -> list[BaseRoute]:
    """Every route of the console."""
    return [
        assets.route(),
        *front(house),
        *openid.routes(house),
        *site.routes(house, portal.PORTAL),
        *site.routes(house, workspace.CONSOLE),
    ]
