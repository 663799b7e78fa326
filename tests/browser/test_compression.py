"""Chromium reads what is compressed once for all clients."""

from __future__ import annotations

import json

from tests.browser.browser_page import BrowserPage
from tests.clients.program import PACKAGE
from tests.server.operations import POLICIES
from tests.server.running import Running

READ, _, _ = (
    (PACKAGE / "programs/read.js").read_text().replace("export ", "").partition("if (globalThis")
)


async def test_browser_reads_what_is_compressed_for_all_clients(
    browser_page: BrowserPage, server: Running
) -> None:
    page = browser_page.page
    await page.goto(f"{server.http}/healthz")
    options = {"url": server.ws, "query": POLICIES.subscription, "until": "READY"}
    script = f"list => {{ {READ}; return Promise.all(list.map(read)) }}"
    answers = await page.evaluate(script, [options | {"id": id_} for id_ in ("a", "ä" * 500)])
    for answer in answers:
        assert "permessage-deflate" in answer["extensions"]
        results = [json.loads(text) for text in answer["texts"]]
        payloads = [result["payload"] for result in results if result["type"] == "next"]
        assert len(payloads) == 4
        assert payloads == [
            json.loads(text)["payload"] for text in answers[0]["texts"] if '"next"' in text
        ]
