"""Metrics for Prometheus, gathered from the parts of the server when it asks, at no cost before.

Every name begins with `graphql_api_`. No label holds what a client or a document says, so that
neither can make more of them, nor be read from them. The figures of a table are given to clients
that may read it; those of the server as a whole name no table.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.limits.traffic import Histogram
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.protocols.graphql_transport_ws import CloseCode
from graphql_api.protocols.http import GraphQLHTTP
from graphql_api.protocols.starbelly.connection import Streams
from graphql_api.protocols.websocket import WebSockets
from graphql_api.rethink.nodes import Nodes

_TABLE = ("table",)
_NODE = ("node",)

_FIRST_PRIVATE_CODE = 3000
"""From here on anybody may close a socket with any code (RFC 6455, 7.4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSources:
    """The objects from which the figures of a server are read.

    Attributes:
        feeds: The server's, or those of them that a client may read.
        nodes: Those of the database; None for a client that may not know them.
        logs: The insert-only tables that are followed.
        broadcaster: The server's.
        websockets: The server's, by protocol.
        http: The server's GraphQL over HTTP, with its event streams.
        starbelly: What is offered by Starbelly's protocol.
    """

    feeds: Collection[Feed[Any, Any]]
    nodes: Nodes | None
    logs: LogFeeds
    broadcaster: Broadcaster
    websockets: Sequence[WebSockets]
    http: GraphQLHTTP
    starbelly: Streams


def registry(sources: MetricSources) -> CollectorRegistry:
    """The figures of one server and of its process."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_FeedMetrics(sources.feeds, sources.starbelly))
    made.register(_LogMetrics(sources.logs))
    if sources.nodes is not None:
        made.register(_NodeMetrics(sources.nodes))
    made.register(_TransportMetrics(sources.broadcaster, sources.websockets, sources.http))
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made


class _FeedMetrics(Collector):
    def __init__(self, feeds: Collection[Feed[Any, Any]], starbelly: Streams) -> None:
        self._feeds = feeds
        self._starbelly = starbelly

    def collect(self) -> Iterator[Metric]:
        feeds = self._feeds
        status = GaugeMetricFamily(
            "graphql_api_feed_status",
            "1 for the status that the table's feed has, 0 for the others.",
            labels=(*_TABLE, "status"),
        )
        for feed in feeds:
            for value in FeedStatus:
                is_so = feed.status is value
                status.add_metric((feed.table.name, value.name.lower()), float(is_so))
        yield status
        unsayable = GaugeMetricFamily(
            "graphql_api_starbelly_unsayable_documents",
            "How many of the table's documents Starbelly's clients are not sent: their keys are no "
            "UUIDs.",
            labels=_TABLE,
        )
        names = {feed.table.name for feed in feeds}
        for listed in self._starbelly.lists.values():
            if listed.table.name in names:
                unsayable.add_metric((listed.table.name,), len(listed.unsayable))
        yield unsayable
        for kind, figures in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
            for name, (text, read) in figures.items():
                made = kind(f"graphql_api_feed_{name}", text, labels=_TABLE)
                for feed in feeds:
                    made.add_metric((feed.table.name,), read(feed))
                yield made


_Figures: TypeAlias = Mapping[str, tuple[str, Callable[[Feed[Any, Any]], float]]]
"""Figures of a feed by their names: what each says, and how it is read."""

_GAUGES: _Figures = {
    "stale_seconds": (
        "How long the table's rows may have been old; 0 while they are not.",
        lambda feed: feed.stale_s,
    ),
    "documents": (
        "How many of the table's documents are served.",
        lambda feed: feed.documents,
    ),
    "unread_documents": (
        (
            "How many of the table's documents are not served, or only in part: they cannot be "
            "read, and the log names them."
        ),
        lambda feed: feed.decoder.unread,
    ),
    "subscriptions": (
        "How many subscriptions to the table's changes are open.",
        lambda feed: feed.subscribers,
    ),
    "history_changes": (
        "How many of the table's changes can be resumed from.",
        lambda feed: len(feed.cache.history),
    ),
    "history_bytes": (
        "How much memory they take, about.",
        lambda feed: feed.cache.history.size_bytes,
    ),
}
_COUNTERS: _Figures = {
    "changes": ("Changes of the table that were seen.", lambda feed: feed.position),
    "merged_changes": (
        "How often a change was merged with others for one subscriber who was behind.",
        lambda feed: feed.cache.merged_changes,
    ),
    "outages": (
        "How often the feed was lost after it had been ready.",
        lambda feed: feed.outages,
    ),
    "repaired_documents": (
        "Documents that differed after an outage, and were put right.",
        lambda feed: feed.reflector.repaired_documents,
    ),
    "self_checks": (
        "How often the feed was compared with its table.",
        lambda feed: feed.consistency_check.checks,
    ),
    "self_check_differences": (
        "Documents that were found to differ then: anything but 0 is a bug.",
        lambda feed: feed.consistency_check.differences,
    ),
}


class _NodeMetrics(Collector):
    """The nodes of the database, which the operator names in its URL, and whether each is used."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def collect(self) -> Iterator[Metric]:
        connections = GaugeMetricFamily(
            "graphql_api_database_connections",
            "Connections that are open to each node of the database.",
            labels=_NODE,
        )
        failures = CounterMetricFamily(
            "graphql_api_database_failures",
            "How often each node could not be reached, was lost, or could not serve a table.",
            labels=_NODE,
        )
        for node, number in sorted(self._nodes.failures.items()):
            connections.add_metric((node,), self._nodes.connections.get(node, 0))
            failures.add_metric((node,), number)
        yield connections
        yield failures


class _LogMetrics(Collector):
    """The insert-only tables, all together: a figure for each job would be one too many."""

    def __init__(self, logs: LogFeeds) -> None:
        self._logs = logs

    def collect(self) -> Iterator[Metric]:
        logs = self._logs
        gauges = {
            "logs": ("Jobs whose responses are followed; each has a changefeed.", logs.partitions),
            "log_subscriptions": ("Subscriptions that follow them.", logs.followers),
            "log_row_bytes": ("How much memory their rows take, about.", logs.row_bytes),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"graphql_api_{name}", text, value=value)
        yield CounterMetricFamily(
            "graphql_api_log_rows_sent",
            "Rows that these subscriptions were given.",
            value=logs.rows_sent,
        )


class _TransportMetrics(Collector):
    def __init__(
        self, broadcaster: Broadcaster, websockets: Sequence[WebSockets], http: GraphQLHTTP
    ) -> None:
        self._broadcaster = broadcaster
        self._websockets = websockets
        self._http = http

    def collect(self) -> Iterator[Metric]:
        websockets, broadcaster = self._websockets, self._broadcaster
        sockets = sum(websocket.connections for websocket in websockets)
        operations = sum(websocket.operations for websocket in websockets)
        traffic = broadcaster.traffic
        gauges = {
            "sockets": ("WebSockets that are open.", sockets),
            "operations": ("Operations that are being served by them.", operations),
            "event_streams": (
                "Event streams (SSE) and multipart responses that are open.",
                len(self._http.streams),
            ),
            "stream_reservations": (
                "Event streams that are reserved, and not open yet.",
                self._http.single_connections.reservations,
            ),
            "groups": ("Groups of equal subscriptions, which share results.", broadcaster.groups),
            "remembered_results": (
                "Results that are kept for those who share.",
                broadcaster.results,
            ),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"graphql_api_{name}", text, value=value)
        counters = {
            "messages_received": ("WebSocket messages from clients.", traffic.messages_received),
            "refused_connections": (
                "Connections and requests that were refused, since there were too many.",
                traffic.refused,
            ),
            "messages_sent": ("WebSocket messages and SSE events to them.", traffic.messages_sent),
            "sent_bytes": ("Their payloads before compression, in bytes.", traffic.bytes_sent),
            "written_bytes": (
                "Bytes written to WebSockets and event streams: compressed, with frames and pings.",
                traffic.bytes_written,
            ),
            "executions": ("Events that were executed, or encoded.", traffic.executions),
            "execution_seconds": ("How long that took.", traffic.execution_s),
            "encoding_seconds": ("How long making JSON of it took.", traffic.encoding_s),
            "shared_results": (
                "Results that were there already, for another subscriber.",
                traffic.shared_results,
            ),
        }
        for name, (text, number) in counters.items():
            yield CounterMetricFamily(f"graphql_api_{name}", text, value=number)
        yield _by_code(
            "closes", "WebSockets that have ended, by their code.", _known(traffic.closes)
        )
        yield _by_code(
            "responses",
            "Answers to GraphQL over HTTP, by their status.",
            {str(status): number for status, number in traffic.responses.items()},
        )
        yield _histogram(
            "lag_seconds",
            "How long after a change had come from the database it was written to every socket "
            "that was ready for it, except subscriptions in the queue of long work.",
            traffic.lag,
        )


def _by_code(name: str, text: str, numbers: Mapping[str, int]) -> Metric:
    made = CounterMetricFamily(f"graphql_api_{name}", text, labels=("code",))
    for code, number in sorted(numbers.items()):
        made.add_metric((code,), number)
    return made


def _known(closes: Mapping[int, int]) -> Counter[str]:
    """How often sockets ended with which code; codes that clients make up are `other`."""
    known: Counter[str] = Counter()
    for code, number in closes.items():
        is_known = code < _FIRST_PRIVATE_CODE or code in {*CloseCode}
        known[str(code) if is_known else "other"] += number
    return known


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*histogram.bounds, "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((str(bound), total))
    return HistogramMetricFamily(
        f"graphql_api_{name}", text, buckets=buckets, sum_value=histogram.sum
    )
