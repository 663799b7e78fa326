"""Messages are compressed only where a setting asks for it, though every browser offers to."""

from __future__ import annotations

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.server.client import connected
from tests.server.operations import POLICIES
from tests.server.running import running, settings_for


@pytest.mark.parametrize("compress", [False, True])
async def test_messages_are_compressed_only_if_a_setting_says_so(
    compress: bool, starbelly: DatabaseURL
) -> None:
    settings = settings_for(starbelly, compress_messages=compress)
    async with running(settings) as server, connected(server.ws) as client:
        assert client.socket.response is not None
        extensions = client.socket.response.headers.get("Sec-WebSocket-Extensions", "")
        assert ("permessage-deflate" in extensions) == compress
        changes = await (await client.subscribe(POLICIES.subscription)).until_status("READY")
        assert len(changes) == 4
