"""The page at /live in a real browser: what it shows, and what it makes of trouble."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from tests.server.running import Running, running, settings_for
from tests.unit.schema.documents import DOMAIN_LOGIN, POLICY, SCHEDULE

if TYPE_CHECKING:
    from playwright.async_api import Route, WebSocket

SECTIONS = [table.people.name for table in TABLES]
TITLES = [table.people.title for table in TABLES]
MARK_MS = "const MARK_MS = 6_000;"
"""How long a change stands out, in the page's script."""
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> & <b>bold</b>"


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


async def open_live(browser_page: BrowserPage, server: Running | TCPProxy) -> None:
    """Open the page; until `end_marks`, what has changed stands out, however slow the machine."""
    await browser_page.page.route("**/live/table_view.mjs", with_lasting_marks)
    await browser_page.page.goto(f"http://{server.host}:{server.port}/live")
    await expect_status(browser_page, "live")


async def with_lasting_marks(route: Route) -> None:
    response = await route.fetch()
    script = await response.text()
    assert MARK_MS in script
    script = script.replace(MARK_MS, MARK_MS.replace("6_000", "3_600_000"))
    await route.fulfill(response=response, body=script)


async def end_marks(browser_page: BrowserPage) -> None:
    """Let the time be over for which changes stand out; the page's clock was installed."""
    await browser_page.page.clock.fast_forward("01:00:00")


async def expect_status(browser_page: BrowserPage, status: str) -> None:
    for table in SECTIONS:
        await browser_page.expect(f"#{table} .label").to_have_text(status)


