from __future__ import annotations

import inspect

from graphql_api import settings
from graphql_api.settings import CommonSettings, DataSettings
from tests.settings_docs import COMMANDS, FILE, text


def test_every_setting_is_documented_as_it_is() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run `python -m tests.settings_docs`"


def test_the_settings_of_every_command_are_documented() -> None:
    kinds = {
        kind
        for _, kind in inspect.getmembers(settings, inspect.isclass)
        if issubclass(kind, CommonSettings)
    }
    assert kinds - {CommonSettings, DataSettings} == set(COMMANDS.values())
