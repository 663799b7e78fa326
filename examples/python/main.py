"""Prints the policies whose name contains "crawl", and each change of them."""

import asyncio
import os

from graphql_api.client import LiveTable

URL = os.environ.get("GRAPHQL_API", "http://127.0.0.1:8000")


async def main() -> None:
    """Follow the table until interrupted."""
    async with LiveTable(URL, "policies", where={"nameContains": "crawl"}) as policies:
        for policy in policies.rows.values():
            print(policy["name"], flush=True)
        async for change in policies:
            print(change.kind, change.row["name"], flush=True)


if __name__ == "__main__":
    asyncio.run(main())
