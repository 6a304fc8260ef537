"""The page of 2019 by clicks, from the first to the last: what a test plays in a browser, and readers follow by hand.

It goes against the second of two workspaces, so that nothing that it does can have been meant for the other one.
"""

from __future__ import annotations

from typing import Any, Final

from playwright.async_api import expect

from stories.clicks import Choose, Click, Known, Line, Open, Part, Quietly, Screen, Sees, Step, Story, Tick, Type, press

SPACE, OTHER, OPS = "contoso-workspace", "another-workspace", "ops@contoso.com"
APP: Final = f"{SPACE}-provisioning"
USERS: Final = "Synchronize Azure Active Directory Users to customappsso"
GROUPS: Final = "Synchronize Azure Active Directory Groups to customappsso"
GROUP, HEDY, ADA, CHER = (
    "Data Platform London",
    "hedy.lamarr@contoso.com",
    "ada.lovelace@contoso.com",
    "cher@contoso.com",
)
CLEAR: Final = "Clear current state and restart synchronization"
SEARCH: Final = "Search users and groups"
#: What somebody does before the first click; the server is started after the first three.
BEFORE: Final = (
    "init --domain contoso.com --admin admin@contoso.com",
    "directory import examples/contoso/users.csv examples/contoso/groups.csv examples/contoso/members.csv",
    f"directory user create {OPS} displayName=Operations",
)
SERVED: Final = (
    f"workspace create {SPACE} --admin {OPS}",
    f"workspace user add {SPACE} {ADA} --entitlement allow-cluster-create",
    f"workspace user add {SPACE} contractor@partner.example",
)
LINKS: Final = (f"sign-in workspace-link {SPACE}", "sign-in link")


async def _keep_the_token(console: Any, known: Known) -> None:
    shown = console.page.get_by_label(f"The access token of {OPS}")
    await expect(shown).to_be_visible()
    known["token"] = await shown.input_value()
    # A picture of it would be a token that is shown twice.
    await shown.evaluate("field => { field.value = 'dapi' + '•'.repeat(40) }")


async def _the_token_is_gone(visitor: Any, known: Known) -> None:
    assert known["token"] not in await visitor.page.content()


async def _the_name_is_there(portal: Any, known: Known) -> None:
    await expect(portal.page.get_by_label("Name *")).to_have_value(APP)


async def _only_assigned_ones(portal: Any, known: Known) -> None:
    await expect(portal.page.get_by_label("Scope")).to_have_value("assigned")


async def _staying(portal: Any, known: Known) -> None:
    await expect(portal.page.get_by_text("unsaved edits. No cycle uses them")).to_be_visible()


async def _ada_may_still(console: Any, known: Known) -> None:
    await expect(console.page.get_by_role("checkbox", name="Allow cluster creation")).to_be_checked()


async def _the_only_row(visitor: Any, known: Known) -> None:
    """The search has been answered."""
    await expect(visitor.page.get_by_role("row")).to_have_count(2)


async def _counts_one_removed(portal: Any, known: Known) -> None:
    await expect(portal.page.locator("#cycle")).to_contain_text("removed: 1", timeout=30_000)


def _mapped(target: str) -> Quietly:
    async def listed(portal: Any, known: Known) -> None:
        await expect(portal.page.get_by_role("cell", name=target, exact=True)).to_be_visible()

    return Quietly(listed)


def _unmapped(target: str) -> Line:
    async def gone(portal: Any, known: Known) -> None:
        await expect(portal.page.get_by_role("cell", name=target, exact=True)).to_have_count(0)

    return Line(35, (press(f"Delete the mapping of {target}"), Quietly(gone)))


def _provisioned(users: int, groups: int) -> Quietly:
    async def shown(portal: Any, known: Known) -> None:
        for count in (users, groups):
            counted = portal.page.get_by_role("definition").filter(has_text=f"{count} provisioned")
            await expect(counted.first).to_be_visible(timeout=30_000)

    return Quietly(shown)


def _new_mapping(statement: int, source: str, target: str, *more: Any, kind: str = "Direct") -> Line:
    chosen = () if kind == "Direct" else (Choose("Mapping Type", kind),)
    typed = (Type("Source attribute / Expression", source), Choose("Target attribute", target))
    return Line(statement, (Click("Add New Mapping"), *chosen, *typed, *more, press("OK"), _mapped(target)))


