"""A table that is declared in one file, and listed, on the page at /live."""

from __future__ import annotations

from graphql_api.rethink.url import DatabaseURL
from tests.browser.browser_page import BrowserPage
from tests.server.database import writing
from tests.server.test_one_more_table import BOOKMARK, serving_one_more_table


async def test_one_more_table_is_shown_on_the_page(
    database: DatabaseURL, browser_page: BrowserPage
) -> None:
    async with serving_one_more_table(database) as url, writing(database) as writer:
        await writer.insert("bookmark", BOOKMARK)
        await browser_page.page.goto(f"{url}/live?table=bookmarks")
        cells = browser_page.expect("#scroller tbody tr > *")
        await cells.to_have_text(
            [
                "Friendly pageunfit: rating",
                "https://page.example/",
                "yes",
                "unfit",
                "",
            ]
        )
        browser_page.assert_well()
