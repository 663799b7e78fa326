"""How fast the page at /live paints thousands of rows: `python -m tests.browser.paint [ROWS]`.

It prints when the first rows are there and when all are, since the page was asked for of a server
that has read its tables, and the tasks that keep the page from answering for more than 50 ms
(https://w3c.github.io/longtasks/): while it reads the rows, while they are scrolled from the first
to the last and back, and while they are scrolled as fast as by a wheel.
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
from tests.server.running import until_ready

STEPS = 200
"""How many steps of scrolling there are each way, one a frame."""
WHEEL_PX = 300
"""How long a step of a fast wheel is. The steps through all rows are as long as they have to be."""

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
    while (!measured.first || !measured.all) {
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { first, all, long } = measured;
    const paint = performance.getEntriesByName('first-contentful-paint')[0].startTime;
    return { paint, first, all, long };
}"""

SCROLL = """async ([steps, length]) => {
    const scroller = document.getElementById('scroller');
    const most = scroller.scrollHeight - scroller.clientHeight;
    length = Math.min(length ?? Infinity, most / steps);
    let last = performance.now();
    let frame = 0;
    measured.long = [];
    for (let step = 1; step <= 2 * steps; step++) {
        scroller.scrollTop = length * (step <= steps ? step : 2 * steps - step);
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
        await until_ready(stage.server)
        await stage.page.page.add_init_script(OBSERVE)
        await stage.open_live("?table=policies")

    with tempfile.TemporaryDirectory() as directory:
        async with (
            browser_page_in(chromium) as page,
            staged(State("measured", open_page, rows=rows), page, Path(directory)),
        ):
            read: Mapping[str, Any] = await page.page.evaluate(READ)
            scrolled = {
                name: await page.page.evaluate(SCROLL, [STEPS, length])
                for name, length in (("through all", None), ("by a wheel", WHEEL_PX))
            }
            drawn = await page.find("#scroller tbody tr").count()
    sys.stdout.write(
        f"{rows} rows\n"
        f"  first paint          {read['paint']:7.0f} ms\n"
        f"  first rows           {read['first']:7.0f} ms\n"
        f"  all rows             {read['all']:7.0f} ms, {_tasks(read['long'])}\n"
        f"  {drawn} rows have elements\n"
    )
    for name, found in scrolled.items():
        sys.stdout.write(
            f"  {2 * STEPS} steps of scrolling {name}: longest frame {found['frame']:.0f} ms, "
            f"{_tasks(found['long'])}\n"
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
