from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from graphql_api.errors import ConfigurationError
from graphql_api.tracing import collector, start
from graphql_api.tracing.collector import PACKAGE, collector_of
from tests.for_each import for_each

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
URL = "http://otel.example:4318"


@for_each(
    ("environ", "shown"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "live", "OTEL_TRACES_SAMPLER": "always_on"}, None),
        ({ENDPOINT: ""}, None),
        ({ENDPOINT: URL}, URL),
        ({ENDPOINT: URL, "OTEL_SDK_DISABLED": "True"}, None),
        ({ENDPOINT: URL, "OTEL_SDK_DISABLED": "false"}, URL),
        ({ENDPOINT: URL, "OTEL_TRACES_EXPORTER": "none"}, None),
        ({ENDPOINT: URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, URL),
        ({ENDPOINT: URL, TRACES: "https://other.example/v1/traces"}, "https://other.example"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318"),
        ({ENDPOINT: "http://me:s3cret@[::1]:4318/s3cret?key=s3cret"}, "http://[::1]:4318"),
    ],
)
def test_traces_are_sent_if_an_endpoint_is_named(
    environ: dict[str, str], shown: str | None
) -> None:
    assert collector_of(environ) == shown


@for_each(
    ("environ", "text"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER can be otlp or none here"),
        (
            {ENDPOINT: URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL can only be http/protobuf here",
        ),
        *(
            ({ENDPOINT: url}, f"{ENDPOINT} is no URL of http or https")
            for url in (
                "s3cret",
                "grpc://s3cret:4317",
                "http://",
                "http://s3cret:port",
                "http://[s",
            )
        ),
    ],
)
def test_variable_that_cannot_be_followed_is_named_without_its_value(
    environ: dict[str, str], text: str
) -> None:
    with pytest.raises(ConfigurationError, match=text) as raised:
        collector_of(environ)
    assert "s3cret" not in str(raised.value)


def test_missing_package_is_one_warning_and_no_traces(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(collector, "version", version)
    assert start({ENDPOINT: URL}) is None
    (message,) = caplog.messages
    assert f"pip install '{PACKAGE}'" in message
    assert start({}) is None
    assert len(caplog.messages) == 1
