"""Traces of operations, database calls and changes, by OpenTelemetry: see docs/tracing.md.

```
 environment ──▶ collector ──▶ Tracing ──▶ TracedRunner    a span for each operation
                    │             ├──────▶ Spans.query     a span for each database call of one
                  None            └──────▶ ChangeTraces    a span for some changes, and for some of
                    │                                      their deliveries
         nothing of this is imported
```

Only this package imports OpenTelemetry, and only `start` imports the modules that do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphql_api.errors import ConfigurationError
from graphql_api.tracing.collector import collector_of

if TYPE_CHECKING:
    from graphql_api.tracing.tracing import Tracing

log = logging.getLogger(__name__)


def start(environ: Mapping[str, str]) -> Tracing | None:
    """Begin to send traces, if OpenTelemetry's variables say so; None, if not.

    Whatever is wrong with them is a warning in the log: a server does not end for want of traces.

    Args:
        environ: The environment. OpenTelemetry itself reads that of the process.
    """
    try:
        collector = collector_of(environ)
        if collector is None:
            return None
        from graphql_api.tracing.tracing import Tracing

        return Tracing(collector)
    except ConfigurationError as error:
        log.warning("no traces are sent: %s", error)
    except Exception as error:  # noqa: BLE001 - of OpenTelemetry; its text may hold a header
        names = ", ".join(sorted(name for name in environ if name.startswith("OTEL_")))
        log.warning("no traces are sent: %s; look at %s", type(error).__name__, names)
    return None
