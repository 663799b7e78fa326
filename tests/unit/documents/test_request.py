from __future__ import annotations

from typing import Any

from graphql_api.documents.request import Request
from tests.for_each import for_each

QUERY = "{ __typename }"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def of(**extensions: Any) -> Request:
    return Request.of({"query": QUERY, "extensions": extensions})


def test_trace_of_a_client_makes_its_request_no_other_one() -> None:
    """Equal subscriptions share their results, whatever traces their clients are in."""
    traced = of(traceparent=TRACE, tracestate="a=1", baggage="b=2", other=3)
    assert traced.traceparent == TRACE
    assert traced.extensions == of(other=3).extensions == {"other": 3}


@for_each("value", [None, 1, ["x"], {}])
def test_trace_that_is_no_text_is_ignored(value: object) -> None:
    assert of(traceparent=value) == of()


def test_extension_names_the_trace_rather_than_the_header() -> None:
    assert of(traceparent=TRACE).traced_by("header").traceparent == TRACE
    assert of().traced_by("header").traceparent == "header"
    assert of().traced_by(None) == of()
