"""Pictures of the page at /live in each of its states: `python -m tests.browser.shots [NAME …]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests import needs
from tests.browser.browser_page import browser_page_in, chromium_running
from tests.browser.live_states import STATES, State, staged


async def take(chromium: str, state: State, folder: Path) -> None:
    """Take the picture of one state."""
    with tempfile.TemporaryDirectory() as directory:
        async with (
            browser_page_in(chromium) as page,
            staged(state, page, Path(directory)),
        ):
            await page.page.screenshot(path=folder / f"{state.name}.png", animations="disabled")
            for problem in page.problems:
                sys.stdout.write(f"{state.name}: {problem}\n")


async def main() -> None:
    """Take the pictures that are asked for."""
    parser = argparse.ArgumentParser(description="Take pictures of the page at /live.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a state; all, if absent")
    parser.add_argument("--folder", type=Path, default=Path("shots"), help="where they are put")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        chromium_running(needs.program("chromium"), Path(directory)) as chromium,
    ):
        for state in STATES:
            if not arguments.names or state.name in arguments.names:
                await take(chromium, state, arguments.folder)
                sys.stdout.write(f"{arguments.folder / state.name}.png\n")


if __name__ == "__main__":
    asyncio.run(main())
