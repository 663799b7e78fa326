"""Address to which traces are sent, by OpenTelemetry's own environment variables.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final
from urllib.parse import urlsplit

from graphql_api.errors import ConfigurationError

PACKAGE: Final = "opentelemetry-exporter-otlp-proto-http"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTERS: Final = "OTEL_TRACES_EXPORTER"
_PROTOCOL: Final = "http/protobuf"
_DEFAULT: Final = "http://localhost:4318"


def collector_of(environ: Mapping[str, str]) -> str | None:
    """The scheme, host and port of the collector; None, if no traces are wanted.

    They are wanted if an endpoint is named, or `otlp` as the exporter. A path, a query and a
    user's name may hold a key, so they are left out.

    Raises:
        ConfigurationError: Traces are wanted, and cannot be sent.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    exporter = environ.get(_EXPORTERS, "").strip().lower()
    if exporter == "none":
        return None
    named = next((name for name in _ENDPOINTS if environ.get(name)), None)
    if named is None and not exporter:
        return None
    if exporter not in {"", "otlp"}:
        raise ConfigurationError(f"{_EXPORTERS} can be otlp or none here")
    for name in _PROTOCOLS:
        protocol = environ.get(name, "").strip().lower()
        if protocol and protocol != _PROTOCOL:
            raise ConfigurationError(f"{name} can only be {_PROTOCOL} here")
        if protocol:
            break
    shown = _shown(named, _DEFAULT if named is None else environ[named])
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        raise ConfigurationError(
            f"{named or _EXPORTERS} is set, and OpenTelemetry is not installed; "
            f"pip install '{PACKAGE}' does it"
        ) from None
    return shown


def _shown(name: str | None, url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in {"http", "https"}:
        raise ConfigurationError(f"{name} is no URL of http or https, such as {_DEFAULT}")
    address = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{address}" + ("" if port is None else f":{port}")
