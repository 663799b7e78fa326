"""An embedded database as a program: it prints its port, and serves until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from graphql_api.embedded import EmbeddedServer


async def serve(file: Path) -> None:
    """Serve what a file holds."""
    async with EmbeddedServer(file) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
