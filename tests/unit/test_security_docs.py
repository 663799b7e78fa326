"""`SECURITY.md` names the limits as they are."""

from __future__ import annotations

from graphql_api.settings import Settings
from tests import security_docs


def test_limits_are_documented_with_their_defaults() -> None:
    assert security_docs.written() == security_docs.rows(), "run `python -m tests.security_docs`"


def test_limits_without_a_setting_are_documented() -> None:
    assert security_docs.written_fixed() == security_docs.FIXED, "run it, too"


def test_every_setting_that_limits_clients_is_documented() -> None:
    limits = {name for name in Settings.model_fields if name.startswith("max_")}
    assert limits <= set(security_docs.LIMITS)
