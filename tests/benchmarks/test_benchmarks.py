"""Every benchmark runs. What it measures is no test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.measures import MEASURES
from tests.benchmarks.peers import NODE
from tests.clients import npm


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_benchmark_runs_and_is_written_as_a_table_json_and_svg(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    npm.install(NODE)  # or skip
    files = {name: tmp_path / f"it.{name}" for name in ("json", "svg")}
    arguments = [text for name, path in files.items() for text in (f"--{name}", str(path))]
    assert main(["--quick", *arguments]) == 0
    table = capsys.readouterr().out
    measured = json.loads(files["json"].read_text())["measures"]
    assert {measure["name"] for measure in measured} == {"capacity", *MEASURES}
    for measure in measured:
        assert f"\n{measure['name']}: {measure['title']}" in table
        assert all(row["samples"] for row in measure["rows"])
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fan-out"]) == 2
    assert "fan-out" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_version_is_measured_beside_another_checkout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    assert main(["--quick", "--before", str(tmp_path)]) == 0
    table = capsys.readouterr().out
    for work in ("one operation", "own filters", "join", "memory of an idle subscriber"):
        assert f"\n  {work} " in table
