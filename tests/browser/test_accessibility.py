"""What axe-core finds on the page at /live in each of its states: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.browser_page import BrowserPage
from tests.browser.live_states import STATES, State, staged
from tests.clients import npm

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    npm.install(HERE)
    return (HERE / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
async def test_nothing_keeps_people_out(
    state: State, axe: str, browser_page: BrowserPage, tmp_path: Path
) -> None:
    async with staged(state, browser_page, tmp_path):
        await browser_page.page.evaluate(axe)
        found = await browser_page.page.evaluate(
            """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
                nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))"""
        )
        assert not found, "\n".join(found)
