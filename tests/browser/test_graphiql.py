"""GraphiQL as it is built and served, in a browser that reaches nothing but the server."""

from __future__ import annotations

import asyncio
import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest

from graphql_api import app
from graphql_api.graphiql.routes import graphiql_routes
from graphql_api.rethink.url import DatabaseURL
from tests.browser.browser_page import BrowserPage
from tests.proxies import Proxied
from tests.server.database import Writer
from tests.server.running import Running, running, settings_for

if TYPE_CHECKING:
    from playwright.async_api import WebSocket, WebSocketRoute

pytestmark = [pytest.mark.usefixtures("graphiql_build"), pytest.mark.timeout(300)]

TABS = [
    *("JobChanges", "PolicyChanges", "ScheduleChanges", "DomainLoginChanges"),
    *("CaptchaSolverChanges", "RateLimitChanges", "JobResponses", "Policies", "UpdatePolicy"),
]
ROWS = {
    "PolicyChanges": ("policy", {"id": "a", "name": "of the test"}),
    "ScheduleChanges": ("schedule", {"id": "a", "schedule_name": "of the test"}),
    "DomainLoginChanges": ("domain_login", {"domain": "a", "login_url": "of the test"}),
}
"""For each subscription a row of its table, with one value that the ready-made tab selects."""
CHANGES_OF_THE_DEMO = {
    "JobChanges": '"__typename": "JobUpdated"',
    "PolicyChanges": '"cause": "CREATED"',
    "ScheduleChanges": '"__typename": "ScheduleUpdated"',
    "DomainLoginChanges": '"__typename": "DomainLoginUpdated"',
}
"""For each subscription what the demo does to its table again and again."""


class GraphiQL:
    """GraphiQL in a page, by what its user sees of it."""

    def __init__(self, browser_page: BrowserPage) -> None:
        self.page = browser_page.page

    async def open(self, server: Running | Proxied, path: str = "/graphiql") -> None:
        await self.page.set_viewport_size({"width": 1920, "height": 1080})
        await self.page.goto(f"{server.http}{path}")
        for editor in ".graphiql-query-editor", ".result-window":
            await self.page.locator(f"{editor} .view-line").first.wait_for()

    async def tabs(self) -> list[str]:
        return await self.page.get_by_role("tab").all_inner_texts()

    async def choose(self, tab: str) -> None:
        await self.page.get_by_role("tab", name=tab).click()

    async def replace_query(self, text: str) -> None:
        await self.page.locator(".graphiql-query-editor .monaco-editor").click()
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.insert_text(text)

    async def type_into(self, tool: str, text: str) -> None:
        """Type into the editor of the Variables or of the Headers."""
        await self.page.get_by_role("button", name=tool).click()
        await self.page.locator(".graphiql-editor-tool .monaco-editor:visible").click()
        await self.page.keyboard.insert_text(text)

    async def execute(self) -> None:
        """Run what the tab holds; if it is a subscription that runs, end it."""
        await self.page.locator(".graphiql-execute-button").click()

    async def shows(self, text: str) -> None:
        """Wait until the results have a text among them that are in view."""
        await self.page.wait_for_function(
            """text => document.querySelector('.result-window .view-lines')
                .innerText.replaceAll('\\u00a0', ' ').includes(text)""",
            arg=text,
        )

    async def shows_now(self, text: str) -> bool:
        """Whether the results have a text among them that are in view, one frame from now."""
        return bool(
            await self.page.evaluate(
                """text => new Promise((resolve) => requestAnimationFrame(() => resolve(
                    document.querySelector('.result-window .view-lines')
                        .innerText.replaceAll('\\u00a0', ' ').includes(text))))""",
                text,
            )
        )


@pytest.fixture
def graphiql(browser_page: BrowserPage) -> GraphiQL:
    return GraphiQL(browser_page)


@pytest.mark.parametrize("path", ["/graphiql", "/graphiql/"])
async def test_ready_made_query_shows_rows(
    server: Running, graphiql: GraphiQL, browser_page: BrowserPage, path: str
) -> None:
    await graphiql.open(server, path)
    assert await graphiql.tabs() == TABS
    await graphiql.choose("Policies")
    await graphiql.execute()
    await graphiql.shows('"status": "READY"')
    await graphiql.shows('"name": "Broad Crawl"')
    browser_page.assert_local(server)
    browser_page.assert_well()


