"""The hosted workflow runs what `.ci/run` runs, on every Python that it should."""

from __future__ import annotations

import os
import re
import tomllib

from tests.documents import ROOT

WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_workflow_calls_the_script_that_everybody_can_run() -> None:
    assert re.search(r"^ +- run: \.ci/run$", WORKFLOW, re.MULTILINE)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_workflow_uses_the_oldest_and_the_newest_python_that_is_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    classified = re.findall(
        r"Programming Language :: Python :: (\d\.\d+)", "\n".join(project["classifiers"])
    )
    assert project["requires-python"] == f">={classified[0]}"
    (matrix,) = re.findall(r"python: \[(.*)\]", WORKFLOW)
    assert re.findall(r"[\d.]+", matrix) == [classified[0], classified[-1]]


def test_workflow_may_only_read() -> None:
    assert re.findall(r"^permissions:\n((?: .*\n)+)", WORKFLOW, re.MULTILINE) == [
        "  contents: read\n"
    ]
