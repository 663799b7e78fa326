"""Every state that the page at /live can be in, brought about for real.

`python -m tests.browser.shots` takes a picture of each, and a test looks in each for what keeps
people out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql_api.auth.api_token import new_token
from graphql_api.auth.token_file import add_token
from graphql_api.embedded import EmbeddedServer
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.scopes import Scope
from graphql_api.tables import TABLES
from tests.browser.browser_page import BrowserPage
from tests.clients.tcp_proxy import TCPProxy
from tests.server.database import Writer, writing
from tests.server.running import Running, running, settings_for

if TYPE_CHECKING:
    from playwright.async_api import WebSocketRoute

Document = dict[str, Any]

DESKTOP = (1440, 900)
PHONE = (390, 844)
BATCH = 1_000
"""How many rows are written at a time."""
NAMES = ("Members' forum", "City council", "Weather reports", "Job offers", "Recipes", "Museums")
LONG = "A very long name that somebody has given to a crawl of the whole archive of the city " * 3


@dataclass(frozen=True)
class Stage:
    """What a state is made with: a page, a server behind a proxy, and a second writer.

    Attributes:
        database: Is closed to stop the database.
    """

    page: BrowserPage
    server: Running
    proxy: TCPProxy
    database: AsyncExitStack
    writer: Writer

    async def open(self, search: str = "") -> None:
        """Open the page, and wait until it has read its tables."""
        await self.page.page.goto(f"http://{self.proxy.host}:{self.proxy.port}/live{search}")

    async def open_live(self, search: str = "") -> None:
        """The same, and wait until all is live."""
        await self.open(search)
        await self.page.expect("#health-label").to_have_text("Live")

    async def some_changes(self) -> None:
        """Let other programs change a few rows, one after the other."""
        await self.writer.update("schedule", "schedule-0", {"job_count": 4})
        await self.writer.update("job", "job-0", {"item_count": 1_620})
        await self.writer.update("policy", "policy-1", {"limits": {"max_items": 800}})
        await self.writer.update("schedule", "schedule-2", {"enabled": False})
        await self.writer.delete("domain_login", "login-3.example")
        login = {"domain": "new.example", "login_url": "https://new.example/login"}
        await self.writer.insert("domain_login", login)
        await self.page.expect("#activity-list li").to_have_count(6)


@dataclass(frozen=True)
class State:
    """One state of the page.

    Attributes:
        name: Names its picture.
        make: Brings it about.
        rows: How many rows each table has; None, if there is no database.
        viewport: Width and height of the page, in pixels.
        is_dark: Whether the dark scheme is used.
        needs_token: Whether the server answers only those who have a token.
    """

    name: str
    make: Callable[[Stage], Awaitable[None]]
    rows: int | None = 10
    viewport: tuple[int, int] = DESKTOP
    is_dark: bool = False
    needs_token: bool = False


async def _loading(stage: Stage) -> None:
    def swallow(socket: WebSocketRoute) -> None:
        """Let the server's greeting through, and nothing that it sends of the tables."""
        behind = socket.connect_to_server()
        behind.on_message(lambda text: socket.send(text) if "connection_ack" in str(text) else None)

    await stage.page.page.route_web_socket("**/graphql", swallow)
    await stage.open()
    await stage.page.expect("#placeholder .title").to_have_text("Reading the jobs…")


async def _empty(stage: Stage) -> None:
    for name in ("policy", "rate_limit"):
        await stage.writer.run(stage.writer.table(name).delete())
    await stage.open_live()
    await stage.page.expect("#placeholder .title").to_have_text("There are no jobs yet")


async def _missing_database(stage: Stage) -> None:
    await stage.open()
    await stage.page.expect("#placeholder .why").to_contain_text("graphql-api init")


async def _stale(stage: Stage) -> None:
    await stage.open_live("?table=schedules")
    await stage.database.aclose()
    await stage.page.expect("#banner-text").to_contain_text("No connection to 127.0.0.1")


async def _disconnected(stage: Stage) -> None:
    await stage.open_live("?table=schedules")
    stage.proxy.hold()
    stage.proxy.cut_now()
    await stage.page.expect("#banner-text").to_contain_text("The connection was lost")


async def _token_needed(stage: Stage) -> None:
    await stage.open()
    await stage.page.expect("#token-text").to_contain_text("who have a token")


async def _rows(stage: Stage) -> None:
    await stage.open_live()
    await stage.some_changes()
    await stage.page.expect("#scroller tbody tr").not_to_have_count(0)


async def _schedules(stage: Stage) -> None:
    await stage.open_live("?table=schedules&where=enabled%3Dtrue&sort=-jobs")
    await stage.some_changes()


async def _many_rows(stage: Stage) -> None:
    await stage.open_live("?table=policies")
    await stage.page.expect("#matches").to_have_text("10,002 rows")
    await stage.writer.update("policy", "policy-5", {"limits": {"max_items": 77}})
    await stage.page.expect("#activity-list li").to_have_count(1)