SETTING: Final = Part(
    "Setting",
    (
        Step(
            "Sign in",
            (
                Line(
                    0,
                    (
                        Open("portal", "the one-time link of the portal"),
                        Type("New password *", "password", "a password of yours"),
                        Type("The same again *", "password", "it again"),
                        press("Set password and sign in"),
                        Sees("Azure Active Directory", "the portal's first page, which says what is next"),
                        Screen("06-portal", "The portal's first page"),
                    ),
                ),
            ),
            after="You are a Global Administrator: nobody else could enable provisioning (#6).",
        ),
    ),
)

CONNECT: Final = Part(
    "Connect",
    (
        Step(
            "Generate an access token",
            (
                Line(
                    0,
                    (Open("console", "the one-time link of the workspace"), press("Sign in"), Sees("ops@contoso.com")),
                ),
                Line(
                    8,
                    (
                        Click("Access Tokens"),
                        press("Generate New Token"),
                        Sees("must not be managed by the application that uses it"),
                    ),
                ),
                Line(
                    8,
                    (
                        Type("Comment", "provisioning"),
                        press("Generate"),
                        Quietly(_keep_the_token),
                        Sees("It is shown once: copy it now."),
                        Screen("08-access-token", "The new token, shown once, with the warning about its owner"),
                    ),
                ),
                Line(0, (Click("Close"), Quietly(_the_token_is_gone))),
            ),
            before=f"""The token is {OPS}'s: an admin of the workspace whom this application will not manage (#9). If
            that admin were deprovisioned, the integration would stop, and say why (#10).""",
            after="Keep the token at hand; nothing shows it again.",
            who="console",
        ),
        Step(
            "Make the application",
            (
                Line(
                    11,
                    (
                        Click("Azure Active Directory"),
                        Click("Enterprise Applications"),
                        Sees(f"{OTHER}-provisioning", "the applications that there are"),
                        Screen("11-enterprise-applications", "The list of enterprise applications", tallest=420),
                    ),
                ),
                Line(
                    12,
                    (
                        Click("New Application"),
                        Sees("Add your own app"),
                        Screen("12-new-application", "New Application"),
                        Click("Non-gallery application", exact=False),
                    ),
                ),
                Line(
                    13,
                    (
                        Quietly(_the_name_is_there),
                        Screen("13-name", "The name is there: the workspace's, with -provisioning"),
                        press("Add"),
                        Sees("Statistics to date", "the application's *Overview*"),
                    ),
                ),
            ),
            after=f"There is an application {APP}; each workspace has its own (#1).",
        ),
        Step(
            "Connect it to the workspace",
            (
                Line(14, (Click("Provisioning"), Choose("Provisioning Mode", "Automatic"))),
                Line(
                    0,
                    (
                        Type(
                            "Tenant URL",
                            "tenant_url",
                            "the *Tenant URL* that the workspace's *Access Tokens* name (#15)",
                        ),
                        Type("Secret Token", "wrong", "a wrong token, to see what is said then,"),
                        press("Test Connection"),
                        Sees("The target refuses the secret token"),
                        Sees("The exact request and answer"),
                    ),
                ),
                Line(
                    17,
                    (
                        Type("Secret Token", "token", "the token (#16)"),
                        press("Test Connection"),
                        Sees("The supplied credentials are authorized to enable provisioning."),
                        Screen(
                            "17-test-connection", "The connection test has succeeded", bottom="The supplied credentials"
                        ),
                    ),
                ),
                Line(18, (press("Save"), Sees("Saved."), Quietly(_the_token_is_gone))),
            ),
            before="The token goes in and never comes out again: it can only be replaced.",
            after="Credentials that fail the test are not saved, unless you insist.",
        ),
    ),
)

