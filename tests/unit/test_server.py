from __future__ import annotations

import resource

import pytest

from graphql_api import server

Limits = tuple[int, int]


@pytest.mark.parametrize(
    ("before", "after", "warns"),
    [
        ((1024, 524_288), (10_256, 524_288), False),
        ((1024, resource.RLIM_INFINITY), (10_256, resource.RLIM_INFINITY), False),
        ((20_000, 20_000), (20_000, 20_000), False),
        ((resource.RLIM_INFINITY,) * 2, (resource.RLIM_INFINITY,) * 2, False),
        ((1024, 4096), (4096, 4096), True),
    ],
)
def test_there_is_a_descriptor_for_each_connection_or_a_warning(
    before: Limits,
    after: Limits,
    warns: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.append(new))
    server._allow_descriptors(10_000)
    assert limits[-1] == after
    assert ("too few for 10000 connections" in caplog.text) == warns