async def test_rows_are_shown_in_order_with_their_counts(
    timed: None, writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    await writer.insert("policy", POLICY | {"id": "nameless", "name": None})
    await writer.insert("policy", POLICY | {"id": "p1", "name": "a policy"})
    await writer.insert("schedule", SCHEDULE)
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await open_live(browser_page, server)
    await browser_page.expect("#policies tbody th").to_have_text(
        ["a policy", "Broad Crawl", "Deep Crawl", "nameless"]
    )
    await browser_page.expect("#policies .count").to_have_text("4")
    await browser_page.expect("#schedules tbody tr").to_have_text(
        re.compile(r"Nightly *on *every day *a policy *7 *14 Nov 2023, 22:13:21")
    )
    await browser_page.expect("#logins tbody tr").to_have_text(
        re.compile(r"example\.com *https://user:\*+@example\.com/login *ann: works")
    )
    await browser_page.expect("nav li").to_have_text(
        [
            re.compile(rf"{title} *{count}")
            for title, count in zip(TITLES, (0, 4, 1, 1, 0, 1), strict=True)
        ]
    )
    await browser_page.expect("#connection").to_have_text("Live")
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
    await live.expect("#jobs tbody th").to_have_text(["new", "old", "older"])
    await writer.update("job", "old", {"item_count": 12_345})
    await live.expect("#jobs tbody tr:nth-child(2)").to_have_text(
        re.compile("old *running *12.345")
    )


async def test_page_is_the_same_with_a_last_slash(
    browser_page: BrowserPage, server: Running
) -> None:
    await browser_page.page.goto(f"{server.http}/live/")
    await expect_status(browser_page, "live")
    browser_page.assert_local(server)
    browser_page.assert_well()


async def test_adds_changes_and_deletes_are_followed_and_marked(
    timed: None, live: BrowserPage, writer: Writer
) -> None:
    rows = "#policies tbody tr"
    await writer.insert("policy", POLICY | {"id": "p", "name": "Quick look"})
    await live.expect(rows, "Quick look").to_have_attribute("data-mark", "added")
    await live.expect(f"{rows} .change", "new").to_have_count(1)
    await live.expect("#policies .count").to_have_text("3")

    await writer.update("policy", "p", {"limits": {"max_items": 5}, "url_rules": []})
    await live.expect(rows, "Quick look").to_have_attribute("data-mark", "updated")
    await live.expect(f"{rows} .changed").to_have_text(["5 items · 1 h 0.5 s · cost 10"])
    await live.expect(f"{rows} .change").to_contain_text(
        ["", "", "limits, url rules"], use_inner_text=True
    )

    await writer.delete("policy", "p")
    await live.expect(rows, "Quick look").to_have_attribute("data-mark", "deleted")
    await live.expect(f"{rows}[data-mark=deleted] .change").to_contain_text("deleted")
    await live.expect(f"{rows}[data-mark=deleted] th .line").to_have_css(
        "text-decoration-line", "line-through"
    )
    await live.expect("#policies .count").to_have_text("2")
    await live.expect(rows).to_have_count(3)
    await end_marks(live)
    await live.expect(rows).to_have_count(2)


async def test_mark_ends_and_what_has_changed_stays_readable(
    timed: None, live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await live.expect("#logins tr[data-mark=added]").to_have_count(1)
    await end_marks(live)
    await live.expect("#logins tr[data-mark]").to_have_count(0)
    await live.expect("#logins .change").to_contain_text("new")


async def test_row_that_is_deleted_and_made_again_stays(live: BrowserPage, writer: Writer) -> None:
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await live.expect("#logins tr[data-mark=added]").to_have_count(1)
    await writer.delete("domain_login", "example.com")
    await live.expect("#logins tr[data-mark=deleted]").to_have_count(1)
    await writer.insert("domain_login", DOMAIN_LOGIN)
    await live.expect("#logins tr[data-mark=added]").to_have_count(1)
    await live.expect("#logins tbody tr").to_have_count(1)


async def test_new_name_moves_a_policy_and_reaches_the_schedules_of_it(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("schedule", SCHEDULE)
    await live.expect("#schedules tbody td", "p1").to_have_count(1)
    await writer.insert("policy", POLICY | {"name": "a policy"})
    await live.expect("#schedules tbody td", "a policy").to_have_count(1)
    await live.expect("#policies tbody th").to_have_text(["a policy", "Broad Crawl", "Deep Crawl"])
    await writer.update("policy", "p1", {"name": "the policy"})
    await live.expect("#schedules tbody td", "the policy").to_have_count(1)
    await live.expect("#policies tbody th").to_have_text(
        ["Broad Crawl", "Deep Crawl", "the policy"]
    )


async def test_what_documents_hold_is_shown_as_text_and_never_as_code(
    live: BrowserPage, writer: Writer
) -> None:
    await writer.insert("policy", POLICY | {"id": HOSTILE, "name": HOSTILE})
    await writer.insert("schedule", SCHEDULE | {"schedule_name": HOSTILE, "policy_id": HOSTILE})
    login = {"domain": HOSTILE, "login_url": HOSTILE, "users": [{"username": HOSTILE}]}
    await writer.insert("domain_login", login)
    await live.expect("#policies th[scope=row]", HOSTILE).to_have_count(1)
    await live.expect("#schedules tbody :is(th, td)", HOSTILE).to_have_count(2)
    await live.expect("#logins tbody :is(th, td)", HOSTILE).to_have_count(3)
    await live.expect("main :is(img, b)").to_have_count(0)
    assert await live.page.title() == "Live tables"


async def test_long_value_is_cut_short(live: BrowserPage, writer: Writer) -> None:
    await writer.insert("policy", POLICY | {"name": "long " * 10_000})
    name = live.find("#policies tbody th", "long")
    assert len(await name.inner_text()) < 500


async def test_values_that_do_not_fit_are_named(live: BrowserPage, writer: Writer) -> None:
    await writer.insert("policy", {"id": "odd", "name": 5, "limits": {"max_items": "many"}})
    await live.expect("#policies tr", "odd").to_contain_text("unfit: name, limits.maxItems")


async def test_empty_table_says_so(
    writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    for name in ("policy", "rate_limit"):
        await writer.run(writer.table(name).delete())
    await open_live(browser_page, server)
    for table in SECTIONS:
        await browser_page.expect(f"#{table} .empty").to_be_visible()
        await browser_page.expect(f"#{table} .count").to_have_text("0")
    await writer.insert("policy", POLICY)
    await browser_page.expect("#policies .empty").to_be_hidden()
    await browser_page.expect("#schedules .empty").to_be_visible()
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
            await expect_status(browser_page, "stale")
            await browser_page.expect("#policies .detail").to_contain_text(
                "No connection to 127.0.0.1"
            )
            await browser_page.expect("#policies tbody th").to_have_text(
                ["Broad Crawl", "Deep Crawl"]
            )
            await browser_page.expect_title("Stale · Live tables")
            await browser_page.expect("#connection").to_have_text("Stale")

            await database.start()
            async with writing(database.url) as writer:
                await writer.insert("policy", POLICY)
            await browser_page.expect("#policies tr[data-mark=added]").to_have_count(1)
            await expect_status(browser_page, "live")
            await browser_page.expect_title("Live tables")
            browser_page.assert_local(server)
            browser_page.assert_well()


async def test_missing_database_is_said_with_what_creates_it_until_it_is_there(
    browser_page: BrowserPage, database: DatabaseURL
) -> None:
    async with running(settings_for(database)) as server:
        await browser_page.page.goto(f"http://{server.host}:{server.port}/live")
        await browser_page.expect("#connection").to_have_text("Waiting for the database")
        await browser_page.expect("#policies .detail").to_have_text(
            f"The database {database.database} does not exist; `graphql-api init` creates it."
        )
        await browser_page.expect_title("Waiting for the database · Live tables")
        await initialise(database, TABLES)
        await browser_page.expect("#connection").to_have_text("Live")
        await browser_page.expect("#policies .detail").to_have_text("")
        browser_page.assert_local(server)
        browser_page.assert_well()


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
        await browser_page.expect("#connection").to_have_text("Reconnecting…")
        await browser_page.expect("#lost-text").to_contain_text("What you see may be old.")
        await expect_status(browser_page, "not connected")
        await browser_page.expect_title("Reconnecting… · Live tables")
        await browser_page.expect("#policies tbody tr").to_have_count(2)
        deep = writer.table("policy").filter({"name": "Deep Crawl"})
        await writer.run(deep.delete())
        proxy.release()
        await expect_status(browser_page, "live")
        await browser_page.expect("#lost").to_be_hidden()
        await browser_page.expect("#policies tbody tr:not([data-mark=deleted]) th").to_have_text(
            ["Broad Crawl", "missed"]
        )
        assert set(frames.sent[-1][0]["payload"]["since"]) == set(SECTIONS)
        is_resumed = history > 1
        assert frames.statuses(0).count("INITIALIZING") == len(TABLES)
        assert frames.statuses(-1).count("INITIALIZING") == (0 if is_resumed else 1)
        marks = browser_page.expect("#policies tr[data-mark]")
        await marks.to_have_count(2 if is_resumed else 0)


async def test_page_goes_on_with_the_successor_of_its_server(
    browser_page: BrowserPage, starbelly: DatabaseURL, writer: Writer
) -> None:
    async with AsyncExitStack() as stack:
        async with running(settings_for(starbelly)) as server:
            proxy = await stack.enter_async_context(TCPProxy(server.host, server.port))
            await open_live(browser_page, proxy)
            proxy.hold()  # what the page tries by itself waits, too
        await browser_page.expect("#connection").to_have_text("Reconnecting…")
        await writer.insert("policy", POLICY)
        successor = await stack.enter_async_context(running(settings_for(starbelly)))
        proxy.lead_to(successor.host, successor.port)
        async with browser_page.page.expect_websocket():
            await browser_page.find("#try-now").click()
        proxy.release()
        await expect_status(browser_page, "live")
        await browser_page.expect("#policies tbody tr").to_have_count(3)


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
        await browser_page.page.goto(f"{server.http}/live")
        await browser_page.expect("#connection").to_have_text("Token needed")
        await browser_page.expect("#token-text").to_contain_text("who have a token")
        await browser_page.expect("main .count").to_have_text([""] * len(TABLES))  # nobody knows
        token_input = browser_page.page.get_by_label("Token", exact=True)
        await token_input.fill("wrong")
        await token_input.press("Enter")
        await browser_page.expect("#token-text").to_contain_text("refuses the token")

        await token_input.fill(tokens[1])
        await token_input.press("Enter")
        await browser_page.expect("#policies .label").to_have_text("live")
        await browser_page.expect("#schedules .label").to_have_text("live")
        await browser_page.expect("#logins .label").to_have_text("not allowed")
        await browser_page.expect("#token").to_be_hidden()

        logins = browser_page.page.locator("#logins")
        await logins.get_by_role("button", name="Use a token").click()
        await token_input.fill(tokens[2])
        await browser_page.page.get_by_role("button", name="Connect").click()
        await expect_status(browser_page, "live")
        await browser_page.expect("#logins tbody tr").to_have_count(1)

        await browser_page.page.reload()
        await expect_status(browser_page, "live")
        browser_page.assert_local(server)
        assert not [url for url in browser_page.requests if tokens[2] in url]


async def test_page_is_told_by_its_roles_and_names(live: BrowserPage, writer: Writer) -> None:
    await writer.insert("policy", POLICY)
    await live.expect("#policies tbody tr").to_have_count(3)
    table = live.page.get_by_role("table", name="Policies, ordered by name")
    heads = await table.get_by_role("columnheader").all_inner_texts()
    assert heads == ["Name", "Limits", "robots.txt", "Logs in", "Updated", "Last change"]
    assert await table.get_by_role("rowheader").count() == 3
    assert await table.get_by_role("cell").count() == 3 * 5


async def test_every_table_is_reached_and_scrolled_by_the_keyboard(live: BrowserPage) -> None:
    names = TITLES
    for _ in names:
        await live.page.keyboard.press("Tab")  # the links to the tables
    await live.page.keyboard.press("Enter")
    await live.page.wait_for_url(f"**/live#{SECTIONS[-1]}")
    await live.page.goto(live.page.url.partition("#")[0])
    await expect_status(live, "live")
    for _ in names:
        await live.page.keyboard.press("Tab")
    for name in names:
        await live.page.keyboard.press("Tab")
        region = live.page.get_by_role("region", name=name, exact=True)
        assert await region.evaluate("region => region === document.activeElement")


async def test_narrow_screen_is_filled_and_not_overrun(live: BrowserPage, writer: Writer) -> None:
    await live.page.set_viewport_size({"width": 320, "height": 640})
    await writer.insert("domain_login", DOMAIN_LOGIN | {"login_url": "https://" + "x" * 200})
    await live.expect("#logins tbody tr").to_have_count(1)
    assert await live.page.evaluate("document.documentElement.scrollWidth") == 320


async def test_nothing_moves_for_those_who_want_that(live: BrowserPage, writer: Writer) -> None:
    await live.page.emulate_media(reduced_motion="reduce")
    await writer.insert("policy", POLICY)
    await live.expect("#policies tr[data-mark=added]").to_have_css("animation-name", "none")


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_thousands_of_rows_are_shown_and_followed(
    writer: Writer, browser_page: BrowserPage, server: Running
) -> None:
    rows = [POLICY | {"id": f"{n}", "name": f"number {n * 7919 % 5000:04}"} for n in range(5000)]
    for start in range(0, len(rows), 500):
        await writer.insert("policy", *rows[start : start + 500])
    await browser_page.page.goto(f"{server.http}/live")
    await browser_page.expect("#policies tbody tr").to_have_count(5002)
    names = await browser_page.find("#policies tbody th").all_inner_texts()
    assert names == sorted(names)
    await writer.update("policy", "4321", {"name": "aardvark"})
    await browser_page.expect("#policies tbody tr:first-child").to_contain_text("aardvark")
    browser_page.assert_well()


async def test_demo_is_followed_without_a_request_elsewhere(
    browser_page: BrowserPage, demo_server: Running
) -> None:
    await open_live(browser_page, demo_server)
    await browser_page.expect("tr", "Demo:").not_to_have_count(0)
    browser_page.assert_local(demo_server)
    browser_page.assert_well()


async def test_page_can_be_left_out(starbelly: DatabaseURL) -> None:
    async with (
        running(settings_for(starbelly, live=False)) as server,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        assert (await http.get(f"{server.http}/live")).status_code == 404