MAPPINGS: Final = Part(
    "Mappings",
    (
        Step(
            "Delete the users' default mappings",
            (
                Line(20, (Screen("20-mappings", "The object mappings", bottom=GROUPS), Click(USERS))),
                Line(
                    21,
                    (
                        press("Delete all that can be deleted"),
                        Sees("16 unsaved edits"),
                        Screen("22-one-stays", "One mapping is left"),
                    ),
                ),
            ),
            before="Mappings say how data flows from the directory into the workspace (#19).",
            after="""One mapping cannot be deleted, only edited: people are matched by something (#22). Edits are a
            draft, and no cycle uses them until *Save*.""",
        ),
        Step(
            "Edit the attribute list",
            (
                Line(23, (Click("Show advanced options", "text"), Click("Edit attribute list for customappsso"))),
                Line(24, (Tick("Delete: name.formatted"),)),
                Line(
                    25,
                    (
                        Tick("Primary: userName"),
                        Tick("Required: userName"),
                        Screen("25-attribute-list", "The attribute list", tallest=560),
                    ),
                ),
                Line(27, (press("Save"), Sees("Saved."), Sees("The next cycle would change nothing."))),
            ),
            after="""*Primary* marks what identifies an account there; somebody without a *Required* attribute is not
            sent, and the log names it.""",
        ),
        Step(
            "Match by user principal name",
            (
                Line(
                    26,
                    (
                        Click("mailNickname"),
                        Type("Source attribute / Expression", "userPrincipalName"),
                        Choose("Target attribute", "userName"),
                        Screen("26-edit-mapping", "The edit pane", top="Attribute Mappings", bottom="Functions"),
                        press("OK"),
                        _mapped("userName"),
                    ),
                ),
            ),
        ),
        Step(
            "Add four mappings",
            (
                _new_mapping(29, "extensionAttribute1", "id"),
                _new_mapping(30, "mail", 'emails[type eq "work"].value'),
                _new_mapping(
                    31,
                    'Join(" ", [givenName], [surname])',
                    "displayName",
                    Screen("28-add-new-mapping", "A new expression", top="Attribute Mappings", bottom="Functions"),
                    kind="Expression",
                ),
                _new_mapping(
                    32, 'Switch([IsSoftDeleted], , "False", "True", "True", "False")', "active", kind="Expression"
                ),
            ),
            before="Each opens the same pane, with the page's labels (#28).",
        ),
        Step(
            "Save the list",
            (
                Line(
                    33,
                    (
                        Sees("unsaved edits", "five mappings, not saved yet"),
                        Screen("33-user-mappings", "The user mappings", top="Attribute Mappings", bottom="Review your"),
                    ),
                ),
                Line(
                    0,
                    (Click("Owners"), Sees("Leave with unsaved edits?"), press("Stay", dialog=True), Quietly(_staying)),
                ),
                Line(27, (press("Save"), Sees("Saved."))),
            ),
            before="Whoever clicks away before *Save* is asked.",
        ),
        Step(
            "Do the same for groups",
            (
                Line(34, (Click("Provisioning", menu=True), Click(GROUPS))),
                *(_unmapped(target) for target in ("externalId", 'emails[type eq "work"].value')),
                *(_unmapped(target) for target in ("mailEnabled", "securityEnabled")),
                Line(
                    36,
                    (
                        Click("Add New Mapping"),
                        Type("Source attribute / Expression", "extensionAttribute1"),
                        Choose("Target attribute", "id"),
                        Choose("Match object using attribute", "Yes"),
                        Type("Matching precedence", "2"),
                        press("OK"),
                        _mapped("id"),
                        Screen(
                            "36-group-mappings", "The group mappings", top="Attribute Mappings", bottom="Review your"
                        ),
                    ),
                ),
                Line(27, (press("Save"), Sees("Saved."))),
            ),
            after="A group is found by its name, or else by an id that stands in its `extensionAttribute1`.",
        ),
    ),
)

