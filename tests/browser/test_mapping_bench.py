"""The bench in the portal: the expression builder, scoping filters, the document as JSON, a preview for anybody."""

from __future__ import annotations

from playwright.async_api import Locator, expect
from scene import Scene
from visitor import Visitor, chromium, needs_browser

from pair import Pair

pytestmark = needs_browser


def _mappings(scene: Scene, path: str = "", kind: str = "user") -> str:
    return f"{scene.portal}/applications/{scene.pair.application}/mappings/{kind}{path}"


def _unexpected(visitor: Visitor) -> list[str]:
    """What the browser complains about, but for answers that refuse what was typed."""
    return [said for said in visitor.complaints if "400 (Bad Request)" not in said]


async def _paste(field: Locator, text: str) -> None:
    """Typing seventy thousand characters takes the browser longer than it takes anybody to paste them."""
    await field.evaluate("(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }", text)


async def test_an_expression_is_read_while_it_is_typed(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_mappings(scene, "?edit=displayName"))
        source = visitor.page.get_by_label("Source attribute / Expression")
        await visitor.sees("How it is read")
        await source.fill('Join(" ", [givenName], ')
        await expect(visitor.page.locator("#tried pre")).to_contain_text("^")
        await expect(visitor.page.locator("#tried")).to_contain_text("is missing where the expression ends")
        await source.fill('Append(ToUpper([givenName]), "!")')
        await expect(visitor.page.locator("#tried ol").first).to_contain_text("ToUpper")
        await visitor.type("Try an expression on", "ada@contoso.com")
        await expect(visitor.page.locator("#tried")).to_contain_text("For ada@contoso.com it gives ANALYSTS!")
        await source.fill("ToUpper([GivenName])")
        await expect(visitor.page.locator("#tried")).to_contain_text("Did you mean givenName?")
        await source.fill("tolower([givenName])")
        await expect(visitor.page.locator("#tried")).to_contain_text("ToLower")
        await visitor.type("Try an expression on", "nobody@contoso.com")
        await source.fill("ToLower([givenName])")
        await expect(visitor.page.locator("#tried")).to_contain_text("There is no user nobody@contoso.com")
        assert visitor.complaints == []


async def test_a_filter_is_an_edit_and_the_preview_uses_it(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_mappings(scene))
        await visitor.click("All records")
        await visitor.type("Scoping Filter Title *", "Sales")
        await visitor.choose("Attribute of clause 1", "department")
        await visitor.press("OK")
        await visitor.sees("department EQUALS needs a value")
        await visitor.type("Value of clause 1", "Sales")
        await visitor.choose("Attribute of clause 2", "city")
        await visitor.choose("Operator of clause 2", "IS NOT NULL")
        await visitor.press("OK")
        await visitor.sees("city IS NOT NULL")
        await visitor.sees("1 unsaved edit")
        await visitor.page.goto(_mappings(scene, "/try?user=ada@contoso.com"))
        await visitor.sees("ada@contoso.com fails Sales: department EQUALS Sales (it is 'Analysts').")
        # Unsaved, the edit keeps nobody out.
        assert (await pair.plan()).empty
        await visitor.page.goto(_mappings(scene))
        await visitor.press("Save")
        await visitor.sees("Saved.")
        assert (await pair.plan()).kinds["disable user"] == 2
        await visitor.page.goto(_mappings(scene, "/scope"))
        await visitor.press("Delete the filter Sales")
        await visitor.sees("All records")
        await visitor.press("Save")
        await visitor.sees("Saved.")
        await visitor.page.goto(_mappings(scene, "", "group"))
        await visitor.page.get_by_label("Delete", exact=True).uncheck()
        await visitor.page.get_by_label("Enabled", exact=True).uncheck()
        await visitor.press("Apply")
        await visitor.press("Save")
        await visitor.sees("Saved.")
        await visitor.page.goto(_mappings(scene, "", "group"))
        assert not await visitor.page.get_by_label("Enabled", exact=True).is_checked()
        assert _unexpected(visitor) == []


async def test_the_document_is_checked_kept_as_an_edit_and_restored(pair: Pair) -> None:
    scene = await Scene.make(pair)
    async with chromium() as browser:
        visitor = await scene.administrator(browser)
        await visitor.page.goto(_mappings(scene))
        await visitor.page.get_by_text("Show advanced options").click()
        await visitor.click("Review your schema here")
        document = visitor.page.get_by_label("Document")
        text = await document.input_value()
        await visitor.press("Check")
        await visitor.sees("Nothing is wrong with these mappings.")
        await _paste(document, text.replace("userPrincipalName", "shoeSize"))
        await visitor.press("Check")
        await visitor.sees("shoeSize is no attribute of a user")
        await _paste(document, text[:-3])
        await visitor.press("OK")
        await visitor.sees("This is not valid JSON")
        await _paste(document, text.replace('"flowTypes": "Add,Update,Delete"', '"flowTypes": "Add,Update"', 1))
        await visitor.press("OK")
        await visitor.sees("1 unsaved edit")
        await visitor.press("Save")
        await visitor.sees("Saved.")
        await visitor.page.goto(_mappings(scene, "/document"))
        assert '"flowTypes": "Add,Update",' in await visitor.page.get_by_label("Document").input_value()
        await visitor.press("Restore default mappings")
        await visitor.press("Restore")
        await visitor.sees("1 unsaved edit")
        await visitor.press("Discard")
        assert _unexpected(visitor) == []