async def _nothing_matches(stage: Stage) -> None:
    await stage.open_live("?table=policies&q=nothing+like+this")


async def _long_names(stage: Stage) -> None:
    await stage.open_live("?table=schedules")
    for number in range(4):
        patch = {"schedule_name": f"{number} {LONG}", "tags": [LONG] * 3}
        await stage.writer.update("schedule", f"schedule-{number}", patch)
        await stage.writer.update("policy", f"policy-{number}", {"name": LONG})
    await stage.page.expect("#activity-list li").to_have_count(8)


async def _drawer(stage: Stage) -> None:
    clock = stage.page.page.clock
    await clock.install()
    await stage.open_live("?table=jobs")
    await stage.some_changes()
    for number, count in enumerate((1_700, 1_790, 1_900, 2_050), start=7):
        await clock.fast_forward(1_000)  # the curve has a point for each second
        await stage.writer.update("job", "job-0", {"item_count": count})
        await stage.page.expect("#activity-list li").to_have_count(number)
    await stage.page.find("#scroller tbody tr", NAMES[0]).first.click()
    await stage.page.expect("#drawer-content").to_contain_text("startedAt")


async def _editing(stage: Stage) -> None:
    await stage.open_live("?table=policies&row=policy-1")
    await stage.page.find("#drawer button", "Edit limits").click()
    await stage.page.page.get_by_label("Most items").fill("-5")
    await stage.page.page.get_by_role("button", name="Save").click()
    await stage.page.expect("#drawer .problem:visible").to_have_count(1)


async def _conflict(stage: Stage) -> None:
    await stage.open_live("?table=policies&row=policy-1")
    await stage.page.find("#drawer button", "Edit limits").click()
    patch = {"limits": {"max_items": 500}, "updated_at": datetime.now(UTC)}
    await stage.writer.update("policy", "policy-1", patch)
    await stage.page.expect("#activity-list li").to_have_count(1)
    await stage.page.page.get_by_label("Most items").fill("900")
    await stage.page.page.get_by_role("button", name="Save").click()
    await stage.page.expect(".conflict").to_contain_text("Somebody else")


async def _unfit(stage: Stage) -> None:
    document = {"id": "odd", "name": "Odd", "limits": {"max_items": "many"}, "url_rules": 5}
    await stage.writer.insert("policy", document)
    await stage.open_live("?table=policies&row=odd")
    await stage.page.expect("#drawer-content").to_contain_text("What would stop the crawler")


async def _health(stage: Stage) -> None:
    await _rows(stage)
    await stage.page.find("#health").click()
    await stage.page.expect("#health-rows tr").to_have_count(len(TABLES))
    await stage.page.expect("#health-rows time").not_to_have_count(0)


async def _health_stale(stage: Stage) -> None:
    await _stale(stage)
    await stage.page.find("#health").click()
    await stage.page.expect("#health-why").to_contain_text("All tables: no connection")


async def _sheet(stage: Stage) -> None:
    await _rows(stage)
    await stage.page.find("#peek").click()


STATES: Sequence[State] = (
    State("loading", _loading),
    State("empty", _empty, rows=0),
    State("missing-database", _missing_database, rows=None),
    State("stale", _stale),
    State("disconnected", _disconnected),
    State("token-needed", _token_needed, needs_token=True),
    State("10-rows", _rows),
    State("filtered", _schedules),
    State("10000-rows", _many_rows, rows=10_000),
    State("nothing-matches", _nothing_matches),
    State("long-names", _long_names),
    State("drawer", _drawer),
    State("editing", _editing),
    State("conflict", _conflict),
    State("unfit", _unfit),
    State("health", _health),
    State("health-stale", _health_stale),
    State("dark", _rows, is_dark=True),
    State("dark-drawer", _drawer, is_dark=True),
    State("dark-stale", _health_stale, is_dark=True),
    State("phone", _rows, viewport=PHONE),
    State("phone-activity", _sheet, viewport=PHONE),
    State("phone-drawer", _drawer, viewport=PHONE),
    State("phone-health", _health, viewport=PHONE, is_dark=True),
    State("tablet", _rows, viewport=(820, 1180)),
)


