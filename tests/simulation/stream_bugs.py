"""The bugs that are planted in subscriptions over HTTP."""

from __future__ import annotations

from typing import Any

from tests.simulation.planting import Bug, Function


def _completes_what_it_cuts_off(_: Function) -> Function:
    def cut_off(self: Any, why: Any) -> None:
        if not self.is_over:
            self.sink.write_text(self.format.complete)
            self.end()

    return cut_off


def _stops_nothing(_: Function) -> Function:
    def stop(self: Any, id_: str) -> None:
        pass

    return stop


STREAM_BUGS = (
    Bug(
        "a multipart response is completed when its server stops",
        "multipart: clients come again",
        "graphql_api.protocols.stream_response:StreamResponse.cut_off",
        _completes_what_it_cuts_off,
    ),
    Bug(
        "DELETE does not stop an operation of an event stream",
        "single connection: cancelling frees everything",
        "graphql_api.protocols.single_connection:SingleConnection.stop",
        _stops_nothing,
    ),
)
