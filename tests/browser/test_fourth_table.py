"""A table that is declared in one file, and listed, on the page at /live."""

from __future__ import annotations

from graphql_api.rethink.url import DatabaseURL
from tests.browser.browser_page import BrowserPage
from tests.server.database import writing
from tests.server.test_fourth_table import SOLVER, serving_four_tables


async def test_fourth_table_is_shown_on_the_page(
    database: DatabaseURL, browser_page: BrowserPage
) -> None:
    async with serving_four_tables(database) as url, writing(database) as writer:
        await writer.insert("captcha_solver", SOLVER)
        await browser_page.page.goto(f"{url}/live")
        cells = browser_page.expect("#solvers tbody tr > *")
        await cells.to_have_text(
            [
                "Friendly solverunfit: minLength",
                "https://solver.example/",
                "yes",
                "\u2013",
                "",
            ]
        )
        browser_page.assert_well()
