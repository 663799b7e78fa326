"""How fast the page at /live paints thousands of rows: `python -m tests.browser.paint [ROWS]`.

It prints when the first rows are there and when all are, since the page was asked for, and the
tasks that keep the page from answering for more than 50 ms (https://w3c.github.io/longtasks/):
while it reads the rows, and while they are scrolled from the first to the last and back.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import needs
from tests.browser.browser_page import browser_page_in, chromium_running
from tests.browser.live_states import Stage, State, staged

SCROLLS = 200
"""In how many steps, one a frame, the rows are scrolled through, each way."""

OBSERVE = """
    window.measured = { long: [] };
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) measured.long.push(duration);
    }).observe({ type: 'longtask', buffered: true });
    const painted = (name, fits) => new MutationObserver((_, observer) => {
        if (!fits()) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => { measured[name] = performance.now(); }));
    }).observe(document, { childList: true, subtree: true });
    painted('first', () => document.querySelector('#scroller tbody tr'));
    painted('all', () => document.getElementById('health-label')?.textContent === 'Live');
"""
"""What runs in the page before its own modules. A frame is painted when the task after it runs."""

READ = """async () => {
    while (!measured.all) await new Promise((resolve) => setTimeout(resolve, 10));
    const { first, all, long } = measured;
    const paint = performance.getEntriesByName('first-contentful-paint')[0].startTime;
    measured.long = [];
    return { paint, first, all, long };
}"""

SCROLL = """async (steps) => {
    const scroller = document.getElementById('scroller');
    const most = scroller.scrollHeight - scroller.clientHeight;
    let last = performance.now();
    let frame = 0;
    for (let step = 1; step <= 2 * steps; step++) {
        scroller.scrollTop = most * (step <= steps ? step : 2 * steps - step) / steps;
        await new Promise((resolve) => requestAnimationFrame(resolve));
        frame = Math.max(frame, performance.now() - last);
        last = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve)); // until the observer has had its turn
    return { frame, long: measured.long };
}"""


async def measure(chromium: str, rows: int) -> None:
    """Open the page on so many rows, scroll through them, and print what was measured."""

    async def open_page(stage: Stage) -> None:
        await stage.page.page.add_init_script(OBSERVE)
        await stage.open_live("?table=policies")

    with tempfile.TemporaryDirectory() as directory:
        async with (
            browser_page_in(chromium) as page,
            staged(State("measured", open_page, rows=rows), page, Path(directory)),
        ):
            read: Mapping[str, Any] = await page.page.evaluate(READ)
            scrolled: Mapping[str, Any] = await page.page.evaluate(SCROLL, SCROLLS)
            drawn = await page.find("#scroller tbody tr").count()
    sys.stdout.write(
        f"{rows} rows\n"
        f"  first paint          {read['paint']:7.0f} ms\n"
        f"  first rows           {read['first']:7.0f} ms\n"
        f"  all rows             {read['all']:7.0f} ms, {_tasks(read['long'])}\n"
        f"  {2 * SCROLLS} steps of scrolling  longest frame {scrolled['frame']:.0f} ms, "
        f"{_tasks(scrolled['long'])}; {drawn} rows have elements\n"
    )


def _tasks(durations: list[float]) -> str:
    if not durations:
        return "no task above 50 ms"
    return f"{len(durations)} tasks above 50 ms, the longest {max(durations):.0f} ms"


async def main() -> None:
    """Measure with the numbers of rows that are asked for."""
    parser = argparse.ArgumentParser(description="Measure how fast the page at /live paints rows.")
    parser.add_argument("rows", nargs="*", type=int, default=[10, 1_000, 10_000], metavar="ROWS")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        chromium_running(needs.program("chromium"), Path(directory)) as chromium,
    ):
        for rows in arguments.rows:
            await measure(chromium, rows)


if __name__ == "__main__":
    asyncio.run(main())
