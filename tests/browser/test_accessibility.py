"""The page at /live can be used in each of its states, by all people and on any screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.browser_page import BrowserPage
from tests.browser.live_states import STATES, State, staged
from tests.clients import npm

HERE = Path(__file__).parent
WIDTHS = (1280, 1024, 768, 390)
OVERRUN = """() => [...document.querySelectorAll('*')]
    .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth)
    .filter((each) => each === document.documentElement
        || ['auto', 'scroll'].includes(getComputedStyle(each).overflowX))
    .filter((each) => !each.matches('[role=tablist], #chips'))
    .map((each) => `${each.localName}#${each.id}.${each.className}:`
        + ` ${each.scrollWidth} in ${each.clientWidth} pixels`)
"""
"""What has to be scrolled sideways, beside the two strips of buttons that a phone has."""


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    npm.install(HERE)
    return (HERE / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
async def test_nothing_keeps_people_out_and_nothing_is_scrolled_sideways(
    state: State, axe: str, browser_page: BrowserPage, tmp_path: Path
) -> None:
    async with staged(state, browser_page, tmp_path):
        await browser_page.page.evaluate(axe)
        found = await browser_page.page.evaluate(
            """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
                nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))"""
        )
        assert not found, "\n".join(found)
        for width in WIDTHS:
            await browser_page.page.set_viewport_size({"width": width, "height": 844})
            overrun = await browser_page.page.evaluate(OVERRUN)
            assert not overrun, f"{width} pixels: {overrun}"