START: Final = Part(
    "Start",
    (
        Step(
            "Name the owners",
            (
                Line(
                    37,
                    (
                        Click("Owners"),
                        press("Add myself"),
                        Sees("is an owner of"),
                        Screen("37-owners", "The owners", tallest=520),
                    ),
                ),
            ),
            after="An owner manages this application and no other.",
        ),
        Step(
            "Switch provisioning on",
            (
                Line(
                    38,
                    (
                        Click("Provisioning", menu=True),
                        Quietly(_only_assigned_ones),
                        Sees("Settings", "the scope *Sync only assigned users and groups*"),
                    ),
                ),
                Line(
                    39,
                    (
                        Tick("On"),
                        Screen("39-settings", "Scope and status", top="Settings"),
                        press("Save"),
                        Sees("Saved. An initial cycle starts at once"),
                    ),
                ),
            ),
            after="""Nobody is assigned yet: the first cycle does nothing (#40). From now on there is one after every
            change, and every 30 minutes (#51).""",
        ),
        Step(
            "Assign users and groups",
            (
                Line(
                    41,
                    (
                        Click("Users and groups"),
                        Click("Add"),
                        Type(SEARCH, "data platform"),
                        Tick(GROUP),
                        Type(SEARCH, "hedy"),
                        Tick(HEDY),
                        Screen("41-assign", "Search and tick"),
                        press("Assign"),
                        Sees("2 assigned to"),
                        Screen("41-users-and-groups", "What is assigned"),
                    ),
                ),
                Line(
                    45,
                    (
                        Click("Add"),
                        Type(SEARCH, "ops@"),
                        Tick(OPS),
                        press("Assign"),
                        Sees("must not be provisioned by it"),
                    ),
                ),
            ),
            after=f"{OPS}, whose token is used, cannot be assigned.",
        ),
        Step(
            "Restart, and look",
            (
                Line(
                    42,
                    (
                        Click("Provisioning", menu=True),
                        Tick(CLEAR),
                        press("Save"),
                        Sees("An initial cycle starts at once"),
                    ),
                ),
                Line(
                    43,
                    (
                        Click("Overview"),
                        _provisioned(19, 1),
                        Sees("Statistics to date", "19 users and 1 group provisioned"),
                        Screen("43-overview", "The overview: the last cycle and statistics to date"),
                    ),
                ),
            ),
            after="The page waits 20 to 40 minutes for this; here it takes seconds.",
        ),
        Step(
            "Look into the workspace",
            (
                Line(
                    43,
                    (
                        Click("Users"),
                        Sees(HEDY),
                        Sees("contractor@partner.example"),
                        Screen("43-workspace-users", "The workspace's users", tallest=640),
                    ),
                ),
                Line(
                    55,
                    (
                        Click("Groups"),
                        Click(GROUP),
                        Sees(ADA),
                        Screen("55-workspace-group", "Who is in a group", tallest=560),
                    ),
                ),
            ),
            after="contractor@partner.example, who is not in the application, is as before (#47).",
            who="console",
        ),
        Step(
            "Assign somebody later",
            (
                Line(
                    44,
                    (
                        Click("Users and groups"),
                        Click("Add"),
                        Type(SEARCH, "cher"),
                        Tick(CHER),
                        press("Assign"),
                        Sees("1 assigned to"),
                    ),
                ),
                Line(
                    0,
                    (
                        Click("Overview"),
                        _provisioned(20, 1),
                        Sees("Statistics to date", "20 users provisioned, within about a second"),
                    ),
                ),
            ),
            after="Nothing else is to be done: whoever is assigned later follows.",
        ),
    ),
)