async def test_ready_made_mutation_has_its_variables_and_changes_a_policy(
    server: Running, writer: Writer, graphiql: GraphiQL, browser_page: BrowserPage
) -> None:
    await graphiql.open(server)
    await graphiql.choose("UpdatePolicy")
    await graphiql.execute()
    await graphiql.shows('"maxItems": 1000')
    limits = await writer.run(writer.table("policy")["limits"]["max_items"].coerce_to("array"))
    assert 1000 in limits
    browser_page.assert_local(server)
    browser_page.assert_well()


async def test_subscription_lives_on_while_another_tab_is_in_view(
    server: Running, writer: Writer, graphiql: GraphiQL, browser_page: BrowserPage
) -> None:
    await graphiql.open(server)
    await graphiql.choose("PolicyChanges")
    await graphiql.execute()
    await graphiql.shows('"status": "READY"')
    await graphiql.choose("Policies")
    await graphiql.execute()
    await graphiql.shows('"total": 2')
    await writer.insert("policy", {"id": "a", "name": "of the test"})
    await graphiql.choose("PolicyChanges")
    await graphiql.shows('"cause": "CREATED"')
    await writer.delete("policy", "a")
    await graphiql.shows('"cause": "DELETED"')
    sockets = [url for url in browser_page.requests if url.startswith("ws:")]
    assert len(sockets) == 1
    await graphiql.execute()
    await feeds_have_no_subscribers(server)
    browser_page.assert_well()


async def test_operation_of_the_url_is_opened_beside_the_tabs_that_there_are(
    server: Running, graphiql: GraphiQL
) -> None:
    await graphiql.open(server)
    given = urlencode({"query": "query Given { policies { total } }", "variables": "{}"})
    await graphiql.page.goto("about:blank")
    await graphiql.open(server, f"/graphiql#{given}")
    assert await graphiql.tabs() == [*TABS, "Given"]
    await graphiql.execute()
    await graphiql.shows('"total": 2')
    assert graphiql.page.url == f"{server.http}/graphiql"
    await graphiql.page.get_by_role("link", name="Live tables").click()
    await graphiql.page.wait_for_url("**/live*")


@pytest.mark.parametrize("tab", ["JobChanges", "UpdatePolicy"])
async def test_no_line_ends_below_the_buttons_beside_it(
    server: Running, graphiql: GraphiQL, tab: str
) -> None:
    await graphiql.open(server)
    await graphiql.page.set_viewport_size({"width": 1024, "height": 768})
    await graphiql.choose(tab)
    await graphiql.page.wait_for_function(
        """() => {
            const { left } = document.querySelector('.graphiql-toolbar').getBoundingClientRect();
            const lines = document.querySelectorAll('.graphiql-query-editor .view-line > span');
            const ends = [...lines].map((line) => line.getBoundingClientRect().right);
            return ends.length > 5 && Math.max(...ends) < left;
        }"""
    )


async def test_panes_stand_one_above_the_other_on_a_narrow_screen(
    server: Running, graphiql: GraphiQL
) -> None:
    await graphiql.open(server)
    await graphiql.page.set_viewport_size({"width": 390, "height": 844})
    boxes = [
        await graphiql.page.locator(pane).bounding_box()
        for pane in (".graphiql-editors", ".graphiql-response")
    ]
    above, below = (box for box in boxes if box is not None)
    assert above["x"] == below["x"]
    assert above["width"] > 250
    assert above["y"] + above["height"] <= below["y"]
    assert await graphiql.page.evaluate("document.documentElement.scrollWidth") == 390


