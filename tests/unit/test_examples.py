"""What can be said of the examples without npm: they are short, and each folder is complete."""

from __future__ import annotations

import json
import re

from tests.examples.example import EXAMPLES, LISTS, PAGES, Page
from tests.for_each import for_each


@for_each("example", PAGES)
def test_live_rows_of_two_fields_take_few_lines(example: Page) -> None:
    lines = example.own_lines()
    print(f"{example}: {lines} lines")  # noqa: T201 - shown by `pytest -s`
    assert lines <= example.most_lines


@for_each("example", LISTS)
def test_folder_is_complete(example: Page) -> None:
    folder = EXAMPLES / example.example
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    resolved = {package.get("resolved") for package in lock["packages"].values()} - {None}
    assert resolved == {"file:../../clients/javascript"}, "no address of a registry"
    options = json.loads((folder / "tsconfig.json").read_text(encoding="utf-8"))["compilerOptions"]
    assert options["strict"]
    assert options["verbatimModuleSyntax"]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^```sh\n(.*?)^```", readme, re.DOTALL | re.MULTILINE) == [
        "make serve ARGS=--demo\n",
        "npm install\nnpm start\n",
    ]
