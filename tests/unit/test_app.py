"""The application is put together as the settings say."""

from __future__ import annotations

from graphql_api.app import create_app
from graphql_api.settings import Settings, load


def test_time_limit_of_stalled_clients_counts_on_every_server() -> None:
    flags = {"database": "rethinkdb://127.0.0.1/starbelly", "send_timeout_s": "1.5"}
    app = create_app(load(Settings, flags))
    assert app._websocket.limits.send_timeout_s == 1.5
    assert app._http.streams.limits.send_timeout_s == 1.5
