"""The page at /live in a real browser: what it shows, and what it makes of trouble."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from graphql_api.auth.api_token import new_token
from graphql_api.auth.token_file import add_token
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.scopes import Scope
from graphql_api.tables import TABLES
from tests.browser.browser_page import BrowserPage
from tests.clients.tcp_proxy import TCPProxy
from tests.fault.killable_database import KillableDatabase
from tests.server.database import Writer, writing
from tests.server.feed_problems import PASSWORD, REASONS
from tests.server.running import Running, running, settings_for
from tests.unit.schema.documents import DOMAIN_LOGIN, POLICY, SCHEDULE

if TYPE_CHECKING:
    from playwright.async_api import Route, WebSocket

TABS = [table.people.name for table in TABLES]
TITLES = [table.people.title for table in TABLES]
MARK_MS = "const MARK_MS = 6_000;"
"""How long a change stands out, in the page's script."""
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> & <b>bold</b>"
ROWS = "#scroller tbody tr"
TOOLBAR_IS_IN_ORDER = """() => {
    const places = [...document.querySelectorAll('.toolbar > :not(p, kbd)')]
        .map((each) => each.getBoundingClientRect())
        .filter(({ width }) => width);
    return places.length > 2 && places.every((place, index) => {
        const before = places[index - 1];
        if (!before) return true;
        const isRight = place.left >= before.right && place.bottom > before.top;
        return isRight || place.top >= before.bottom;
    });
}"""
"""Whatever the Tab key leads to is right of what comes before it, or below."""


HEARS_SOUGHT = """
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => {
      if (`${data}`.includes('sought')) heard();
    });
  }
};
"""
"""Calls `heard` when the page reads a message with the word "sought", which has come earlier."""


@pytest.fixture
async def timed(browser_page: BrowserPage) -> None:
    """The page's clock can be put forward."""
    await browser_page.page.clock.install()


@pytest.fixture
async def live(browser_page: BrowserPage, server: Running) -> AsyncIterator[BrowserPage]:
    """The page, which has read the tables. Whatever the test does, nothing goes wrong in it."""
    await open_live(browser_page, server)
    yield browser_page
    browser_page.assert_local(server)
    browser_page.assert_well()


async def open_live(
    browser_page: BrowserPage, server: Running | TCPProxy, search: str = "?table=policies"
) -> None:
    """Open the page; until `end_marks`, what has changed stands out, however slow the machine."""
    await browser_page.page.route("**/live/shown_rows.mjs", with_lasting_marks)
    await browser_page.page.goto(f"http://{server.host}:{server.port}/live{search}")
    await expect_health(browser_page, "Live")


async def with_lasting_marks(route: Route) -> None:
    response = await route.fetch()
    script = await response.text()
    assert MARK_MS in script
    script = script.replace(MARK_MS, MARK_MS.replace("6_000", "3_600_000"))
    await route.fulfill(response=response, body=script)


async def end_marks(browser_page: BrowserPage) -> None:
    """Let the time be over for which changes stand out; the page's clock was installed."""
    await browser_page.page.clock.fast_forward("01:00:01")


async def expect_health(browser_page: BrowserPage, text: str) -> None:
    await browser_page.expect("#health-label").to_have_text(text)


async def choose(browser_page: BrowserPage, table: str) -> None:
    await browser_page.find(f"#tab-{table}").click()
    await browser_page.expect(f"#tab-{table}").to_have_attribute("aria-selected", "true")


async def expect_names(browser_page: BrowserPage, names: list[str]) -> None:
    """The rows in view, as they stand: their elements are in any order."""
    await browser_page.page.wait_for_function(
        """names => {
            const top = (row) => new DOMMatrix(getComputedStyle(row).transform).m42;
            const rows = [...document.querySelectorAll('#scroller tbody tr')];
            const found = rows.sort((a, b) => top(a) - top(b)).map((row) => row.cells[0].innerText);
            return JSON.stringify(found) === JSON.stringify(names);
        }""",
        arg=names,
    )