async def test_page_without_a_build_becomes_graphiql_when_there_is_one(
    starbelly: DatabaseURL,
    browser_page: BrowserPage,
    graphiql_build: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = tmp_path / "dist"
    monkeypatch.setattr(app, "graphiql_routes", partial(graphiql_routes, build=build))
    async with running(settings_for(starbelly)) as server:
        await browser_page.page.goto(f"{server.http}/graphiql")
        await browser_page.expect("h1").to_have_text("GraphiQL is not built yet")
        await browser_page.expect("#live a").to_have_attribute("href", "live")
        shutil.copytree(graphiql_build, tmp_path / "new")
        (tmp_path / "new").rename(build)
        await browser_page.page.get_by_role("tab", name="PolicyChanges").wait_for()
        browser_page.assert_local(server)
        browser_page.assert_well()


@pytest.mark.parametrize("tab", ROWS)
async def test_ready_made_subscription_shows_events_until_it_is_ended(
    server: Running, writer: Writer, graphiql: GraphiQL, browser_page: BrowserPage, tab: str
) -> None:
    await graphiql.open(server)
    await graphiql.choose(tab)
    async with graphiql.page.expect_websocket() as opened:
        await graphiql.execute()
    await graphiql.shows('"status": "READY"')
    table, row = ROWS[tab]
    await writer.insert(table, row)
    await graphiql.shows('"cause": "CREATED"')
    await graphiql.shows("of the test")
    await writer.delete(table, "a")
    await graphiql.shows('"cause": "DELETED"')

    await graphiql.execute()
    await graphiql.page.get_by_role("button", name="Execute query").wait_for()
    await feeds_have_no_subscribers(server)
    socket = await opened.value
    if not socket.is_closed():
        await socket.wait_for_event("close")
    await graphiql.shows('"cause": "DELETED"')
    shown = await graphiql.page.locator(".result-window .view-lines").inner_text()
    assert "trying again" not in shown.replace("\u00a0", " ")
    assert f"{server.ws}" in browser_page.requests
    browser_page.assert_local(server)
    browser_page.assert_well()


async def test_every_ready_made_subscription_follows_the_demo(
    demo_server: Running, graphiql: GraphiQL, browser_page: BrowserPage
) -> None:
    await graphiql.open(demo_server)
    for tab, change in CHANGES_OF_THE_DEMO.items():
        await graphiql.choose(tab)
        await graphiql.execute()
        await graphiql.shows(change)
        await graphiql.execute()
    await graphiql.page.reload()
    await graphiql.open(demo_server)
    assert await graphiql.tabs() == TABS, "a reload adds none and loses none"
    browser_page.assert_local(demo_server)
    browser_page.assert_well()


async def test_header_goes_with_requests_and_with_sockets(
    server: Running, graphiql: GraphiQL, browser_page: BrowserPage
) -> None:
    first_frames: list[str | bytes] = []

    def keep_first_frame(socket: WebSocket) -> None:
        socket.once("framesent", lambda frame: first_frames.append(frame))  # noqa: PLW0108 - Playwright sets attributes of it

    graphiql.page.on("websocket", keep_first_frame)
    await graphiql.open(server)
    await graphiql.choose("PolicyChanges")
    await graphiql.type_into("Headers", '{"Authorization": "Bearer abc"}')
    await graphiql.execute()
    await graphiql.shows('"status": "READY"')
    (init,) = map(json.loads, first_frames)
    assert init == {"type": "connection_init", "payload": {"Authorization": "Bearer abc"}}

    await graphiql.choose("Policies")
    await graphiql.type_into("Headers", '{"Authorization": "Bearer abc"}')
    async with graphiql.page.expect_request("**/graphql") as request:
        await graphiql.execute()
    assert (await request.value).headers["authorization"] == "Bearer abc"
    browser_page.assert_local(server)
    browser_page.assert_well()


class CuttableSockets:
    """What stands between GraphiQL and the server's sockets.

    Attributes:
        inits: What each connection was begun with.
    """

    def __init__(self) -> None:
        self.inits: list[dict[str, Any]] = []
        self._sockets: list[WebSocketRoute] = []
        self._is_open = asyncio.Event()
        self._is_open.set()

    async def put_before(self, graphiql: GraphiQL) -> None:
        await graphiql.page.route_web_socket("**/graphql", self._connect)

    async def cut(self) -> None:
        """Close the last one; the next has to wait."""
        self._is_open.clear()
        await self._sockets[-1].close(code=1012, reason="Service Restart")

    def release(self) -> None:
        """Let the next one through."""
        self._is_open.set()

    async def _connect(self, socket: WebSocketRoute) -> None:
        await self._is_open.wait()
        self._sockets.append(socket)
        behind = socket.connect_to_server()

        def pass_on(frame: str | bytes) -> None:
            message = json.loads(frame)
            if message["type"] == "connection_init":
                self.inits.append(message.get("payload", {}))
            behind.send(frame)

        socket.on_message(pass_on)


async def test_lost_connection_is_said_and_resumed(
    server: Running, writer: Writer, graphiql: GraphiQL
) -> None:
    sockets = CuttableSockets()
    await sockets.put_before(graphiql)
    await graphiql.open(server)
    await graphiql.choose("PolicyChanges")
    await graphiql.execute()
    await graphiql.shows('"status": "READY"')
    await sockets.cut()
    await graphiql.shows('"connection": "closed (1012 Service Restart), trying again"')
    sockets.release()
    await writer.insert("policy", {"id": "a", "name": "of the test"})
    await graphiql.shows('"cause": "CREATED"')
    assert ["since" in init for init in sockets.inits] == [False, True]


async def test_lost_connection_is_begun_again_where_the_last_event_has_no_cursor(
    server: Running, writer: Writer, graphiql: GraphiQL
) -> None:
    sockets = CuttableSockets()
    await sockets.put_before(graphiql)
    await graphiql.open(server)
    await graphiql.choose("PolicyChanges")
    await graphiql.replace_query(
        "subscription { policyChanges {"
        " ... on FeedState { status cursor } ... on PolicyAdded { policy { name } } } }"
    )
    await graphiql.execute()
    await graphiql.shows('"status": "READY"')
    await writer.insert("policy", {"id": "a", "name": "of the test"})
    await graphiql.shows('"received": 5')  # two statuses, two rows, and this one
    await sockets.cut()
    sockets.release()
    await graphiql.shows('"received": 10')  # two statuses and three rows
    assert ["since" in init for init in sockets.inits] == [False, False]


async def test_refused_socket_ends_it_and_says_what_it_needs(
    server: Running, graphiql: GraphiQL, browser_page: BrowserPage
) -> None:
    async def refuse(socket: WebSocketRoute) -> None:
        await socket.close(code=4403, reason="Forbidden")

    await graphiql.page.route_web_socket("**/graphql", refuse)
    await graphiql.open(server)
    await graphiql.choose("PolicyChanges")
    await graphiql.execute()
    await graphiql.shows("The server has closed the connection: 4403 Forbidden")
    await graphiql.shows('{\\"Authorization\\": \\"Bearer …\\"}')
    await graphiql.page.get_by_role("button", name="Execute query").wait_for()
    browser_page.assert_well()


async def test_error_of_a_subscription_stays_in_view_when_its_connection_is_closed(
    server: Running, graphiql: GraphiQL, browser_page: BrowserPage
) -> None:
    await graphiql.open(server)
    await graphiql.choose("JobResponses")
    async with graphiql.page.expect_websocket() as opened:
        await graphiql.execute()
    socket = await opened.value
    if not socket.is_closed():
        await socket.wait_for_event("close")
    await graphiql.shows('"code": "BAD_USER_INPUT"')
    assert not await graphiql.shows_now("trying again")
    browser_page.assert_well()


async def test_answer_that_is_no_json_is_shown_as_it_is(
    server: Running, graphiql: GraphiQL
) -> None:
    await graphiql.open(server)
    await graphiql.choose("Policies")
    await graphiql.page.route(
        "**/graphql", lambda route: route.fulfill(status=502, body="Bad Gateway")
    )
    await graphiql.execute()
    await graphiql.shows("HTTP 502: Bad Gateway")


async def test_no_graphiql_turns_all_of_it_off(starbelly: DatabaseURL) -> None:
    settings = settings_for(starbelly, graphiql=False)
    async with running(settings) as server, httpx.AsyncClient(trust_env=False) as http:
        page = await http.get(f"{server.http}/graphiql")
        asset = await http.get(f"{server.http}/graphiql/index.js")
    assert (page.status_code, asset.status_code) == (404, 404)


async def feeds_have_no_subscribers(server: Running) -> None:
    query = {"query": "{ feeds { subscribers } }"}
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            response = await http.post(f"{server.http}/graphql", json=query)
            if not any(feed["subscribers"] for feed in response.json()["data"]["feeds"]):
                return