TIPS: Final = Part(
    "Tips",
    (
        Step(
            "See that who was there before keeps everything",
            (
                Line(
                    46,
                    (
                        Click("Users"),
                        Type("Search users by name", "lovelace"),
                        Quietly(_the_only_row),
                        Click(ADA),
                        Sees(f"Provisioned by {APP}"),
                        Quietly(_ada_may_still),
                        Screen("46-merged", "An account that was there before, and keeps what it was given"),
                    ),
                ),
            ),
            before=f"{ADA} had an account, with a permission of her own, before there was an application.",
            after="""It is the same account, now with the directory's name. A permission that was given to her
            individually stays, whichever group she leaves (#48).""",
            who="console",
        ),
        Step(
            "Remove somebody from this workspace",
            (
                Line(
                    49,
                    (
                        Click("Users"),
                        Type("Search users by name", "cher"),
                        Quietly(_the_only_row),
                        press("Remove", row=CHER),
                        Sees("Other workspaces are not touched"),
                        Screen("49-remove", "What removing somebody does"),
                        press("Delete User", dialog=True),
                        Sees(f"{CHER} is removed"),
                    ),
                ),
            ),
            who="console",
        ),
        Step(
            "See that nobody brings them back",
            (
                Line(
                    50,
                    (
                        Click("Provisioning", menu=True),
                        Tick(CLEAR),
                        press("Save"),
                        Sees("An initial cycle starts at once"),
                    ),
                ),
                Line(
                    50,
                    (
                        Click("Overview"),
                        Quietly(_counts_one_removed),
                        Click("Provisioning logs", menu=True),
                        Type("Identity", "cher"),
                        Choose("Action", "removed"),
                        Quietly(_the_only_row),
                        Sees("it is not created again until"),
                        Screen("50-removed", "The log says why somebody is not synced", tallest=420),
                    ),
                ),
            ),
            after="Still assigned, and not synced again, until somebody adds the user in the admin console.",
        ),
        Step(
            "Read what was done, and why",
            (
                Line(
                    52,
                    (
                        Click("Provisioning logs", menu=True),
                        Choose("Action", "create"),
                        Type("Identity", "hedy"),
                        Quietly(_the_only_row),
                        Sees("is assigned directly and has no account"),
                        Screen("52-provisioning-logs", "The provisioning logs"),
                    ),
                ),
                Line(52, (Click("Provisioning summary"), Sees("create", "how many of what, day by day"))),
            ),
        ),
        Step(
            "Know what cannot be",
            (
                Line(
                    53,
                    (
                        Click("Groups"),
                        press("Create Group"),
                        Type("Name *", "admins"),
                        press("Create Group", dialog=True),
                        Sees("is reserved"),
                    ),
                ),
            ),
            before="A workspace keeps the group `admins` for itself.",
            after="""Groups keep their name in a workspace, whatever the directory calls them later (#54), and people
            their user names and e-mail addresses (#56): one sentence in the log says so, and no request is sent.""",
            who="console",
        ),
    ),
)

TROUBLE: Final = Part(
    "Troubleshooting",
    (
        Step(
            "Ask what is wrong",
            (
                Line(
                    57,
                    (
                        Click("Health"),
                        Sees(
                            "Good",
                            "whether connection, token and its owner (#58) are good, and the mappings as recommended",
                        ),
                        Screen("57-health", "Health: what is looked at, how it is, and what mends it"),
                    ),
                ),
            ),
            before="When nothing is synced, this is the page to begin with.",
        ),
        Step(
            "Sync one person now",
            (
                Line(
                    60,
                    (
                        Click("Provision on demand"),
                        Type("Name", HEDY),
                        press("Explain"),
                        Sees("is assigned directly"),
                        press("Provision now"),
                        Sees(f"Nothing to do: {HEDY}", "each step that was taken, and why"),
                        Screen("60-on-demand", "Provision on demand: every step, and why"),
                    ),
                ),
            ),
            after=f"For everybody at once, tick *{CLEAR}* again.",
        ),
    ),
)

_COMMANDS: Final = "\n".join(
    [
        *(f"provisor {line}" for line in BEFORE),
        "provisor serve 2> server.log &",
        *(f"provisor {line}" for line in (*SERVED, *LINKS)),
    ]
)
STORY: Final = Story(
    "The page, by clicks",
    f"""“Configuring SCIM provisioning for Microsoft Azure Active Directory” (Azure Databricks, 2019), followed from its
first click to its last. Numbers like #8 are [the page's statements](../the-page.md), each with its command and test.
[By commands](by-commands.md) goes the same way without a browser.

This story is recorded: a test clicks what stands here, and `make screens` writes it down with new pictures.

**Before you begin** there are a directory, a server that runs, and a workspace with an admin of its own. These commands
make them, in a folder that holds this repository. The last two print a one-time link each, for the workspace's admin
console and for the portal.

```bash
{_COMMANDS}
```""",
    (SETTING, CONNECT, MAPPINGS, START, TIPS, TROUBLE),
    """**What you have now**: an application that keeps the workspace in step with the directory, with the mappings that
the page recommends, and pages that say what it did and why. Next: [your own directory and
target](../howto/read-only.md).""",
)