async def test_rows_are_shown_in_order_with_their_counts(
    timed: None, writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    await writer.insert("policy", POLICY | {"id": "nameless", "name": None})
    await writer.insert("policy", POLICY | {"id": "p1", "name": "a policy"})
    await writer.insert("schedule", SCHEDULE)
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await open_live(browser_page, server)
    await expect_names(browser_page, ["a policy", "Broad Crawl", "Deep Crawl", "nameless"])
    await browser_page.expect("#matches").to_have_text("4 rows")
    await browser_page.expect("[role=tab] .count").to_have_text(["0", "4", "1", "1", "0", "1"])
    await choose(browser_page, "schedules")
    await browser_page.expect(ROWS).to_have_text(
        re.compile(r"Nightly *on *every day *a policy *7 *14 Nov 2023")
    )
    await choose(browser_page, "logins")
    await browser_page.expect(ROWS).to_have_text(
        re.compile(r"example\.com *https://user:\*+@example\.com/login *ann: works")
    )
    await end_marks(browser_page)  # the server may have heard of a row after the page
    await browser_page.expect("tr[data-mark]").to_have_count(0)
    browser_page.assert_local(server)
    browser_page.assert_well()


async def test_jobs_are_shown_the_latest_first(live: BrowserPage, writer: Writer) -> None:
    now = datetime.now(UTC)
    for days, name in ((3, "older"), (1, "new"), (2, "old")):
        started = now - timedelta(days=days)
        job = {"id": name, "name": name, "run_state": "running", "started_at": started}
        await writer.insert("job", job)
    await choose(live, "jobs")
    await expect_names(live, ["new", "old", "older"])
    limits = {"policy": {"limits": {"max_items": 20_000}}}
    await writer.update("job", "old", {"item_count": 12_345} | limits)
    await live.expect(ROWS, "12,345 of 20,000").to_have_count(1)
    time = live.find(f"{ROWS}:has-text('older') time").first
    assert "3 d ago" in await time.inner_text()
    assert str(now.year) in (await time.get_attribute("title") or "")


async def test_page_is_the_same_with_a_last_slash(
    browser_page: BrowserPage, server: Running
) -> None:
    await browser_page.page.goto(f"{server.http}/live/")
    await expect_health(browser_page, "Live")
    assert await browser_page.find("#to-graphiql").get_attribute("href") == (
        f"{server.http}/graphiql"
    )
    browser_page.assert_local(server)
    browser_page.assert_well()


async def test_bar_says_which_server_and_database_this_is(
    browser_page: BrowserPage, starbelly: DatabaseURL
) -> None:
    async with running(settings_for(starbelly)) as server:
        await open_live(browser_page, server)
        await browser_page.expect("#server-host").to_have_text(f"127.0.0.1:{server.port}")
        await browser_page.expect("#server-version").to_have_text(f"v{version('graphql-api')}")
        await browser_page.expect("#server-database").to_have_text(str(starbelly))
        assert starbelly.password not in await browser_page.page.content()


async def test_adds_changes_and_deletes_are_followed_and_marked(
    timed: None, live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("policy", POLICY | {"id": "p", "name": "Quick look"})
    await live.expect(ROWS, "Quick look").to_have_attribute("data-mark", "added")
    await live.expect(f"{ROWS} .change", "new").to_have_count(1)
    await live.expect("#matches").to_have_text("3 rows")

    await writer.update("policy", "p", {"limits": {"max_items": 5}, "url_rules": []})
    await live.expect(ROWS, "Quick look").to_have_attribute("data-mark", "updated")
    await live.expect(f"{ROWS} .changed").to_have_text(["5 items · 1 h 0.5 s · cost 10"])
    await live.expect("#activity-list li:first-child").to_contain_text(
        re.compile(r"\d\d:\d\d:\d\d Quick look\s· .*limits.maxItems 1,000,000 → 5")
    )

    await writer.delete("policy", "p")
    await live.expect(ROWS, "Quick look").to_have_attribute("data-mark", "deleted")
    await live.expect(f"{ROWS}[data-mark=deleted] .change").to_contain_text("deleted")
    await live.expect("#tab-policies .count").to_have_text("2")
    await live.expect(ROWS).to_have_count(3)
    await end_marks(live)
    await live.expect(ROWS).to_have_count(2)


async def test_mark_ends_and_what_has_changed_stays_readable(
    timed: None, live: BrowserPage, writer: Writer
) -> None:
    await choose(live, "logins")
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await live.expect(f"{ROWS}[data-mark=added]").to_have_count(1)
    await end_marks(live)
    await live.expect(f"{ROWS}[data-mark]").to_have_count(0)
    await live.expect(f"{ROWS} .change").to_contain_text("new")


async def test_row_that_is_deleted_and_made_again_stays(live: BrowserPage, writer: Writer) -> None:
    await choose(live, "logins")
    for mark in ("added", "deleted", "added"):
        if mark == "deleted":
            await writer.delete("domain_login", "example.com")
        else:
            await writer.insert("domain_login", DOMAIN_LOGIN)
        await live.expect(f"{ROWS}[data-mark={mark}]").to_have_count(1)
    await live.expect(ROWS).to_have_count(1)


async def test_changes_out_of_sight_are_counted_until_their_tab_is_chosen(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await live.expect("#tab-logins .unseen").to_have_text("1")
    await live.expect("#tab-policies .unseen").to_be_hidden()
    await choose(live, "logins")
    await live.expect("#tab-logins .unseen").to_be_hidden()


async def test_new_name_moves_a_policy_and_reaches_the_schedules_of_it(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("schedule", SCHEDULE)
    await writer.insert("policy", POLICY | {"name": "a policy"})
    await expect_names(live, ["a policy", "Broad Crawl", "Deep Crawl"])
    await choose(live, "schedules")
    await live.expect(f"{ROWS} td", "a policy").to_have_count(1)
    await writer.update("policy", "p1", {"name": "the policy"})
    await live.expect(f"{ROWS} td", "the policy").to_have_count(1)
    await choose(live, "policies")
    await expect_names(live, ["Broad Crawl", "Deep Crawl", "the policy"])


async def test_what_documents_hold_is_shown_as_text_and_never_as_code(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("policy", POLICY | {"id": HOSTILE, "name": HOSTILE})
    await writer.insert("schedule", SCHEDULE | {"schedule_name": HOSTILE, "policy_id": HOSTILE})
    login = {"domain": HOSTILE, "login_url": HOSTILE, "users": [{"username": HOSTILE}]}
    await writer.insert("domain_login", login)
    await live.expect("#activity-list", HOSTILE).to_have_count(1)
    await live.expect(f"{ROWS} th", HOSTILE).to_have_count(1)
    await live.find(f"{ROWS} th", HOSTILE).click()
    await live.expect("#drawer h2").to_have_text(HOSTILE)
    await live.expect("#drawer-content", "https://proxy").to_have_count(0)
    for table, cells in (("schedules", 2), ("logins", 3)):
        await live.page.goto(f"{live.page.url.partition('?')[0]}?table={table}")
        await live.expect(f"{ROWS} :is(th, td)", HOSTILE).to_have_count(cells)
    await live.expect("img, b").to_have_count(0)
    assert await live.page.title() == "Live · graphql-api"


async def test_long_value_is_cut_short(live: BrowserPage, writer: Writer) -> None:
    await writer.insert("policy", POLICY | {"name": "long " * 10_000})
    name = live.find(f"{ROWS} th", "long")
    assert len(await name.inner_text()) < 500
    row = live.find(ROWS, "long")
    box = await row.bounding_box()
    assert box is not None
    assert box["height"] < 60


async def test_values_that_do_not_fit_are_named_and_explained(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("policy", {"id": "odd", "name": 5, "limits": {"max_items": "many"}})
    await live.expect(ROWS, "odd").to_contain_text("unfit: name, limits.maxItems")
    await live.find(ROWS, "odd").click()
    await live.expect("#drawer .problems", "the stored value does not fit").to_have_count(1)
    await live.expect("#drawer", "What would stop the crawler").to_have_count(1)


async def test_empty_table_says_so_and_what_to_do(
    writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    await writer.run(writer.table("policy").delete())
    await open_live(browser_page, server)
    await browser_page.expect("#placeholder .title").to_have_text("There are no policies yet")
    await browser_page.expect("#placeholder a").to_have_attribute("href", f"{server.http}/graphiql")
    await writer.insert("policy", POLICY)
    await browser_page.expect("#placeholder").to_be_hidden()
    browser_page.assert_well()


async def test_changes_are_summed_up_for_those_who_do_not_see_them(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("policy", POLICY)
    await live.expect("#summary[role=status]").to_contain_text("Policies: 1 new.")


async def test_stale_is_shown_while_the_database_is_stopped_and_ends_by_itself(
    browser_page: BrowserPage, tmp_path: Path
) -> None:
    async with KillableDatabase(tmp_path / "data.db") as database:
        await initialise(database.url, TABLES)
        async with running(settings_for(database.url, reconnect_max_s=0.2)) as server:
            await open_live(browser_page, server)
            await database.kill()
            await expect_health(browser_page, "Stale")
            await browser_page.expect("#banner-text").to_contain_text("No connection to 127.0.0.1")
            await expect_names(browser_page, ["Broad Crawl", "Deep Crawl"])
            await browser_page.expect_title("Stale · Live · graphql-api")
            await browser_page.find("#health").click()
            await browser_page.expect("#health-why").to_contain_text("All tables: no connection")
            await browser_page.expect("#health-rows .why").to_have_count(0)

            await database.start()
            async with writing(database.url) as writer:
                await writer.insert("policy", POLICY)
            await browser_page.expect(f"{ROWS}[data-mark=added]").to_have_count(1)
            await expect_health(browser_page, "Live")
            await browser_page.expect("#banner").to_be_hidden()
            await browser_page.expect_title("Live · graphql-api")
            browser_page.assert_local(server)
            browser_page.assert_well()


async def test_missing_database_is_said_with_what_creates_it_until_it_is_there(
    browser_page: BrowserPage, database: DatabaseURL
) -> None:
    async with running(settings_for(database)) as server:
        await browser_page.page.goto(f"{server.http}/live?table=policies")
        await expect_health(browser_page, "Waiting for the database")
        await browser_page.expect("#placeholder .why").to_have_text(
            f"The database {database.database} does not exist; `graphql-api init` creates it."
        )
        await browser_page.expect_title("Waiting for the database · Live · graphql-api")
        await initialise(database, TABLES)
        await expect_health(browser_page, "Live")
        await browser_page.expect("#placeholder").to_be_hidden()
        browser_page.assert_local(server)
        browser_page.assert_well()


@pytest.mark.parametrize("name", REASONS)
async def test_reason_why_a_feed_is_not_ready_is_said(
    browser_page: BrowserPage, database: DatabaseURL, reserved_port: int, name: str
) -> None:
    reason = REASONS[name]
    said = reason.said.format(database=database.database, port=reserved_port)
    place = "#banner-text" if reason.status == "STALE" else "#placeholder .why"
    async with reason.begin(database, reserved_port) as server:
        await browser_page.page.goto(f"{server.http}/live?table=policies")
        await browser_page.expect(place).to_contain_text(said[1:])  # it begins a sentence
        stale = reason.status == "STALE"
        await expect_health(browser_page, "Stale" if stale else "Waiting for the database")
        await browser_page.find("#health").click()
        await browser_page.expect("#health-panel .why", said[1:]).to_have_count(1)
        assert PASSWORD not in await browser_page.page.content()


async def test_dropped_table_is_said_beside_the_rows_that_it_had(
    browser_page: BrowserPage, starbelly: DatabaseURL, writer: Writer
) -> None:
    async with running(settings_for(starbelly, reconnect_max_s=0.2)) as server:
        await open_live(browser_page, server)
        await writer.run(writer.database().table_drop("policy"))
        await browser_page.expect("#banner-text").to_contain_text(
            f"The table {starbelly.database}.policy does not exist"
        )
        await expect_names(browser_page, ["Broad Crawl", "Deep Crawl"])
        await choose(browser_page, "limits")
        await browser_page.expect("#banner").to_be_hidden()


class Frames:
    """What the page's WebSockets send and receive, each its own list of messages."""

    def __init__(self, browser_page: BrowserPage) -> None:
        self.sent: list[list[dict[str, Any]]] = []
        self.received: list[list[dict[str, Any]]] = []
        browser_page.page.on("websocket", self._follow)

    def statuses(self, socket: int) -> list[str]:
        events = [
            change
            for message in self.received[socket]
            if message["type"] == "next"
            for change in message["payload"]["data"].values()
        ]
        return [event["status"] for event in events if "status" in event]

    def _follow(self, socket: WebSocket) -> None:
        sent: list[dict[str, Any]] = []
        received: list[dict[str, Any]] = []
        self.sent.append(sent)
        self.received.append(received)
        socket.on("framesent", lambda data: sent.append(json.loads(data)))
        socket.on("framereceived", lambda data: received.append(json.loads(data)))


@pytest.mark.parametrize("history", [10_000, 1])
async def test_after_a_reconnect_only_what_was_missed_is_sent_if_the_server_knows_it(
    history: int, browser_page: BrowserPage, starbelly: DatabaseURL, writer: Writer
) -> None:
    frames = Frames(browser_page)
    async with (
        running(settings_for(starbelly, history_max_changes=history)) as server,
        TCPProxy(server.host, server.port) as proxy,
    ):
        await open_live(browser_page, proxy)
        proxy.hold()
        proxy.cut_now()
        await writer.insert("policy", POLICY | {"id": "missed", "name": "missed"})
        await expect_health(browser_page, "Reconnecting…")
        await browser_page.expect("#banner-text").to_contain_text("The rows below may be old.")
        await browser_page.expect_title("Reconnecting… · Live · graphql-api")
        await browser_page.expect(ROWS).to_have_count(2)
        deep = writer.table("policy").filter({"name": "Deep Crawl"})
        await writer.run(deep.delete())
        proxy.release()
        await expect_health(browser_page, "Live")
        await browser_page.expect("#banner").to_be_hidden()
        await browser_page.expect(f"{ROWS}:not([data-mark=deleted]) th").to_have_text(
            ["Broad Crawl", "missed"]
        )
        assert set(frames.sent[-1][0]["payload"]["since"]) == set(TABS)
        is_resumed = history > 1
        assert frames.statuses(0).count("INITIALIZING") == len(TABLES)
        assert frames.statuses(-1).count("INITIALIZING") == (0 if is_resumed else 1)
        marks = browser_page.expect(f"{ROWS}[data-mark]")
        await marks.to_have_count(2 if is_resumed else 0)


async def test_page_goes_on_with_the_successor_of_its_server(
    browser_page: BrowserPage, starbelly: DatabaseURL, writer: Writer
) -> None:
    async with AsyncExitStack() as stack:
        async with running(settings_for(starbelly)) as server:
            proxy = await stack.enter_async_context(TCPProxy(server.host, server.port))
            await open_live(browser_page, proxy)
            proxy.hold()  # what the page tries by itself waits, too
        await expect_health(browser_page, "Reconnecting…")
        await writer.insert("policy", POLICY)
        successor = await stack.enter_async_context(running(settings_for(starbelly)))
        proxy.lead_to(successor.host, successor.port)
        async with browser_page.page.expect_websocket():
            await browser_page.find("#try-now").click()
        proxy.release()
        await expect_health(browser_page, "Live")
        await browser_page.expect(ROWS).to_have_count(3)


async def test_token_is_asked_for_and_tables_that_it_does_not_open_say_so(
    browser_page: BrowserPage, starbelly: DatabaseURL, writer: Writer, tmp_path: Path
) -> None:
    await writer.insert("domain_login", DOMAIN_LOGIN)
    file = tmp_path / "tokens.json"
    tokens = {}
    for scopes in [{Scope.READ}, {Scope.READ, Scope.LOGINS}]:
        name = f"for-{len(scopes)}"
        token, kept = new_token(name, frozenset(scopes), created=datetime.now(UTC), expires=None)
        add_token(file, kept)
        tokens[len(scopes)] = token
    async with running(settings_for(starbelly, tokens=file)) as server:
        await browser_page.page.goto(f"{server.http}/live?table=policies")
        await expect_health(browser_page, "Token needed")
        await browser_page.expect("#token-text").to_contain_text("who have a token")
        await browser_page.expect("[role=tab] .count").to_have_text([""] * len(TABLES))
        await browser_page.expect("#server-database").to_have_text("")
        token_input = browser_page.page.get_by_label("Token", exact=True)
        await token_input.fill("wrong")
        await token_input.press("Enter")
        await browser_page.expect("#token-text").to_contain_text("refuses the token")

        await token_input.fill(tokens[1])
        await token_input.press("Enter")
        await expect_health(browser_page, "Live")
        await browser_page.expect("#tab-logins .state").to_have_text("not allowed")
        await browser_page.expect("#token").to_be_hidden()
        await browser_page.find(ROWS, "Broad Crawl").click()
        await browser_page.expect("#drawer-content").to_contain_text("urlRules")
        await browser_page.expect("#drawer-actions button").to_have_count(0)
        await browser_page.page.keyboard.press("Escape")

        await choose(browser_page, "logins")
        await browser_page.expect("#placeholder .title").to_have_text(
            "You may not read the domain logins"
        )
        await browser_page.page.get_by_role("button", name="Use another token").click()
        await token_input.fill(tokens[2])
        await browser_page.page.get_by_role("button", name="Connect").click()
        await browser_page.expect(ROWS).to_have_count(1)

        await browser_page.page.reload()
        await browser_page.expect(ROWS).to_have_count(1)
        browser_page.assert_local(server)
        assert not [url for url in browser_page.requests if tokens[2] in url]


async def test_page_is_described_by_its_roles_and_names(live: BrowserPage, writer: Writer) -> None:
    await writer.insert("policy", POLICY)
    await live.expect(ROWS).to_have_count(3)
    grid = live.page.get_by_role("grid", name="Policies")
    heads = await grid.get_by_role("columnheader").all_inner_texts()
    assert heads == ["Name", "Limits", "robots.txt", "Logs in", "Updated", "Last change"]
    assert await grid.get_by_role("rowheader").count() == 3
    assert await grid.get_by_role("gridcell").count() == 3 * 5
    assert await grid.get_attribute("aria-rowcount") == "4"
    assert await live.page.get_by_role("tab").count() == len(TABLES)


async def test_all_of_it_is_done_by_the_keyboard(live: BrowserPage, writer: Writer) -> None:
    keyboard = live.page.keyboard
    await writer.insert("policy", POLICY | {"id": "p", "name": "zz"})
    await expect_names(live, ["Broad Crawl", "Deep Crawl", "zz"])
    await live.find(f"{ROWS}[tabindex='0']").focus()
    await keyboard.press("End")
    await live.expect(f"{ROWS}:focus").to_contain_text("zz")
    await keyboard.press("ArrowUp")
    await live.expect(f"{ROWS}:focus").to_contain_text("Deep Crawl")
    await keyboard.press("Enter")
    await live.expect("#drawer h2:focus").to_have_text("Deep Crawl")
    await keyboard.press("Escape")
    await live.expect(f"{ROWS}:focus").to_contain_text("Deep Crawl")
    await keyboard.press("/")
    await live.page.keyboard.type("zz")
    await expect_names(live, ["zz"])
    await live.find("#tab-policies").focus()
    await keyboard.press("ArrowRight")
    await live.expect("#tab-schedules:focus").to_have_attribute("aria-selected", "true")
    await live.expect("#search").to_have_value("")
    await keyboard.press("n")
    await live.expect(f"{ROWS}:focus").to_contain_text("zz")


async def test_search_filters_order_and_pause_are_in_the_url(
    live: BrowserPage, writer: Writer
) -> None:
    for number, enabled in enumerate((True, False, True)):
        row = {"id": f"s{number}", "schedule_name": f"Nightly {number}", "job_count": -number}
        await writer.insert("schedule", SCHEDULE | row | {"enabled": enabled})
    await choose(live, "schedules")
    await live.expect(ROWS).to_have_count(3)
    await live.page.get_by_role("button", name="enabled", exact=True).click()
    await live.page.get_by_role("button", name="Jobs").click()
    await expect_names(live, ["Nightly 2", "Nightly 0"])
    await live.expect("#matches").to_have_text("2 of 3 rows")
    await live.expect("[aria-sort=ascending]").to_have_text("Jobs")
    await live.find("#search").fill("s2")
    await expect_names(live, ["Nightly 2"])
    await live.find("#pause").click()
    await writer.update("schedule", "s2", {"schedule_name": "Weekly 2"})
    await live.expect("#pause").to_have_text(re.compile(r"Resume \(1\)"))
    await expect_names(live, ["Nightly 2"])
    assert urlsplit(live.page.url).query == (
        "table=schedules&q=s2&where=enabled%3Dtrue&sort=jobs&paused=1"
    )
    await live.page.reload()
    await live.expect("#pause").to_have_attribute("aria-pressed", "true")
    await live.expect("#search").to_have_value("s2")
    await live.find("#pause").click()
    await expect_names(live, ["Weekly 2"])
    await live.find("#clear").click()
    await live.expect(ROWS).to_have_count(3)
    await live.page.go_back()
    await live.expect("#tab-policies").to_have_attribute("aria-selected", "true")


async def test_schedule_is_disabled_and_deleted_through_the_mutations(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("policy", POLICY)
    await writer.insert("schedule", SCHEDULE)
    await choose(live, "schedules")
    await live.find(ROWS, "Nightly").click()
    await live.find("#drawer button", "Disable").click()
    await live.expect("#drawer-message").to_contain_text("is disabled")
    await live.expect(ROWS, "off").to_have_count(1)
    await live.expect("#activity-list li:first-child").to_contain_text("enabled yes → no")
    await live.expect("#drawer .links button").to_have_text(["Deep Crawl"])

    await live.find("#drawer button", "Delete…").click()
    await live.expect("#drawer .cancel:focus").to_have_count(1)
    await live.find("#drawer .confirmation .danger").click()
    await live.expect(f"{ROWS}[data-mark=deleted]").to_have_count(1)
    assert await writer.run(writer.table("schedule").count()) == 0


async def test_limits_are_edited_with_problems_at_their_fields_and_conflicts_side_by_side(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("policy", POLICY)
    await live.page.goto(f"{live.page.url.partition('?')[0]}?table=policies&row=p1")
    await live.find("#drawer button", "Edit limits").click()
    most = live.page.get_by_label("Most items")
    await most.fill("-1")
    await most.press("Enter")
    await live.expect("[id='problem-limits.maxItems']").to_have_text("Max items must be ≥0")
    await live.expect("[aria-invalid=true]:focus").to_have_count(1)

    patch = {"limits": {"max_items": 55}, "updated_at": datetime.now(UTC)}
    await writer.update("policy", "p1", patch)
    await live.expect(ROWS, "55 items").to_have_count(1)
    await live.expect("[id='edit-limits.maxItems']").to_have_value("-1")  # what is typed stays
    await most.fill("77")
    await most.press("Enter")
    cells = live.expect("#drawer .conflict tbody tr:first-child > *")
    await cells.to_have_text(["Most items", "1,000,000", "77", "55"])
    await live.find("#drawer button", "Save mine").click()
    await live.expect(ROWS, "77 items").to_have_count(1)
    limits = (await writer.run(writer.table("policy").get("p1")))["limits"]
    assert limits["max_items"] == 77


async def test_row_is_opened_in_graphiql_with_its_operation(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await choose(live, "logins")
    await live.find(ROWS, "example.com").click()
    href = await live.find("#drawer a", "Open in GraphiQL").get_attribute("href")
    given = parse_qs(urlsplit(href or "").fragment)
    server = live.page.url.partition("/live")[0]
    async with httpx.AsyncClient(trust_env=False) as http:
        request = {"query": given["query"][0], "variables": json.loads(given["variables"][0])}
        answer = (await http.post(f"{server}/graphql", json=request)).json()
    assert answer["data"]["domainLogin"]["domain"] == "example.com"


async def test_narrow_screen_is_filled_and_not_overrun(live: BrowserPage, writer: Writer) -> None:
    await live.page.set_viewport_size({"width": 320, "height": 640})
    await writer.insert("domain_login", DOMAIN_LOGIN | {"login_url": "https://" + "x" * 200})
    await live.expect("#peek").to_contain_text("example.com · new")
    assert await live.page.evaluate("document.documentElement.scrollWidth") == 320
    await live.find("#peek").click()
    await live.find("#activity-list button").click()
    await live.expect(f"{ROWS}:focus").to_contain_text("example.com")
    small = await live.page.evaluate(
        """[...document.querySelectorAll('button, a, input, summary')]
            .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 40)
            .map((each) => each.outerHTML)"""
    )
    assert not small


async def test_nothing_moves_for_those_who_want_that(live: BrowserPage, writer: Writer) -> None:
    await live.page.emulate_media(reduced_motion="reduce")
    await writer.insert("policy", POLICY)
    await live.expect(f"{ROWS}[data-mark=added]").to_have_css("animation-name", "none")


@pytest.mark.parametrize("width", [1440, 390])
async def test_tab_key_goes_through_the_toolbar_as_the_eye_does(
    live: BrowserPage, width: int
) -> None:
    await live.page.set_viewport_size({"width": width, "height": 800})
    await live.page.wait_for_function(TOOLBAR_IS_IN_ORDER)


async def fill(writer: Writer, table: str, count: int) -> None:
    rows = [
        POLICY | {"id": f"{table}-{n}", "name": f"number {n * 7919 % count:05}"}
        for n in range(count)
    ]
    if table == "schedule":
        rows = [SCHEDULE | {"id": row["id"], "schedule_name": row["name"]} for row in rows]
    for start in range(0, len(rows), 500):
        await writer.insert(table, *rows[start : start + 500])


@pytest.mark.timeout(180)
async def test_change_among_thousands_is_seen_within_a_second_and_reached_by_a_key_or_a_click(
    timed: None, writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    for table in ("policy", "schedule"):
        await fill(writer, table, 1000)
    page = browser_page.page
    await open_live(browser_page, server)
    await browser_page.expect("#tab-schedules .count").to_have_text("1,000")
    arrived = asyncio.Event()
    await page.expose_function("heard", arrived.set)
    await page.add_init_script(HEARS_SOUGHT)
    await page.reload()
    await expect_health(browser_page, "Live")
    await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
    await writer.update("schedule", "schedule-777", {"schedule_name": "sought"})
    await arrived.wait()
    await page.clock.run_for(1000)  # of the page's clock, since the page has read the change
    newest = browser_page.find("#activity-list li:first-child button")
    # Its inner text is empty until the browser has drawn it, by a clock of its own.
    assert "sought" in (await newest.text_content() or "")
    assert await page.evaluate(
        """(() => {
            const { top, bottom } = document
                .querySelector('#activity-list li:first-child button').getBoundingClientRect();
            return top >= 0 && bottom <= innerHeight && scrollY === 0;
        })()"""
    )
    await page.clock.resume()
    await page.keyboard.press("n")
    await browser_page.expect(f"{ROWS}:focus").to_contain_text("sought")
    await browser_page.expect(f"{ROWS}:focus").to_be_in_viewport()
    await choose(browser_page, "policies")
    await newest.click()
    await browser_page.expect(f"{ROWS}:focus").to_contain_text("sought")
    browser_page.assert_well()


@pytest.mark.timeout(180)
async def test_of_ten_thousand_rows_those_in_sight_have_elements_that_scrolling_uses_again(
    writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    await fill(writer, "policy", 10_000)
    await open_live(browser_page, server)
    await browser_page.expect("#matches").to_have_text("10,002 rows")
    most = 50
    assert await browser_page.find(ROWS).count() < most
    await browser_page.find(f"{ROWS}[tabindex='0']").focus()
    for key, name in (("End", "number 09999"), ("Home", "Broad Crawl")):
        await browser_page.page.keyboard.press(key)
        await browser_page.expect(f"{ROWS}:focus").to_contain_text(name)
        assert await browser_page.find(ROWS).count() < most
    scrolled = await browser_page.page.evaluate(
        """async () => {
            const scroller = document.getElementById('scroller');
            const frame = () =>
                new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            scroller.scrollTop = scroller.scrollHeight / 2;
            await frame();
            await frame();
            let most = 0;
            let made = 0;
            new MutationObserver((changes) => {
                for (const { addedNodes } of changes) {
                    made += [...addedNodes].filter(({ localName }) => localName === 'tr').length;
                }
            }).observe(scroller, { childList: true, subtree: true });
            for (let top = 0; top < scroller.scrollHeight; top += scroller.scrollHeight / 50) {
                scroller.scrollTop = top;
                await frame();
                most = Math.max(most, scroller.querySelectorAll('tbody tr').length);
            }
            return { most, made };
        }"""
    )
    assert scrolled["most"] < most
    assert scrolled["made"] < 25  # of 50 steps; a slow one draws the rows beyond those in sight
    await writer.update("policy", "policy-4321", {"name": "aardvark"})
    await browser_page.expect("#activity-list li").to_contain_text("aardvark")
    await browser_page.page.keyboard.press("Home")
    await browser_page.expect(f"{ROWS}:focus").to_contain_text("aardvark")
    browser_page.assert_well()


async def test_rows_in_sight_stay_where_they_are_when_others_come_above(
    writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    await fill(writer, "policy", 200)
    await open_live(browser_page, server)
    await browser_page.find("#scroller").evaluate("element => { element.scrollTop = 2600; }")
    row = browser_page.find(ROWS, "number 00055")
    await row.wait_for()
    before = await row.bounding_box()
    await writer.insert("policy", POLICY | {"id": "first", "name": "aardvark"})
    await browser_page.expect("#matches").to_have_text("203 rows")
    assert await row.bounding_box() == before


async def test_demo_is_followed_without_a_request_elsewhere(
    browser_page: BrowserPage, demo_server: Running
) -> None:
    await open_live(browser_page, demo_server)
    await browser_page.expect("#activity-list li", "Demo:").not_to_have_count(0)
    await browser_page.expect("#server-database").to_have_text("embedded")
    browser_page.assert_local(demo_server)
    browser_page.assert_well()


async def test_page_can_be_left_out(starbelly: DatabaseURL) -> None:
    async with (
        running(settings_for(starbelly, live=False)) as server,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        assert (await http.get(f"{server.http}/live")).status_code == 404
