"""The actions of a story, by somebody who has no mouse: Tab until it is reached, and then what keys do there."""

from __future__ import annotations

from typing import Any, Final

from playwright.async_api import Locator, expect

from stories.clicks import SEARCHES, Choose, Click, Known, Tick, Type, Visitor

#: More than any page has to go through.
_MOST: Final = 500
#: Milliseconds in which a page has begun to go elsewhere.
_MOMENT: Final = 150
#: What takes the keyboard for a text in it.
_TAKER: Final = """found => {
  const radios = found.type === "radio" ? [...found.form.elements.namedItem(found.name)] : [];
  return radios.find(one => one.checked) || found.closest("a, button, summary, input, select, textarea") || found;
}"""


async def by_keys(action: Any, visitor: Visitor, known: Known) -> None:
    """Do an action, or fail because there is no way to it with the keyboard."""
    keys, page = visitor.page.keyboard, visitor.page
    if isinstance(action, Click):
        await _reach(visitor, action.found(page), action.words())
        await keys.press("Enter")
        # Unlike a click a key waits for no page that comes of it.
        await page.wait_for_timeout(_MOMENT)
        await page.wait_for_load_state()
    elif isinstance(action, Tick):
        box = page.get_by_label(action.label, exact=True)
        await _reach(visitor, box, action.words())
        # Of several of which one is chosen Tab comes to that one, and arrows to the others.
        key = "ArrowDown" if await box.get_attribute("type") == "radio" else "Space"
        for _ in range(_MOST):
            if await box.is_checked():
                break
            await keys.press(key)
    elif isinstance(action, Choose):
        chosen = page.get_by_label(action.label, exact=True)
        await _reach(visitor, chosen, action.words())
        await keys.type(await _text_of(chosen, action.option))
    elif isinstance(action, Type):
        await _reach(visitor, page.get_by_label(action.label, exact=True), action.words())
        await keys.press("Control+A")
        text = known[action.text] if action.told else action.text
        if not action.label.startswith(SEARCHES):
            await keys.insert_text(text) if text else await keys.press("Delete")
            return
        async with page.expect_response(lambda answer: answer.request.resource_type in ("xhr", "fetch")):
            await keys.insert_text(text)
    else:
        await action.do(visitor, known)


async def _reach(visitor: Visitor, wanted: Locator, what: str) -> None:
    await expect(wanted).to_be_visible()
    taker = await wanted.evaluate_handle(_TAKER)
    for _ in range(_MOST):
        if await taker.evaluate("taker => taker === document.activeElement"):
            return
        await visitor.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to where one would {what}")


async def _text_of(chosen: Locator, option: str) -> str:
    """What the option is called, whichever of its name and its value the story has."""
    found: str = await chosen.evaluate(
        "(select, option) => [...select.options].find(one => one.value === option || one.label === option).label",
        option,
    )
    return found
