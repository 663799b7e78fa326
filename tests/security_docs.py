"""The limits in `SECURITY.md`, made of the code: `python -m tests.security_docs`."""

from __future__ import annotations

import re
from pathlib import Path

from graphql_api.documents.json_input import MAX_LEVELS, MAX_PARTS, MAX_SLOW_PARTS
from graphql_api.documents.value_count import LITERAL_VALUES, OBJECT_VALUES
from graphql_api.log_feeds.surroundings import LogSettings
from graphql_api.protocols.messages import MAX_ID_CHARS, MAX_OTHER_PARTS
from graphql_api.protocols.single_connection import (
    MAX_RESERVATIONS,
    MAX_RESERVATIONS_PER_CLIENT,
    RESERVED_S,
)
from graphql_api.schema.older import ROW_S
from graphql_api.schema.problems import MAX_PROBLEMS
from graphql_api.server.frames import MAX_DRAINED_BYTES
from graphql_api.server.http_refusals import MAX_HEAD_BYTES
from graphql_api.server.incoming_message import MAX_BYTES_BEFORE_ACK
from graphql_api.settings import Settings, flag

FILE = Path(__file__).parents[1] / "SECURITY.md"

LIMITS = {
    "connection_init_timeout_s": "seconds until a new WebSocket has said who it is",
    "request_timeout_s": "seconds until a request, or a TLS handshake, is complete",
    "send_timeout_s": "seconds for which a client may read nothing",
    "max_connections": "connections",
    "max_connections_per_address": "connections and requests of one address",
    "max_operations_per_s": "operations a second of one connection, in the long run",
    "max_cpu_per_connection": "processors for one connection, in the long run",
    "max_cpu_per_address": "processors for all connections of one address",
    "cpu_burst_s": "seconds of a processor after a pause",
    "max_cpu_wait_s": "seconds that an operation waits for the processor",
    "max_subscriptions": "subscriptions of one connection at a time",
    "max_queries": "queries and mutations of one connection at a time",
    "max_message_bytes": "bytes of a WebSocket message",
    "max_body_bytes": "bytes of an HTTP body",
    "max_document_tokens": "tokens of a document",
    "max_document_levels": "levels of a document",
    "max_document_aliases": "aliases of a document",
    "max_document_comparisons": "comparisons that its validation takes",
    "max_operation_fields": "fields that an operation resolves",
    "max_operation_values": "values in an operation's arguments",
    "max_page_rows": "rows of a page",
    "history_max_changes": "changes of a table that can be resumed from",
    "history_max_bytes": "bytes that these changes take",
}
"""What each limit counts, by its setting."""

_LOGS = LogSettings()
_KB_BEFORE_ACK = MAX_BYTES_BEFORE_ACK // 1024

FIXED = f"""\
Some limits have no setting:

- The head of an HTTP request has at most {MAX_HEAD_BYTES // 1024} KB. Of a body that is refused,
  {MAX_DRAINED_BYTES // 1024**2} MB are read and dropped at most.
- Before a client is acknowledged, its WebSocket messages have at most {_KB_BEFORE_ACK} KB, and
  {MAX_OTHER_PARTS:_} parts as JSON. So have all later messages that ask for no operation.
- JSON is at most {MAX_LEVELS} levels deep, and has {MAX_PARTS:_} parts at most: commas, and three
  for each object or list. JSON that only Python's own reader takes has {MAX_SLOW_PARTS:_} at most.
- In the arguments of an operation, an object counts as {OBJECT_VALUES} values, and what stands in
  the document itself as {LITERAL_VALUES}.
- At most {MAX_PROBLEMS} problems of an input are listed.
- An older job or a response that the database looks at for a page counts as {ROW_S * 1e6:g}
  microseconds of a processor.
- {_LOGS.max_partitions} jobs' responses are followed at a time,
  {_LOGS.max_partitions_per_client} of them at most for clients of one address.
- {MAX_RESERVATIONS} reservations of event streams may wait at a time,
  {MAX_RESERVATIONS_PER_CLIENT} of them at most for clients of one address, for
  {RESERVED_S:.0f} seconds each. The id of an operation has {MAX_ID_CHARS} characters at most.
- Introspection has limits of its own, which the queries of the usual tools respect.
""".replace("_", " ")
"""The limits that no setting changes."""

_ROWS = re.compile(r"(?<=\| limit \| default \| setting \|\n\|---\|---\|---\|\n)(?:\|.*\n)*")

_FIXED = re.compile(r"Some limits have no setting[.:](?:.*\n)*?(?=\n\[`docs/settings.md`\])")


def rows() -> str:
    """The rows of the table."""
    return "".join(
        f"| {text} | {_default(name)} | `{flag(name)}` |\n" for name, text in LIMITS.items()
    )


def written() -> str:
    """The rows as they stand in the file."""
    found = _ROWS.search(FILE.read_text(encoding="utf-8"))
    assert found is not None, "the file has the table"
    return found[0]


def written_fixed() -> str:
    """The limits without a setting, as they stand in the file."""
    found = _FIXED.search(FILE.read_text(encoding="utf-8"))
    assert found is not None, "the file has them"
    return found[0]


def _default(name: str) -> str:
    return f"{Settings.model_fields[name].default:g}" if _is_small(name) else _grouped(name)


def _is_small(name: str) -> bool:
    return bool(Settings.model_fields[name].default < 1000)


def _grouped(name: str) -> str:
    return f"{Settings.model_fields[name].default:,}".replace(",", " ")


if __name__ == "__main__":
    text = _FIXED.sub(lambda _: FIXED, FILE.read_text(encoding="utf-8"))
    FILE.write_text(_ROWS.sub(rows(), text), encoding="utf-8")