@asynccontextmanager
async def staged(state: State, page: BrowserPage, folder: Path) -> AsyncIterator[Stage]:
    """The page in a state, until the context is left.

    Args:
        state: Which one.
        page: A new page.
        folder: An empty one, for the tokens.
    """
    width, height = state.viewport
    await page.page.set_viewport_size({"width": width, "height": height})
    await page.page.emulate_media(color_scheme="dark" if state.is_dark else "light")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(AsyncExitStack())
        embedded = await database.enter_async_context(EmbeddedServer(None))
        url = DatabaseURL(embedded.host, embedded.port, "starbelly")
        writer = await stack.enter_async_context(writing(url))
        if state.rows is not None:
            await initialise(url, TABLES)
            await _fill(writer, state.rows)
        settings: dict[str, Any] = {"reconnect_max_s": 0.5}
        if state.needs_token:
            settings["tokens"] = folder / "tokens.json"
            scopes = frozenset({Scope.READ})
            _, kept = new_token("reader", scopes, created=datetime.now(UTC), expires=None)
            add_token(settings["tokens"], kept)
        server = await stack.enter_async_context(running(settings_for(url, **settings)))
        proxy = await stack.enter_async_context(TCPProxy(server.host, server.port))
        stage = Stage(page, server, proxy, database, writer)
        await state.make(stage)
        yield stage


async def _fill(writer: Writer, count: int) -> None:
    """Give each table so many rows, most of them of the policies if they are very many."""
    for start in range(0, count, BATCH):
        numbers = range(start, min(count, start + BATCH))
        await writer.insert("policy", *map(_policy, numbers))
    numbers = range(min(count, BATCH))
    for table, document in (
        ("schedule", _schedule),
        ("job", _job),
        ("domain_login", _login),
        ("captcha_solver", _solver),
    ):
        if numbers:
            await writer.insert(table, *map(document, numbers))


def _name(number: int) -> str:
    return f"{NAMES[number % len(NAMES)]}{f' {number}' if number >= len(NAMES) else ''}"


def _ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def _policy(number: int) -> Document:
    return {
        "id": f"policy-{number}",
        "name": _name(number),
        "created_at": _ago(days=40 + number),
        "updated_at": _ago(hours=number + 1),
        "authentication": {"enabled": number % 3 == 0},
        "limits": {
            "max_items": 100 * (number + 5),
            "max_duration": 3_600 * (number % 30 + 1),
            "max_cost": 10,
        },
        "robots_txt": {"usage": "OBEY" if number % 2 else "IGNORE"},
        "url_rules": [{"action": "ADD", "amount": 1}],
        "mime_type_rules": [{"save": True}],
        "proxy_rules": [{}],
        "url_normalization": {"enabled": True, "strip_parameters": ["sid"]},
        "user_agents": [{"name": "Starbelly/{VERSION}"}],
    }


def _schedule(number: int) -> Document:
    return {
        "id": f"schedule-{number}",
        "schedule_name": _name(number),
        "created_at": _ago(days=30),
        "updated_at": _ago(minutes=7 * number + 3),
        "enabled": number % 4 != 3,
        "time_unit": ("HOURS", "DAYS", "WEEKS")[number % 3],
        "num_units": number % 5 + 1,
        "timing": "AFTER_PREVIOUS_JOB_FINISHED" if number % 2 else "REGULAR_INTERVAL",
        "job_name": "{COUNT}",
        "job_count": number * 3 + 3,
        "seeds": ["https://example.org/"],
        "tags": ["news", "city"][: number % 3],
        "policy_id": f"policy-{number}",
    }


def _job(number: int) -> Document:
    state = ("running", "completed", "paused", "pending", "cancelled", "completed")[number % 6]
    items = 0 if state == "pending" else 1_500 + 731 * number
    is_over = state in {"completed", "cancelled"}
    duration_s = 600.0 + number * 13
    started = _ago(minutes=10 + 37 * number)
    return {
        "id": f"job-{number}",
        "name": f"{_name(number)} #{number + 1}",
        "run_state": state,
        "seeds": ["https://example.org/"],
        "tags": ["news"],
        "started_at": started,
        "completed_at": started + timedelta(seconds=duration_s) if is_over else None,
        "duration": duration_s if is_over else None,
        "item_count": items,
        "http_success_count": items * 9 // 10,
        "http_error_count": items // 12,
        "exception_count": number if items else 0,
        "http_status_counts": {
            "200": items * 9 // 10,
            "301": items // 60,
            "404": items // 15,
            "500": items // 60,
        }
        if items
        else {},
        "schedule_id": f"schedule-{number}",
        "policy": _policy(number) | {"limits": {"max_items": 5_000}},
    }


def _login(number: int) -> Document:
    domain = f"login-{number}.example"
    return {
        "domain": domain,
        "login_url": f"https://{domain}/login",
        "login_test": None,
        "users": [
            {"username": "ann", "password": "x", "working": True},
            {"username": "bob", "password": "x", "working": number % 3 != 0},
            {"username": "eve", "password": None, "working": None},
        ][: number % 3 + 1],
    }


def _solver(number: int) -> Document:
    return {
        "id": f"solver-{number}",
        "name": f"Solver {number}",
        "created_at": _ago(days=30),
        "updated_at": _ago(days=number),
        "service_url": "https://captcha.example/api",
        "api_key": "x",
        "characters": "alphanumeric",
    }
