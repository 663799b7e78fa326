"""Stories as text: a story that has found a fault once is kept, whatever becomes of its seed.

A file holds a comment that says what the fault was, and then the story as a Python literal.
"""

from __future__ import annotations

import ast
import pprint
from dataclasses import fields, replace
from pathlib import Path

from tests.simulation.story import Action, Setting, Story

FOLDER = Path(__file__).with_name("found")
_WIDTH = 100


def write(file: Path, story: Story, comment: str) -> None:
    """Keep a story."""
    setting = {field.name: getattr(story.setting, field.name) for field in fields(Setting)}
    setting["troubles"] = sorted(story.setting.troubles)
    actions = [(action.at_s, action.kind, action.details) for action in story.actions]
    content = {"setting": setting, "actions": actions}
    text = pprint.pformat(content, width=_WIDTH, compact=True, sort_dicts=False)
    file.write_text(f"# {comment}\n{text}\n", encoding="utf-8")


def read(file: Path) -> Story:
    """The story that a file holds."""
    content = ast.literal_eval(file.read_text(encoding="utf-8"))
    setting = Setting(**content["setting"])
    setting = replace(setting, troubles=frozenset(setting.troubles))
    return Story(setting, tuple(Action(*action) for action in content["actions"]))


def found() -> list[Path]:
    """The files of all stories that are kept."""
    return sorted(FOLDER.glob("*.txt"))
