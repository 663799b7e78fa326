"""What the documents say is true: links lead somewhere, code is the tested code, tests exist."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

from graphql import GraphQLSchema, build_schema, parse, validate

from graphql_api.settings import Settings, environment_variable, flag, load
from tests import embedded_docs, settings_docs
from tests.documents import PAGES, README, ROOT, anchors, blocks, links, prose_of, text_of
from tests.examples.example import LISTS, LIVE_PAGES
from tests.for_each import for_each

FRONTEND = ROOT / "docs" / "frontend.md"
CLIENTS = ROOT / "docs" / "clients.md"
MAX_README_LINES = 180
MAX_PICTURE_BYTES = 150_000

each_page = for_each("page", PAGES)


def test_readme_is_short() -> None:
    assert len(text_of(README).splitlines()) <= MAX_README_LINES


def test_every_page_is_in_the_index_of_the_readme() -> None:
    index = text_of(README).split("## Documents\n")[1]
    targets = re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", index, re.MULTILINE)
    assert {ROOT / target for target in targets} == set(PAGES) - {README}


def broken_links(page: Path) -> list[str]:
    """The links within the repository that lead nowhere."""
    broken = []
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    return broken


@each_page
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_missing_file_and_missing_heading_are_broken_links(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading, `quoted`\n[a](#a-heading-quoted) [b](#b) [c](c.md) ![d](d.png)\n"
        "[page](page.md#a-heading-quoted) [other](page.md#other) [web](https://example.org/x)\n"
        "```\n[in code](nowhere.md)\n```\n"
    )
    assert broken_links(page) == ["#b", "c.md", "d.png", "page.md#other"]


def test_pictures_are_small() -> None:
    pictures = [*ROOT.glob("docs/*.png")]
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= MAX_PICTURE_BYTES, picture


@cache
def served_schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text("utf-8"))


@for_each(
    ("page", "block"),
    [(page, block) for page in PAGES for block in blocks(page, "graphql")],
)
def test_graphql_is_valid(page: Path, block: str) -> None:
    assert validate(served_schema(), parse(block)) == []


def files_of_examples() -> dict[str, Path]:
    """What the documents may show: whole files of the examples, by their texts."""
    patterns = ("*/codegen.ts", "*/main.js", "*/src/*.ts*", "*/vite.config.ts", "*/main.py")
    files = [file for pattern in patterns for file in sorted((ROOT / "examples").glob(pattern))]
    return {file.read_text("utf-8").strip(): file for file in files}


def test_code_for_clients_is_that_of_the_examples_that_are_tested() -> None:
    languages = ("js", "jsx", "ts", "tsx", "py", "python")
    shown = [block for page in (FRONTEND, CLIENTS) for block in blocks(page, *languages)]
    files = files_of_examples()
    assert [block for block in shown if block not in files] == []
    programs = {file for file in files.values() if file.stem in {"main", "live-page"}}
    assert programs <= {files[block] for block in shown}


def test_each_program_of_the_guide_imports_what_is_installed_before_it() -> None:
    sections = re.split(r"^##+ .*$", text_of(FRONTEND), flags=re.MULTILINE)
    programs = [section for section in sections if "](../examples/" in section]
    assert len(programs) == len(LISTS + LIVE_PAGES) + 1
    for program in programs:
        imported = {*re.findall(r" from '((?:@[\w-]+/)?[\w-]+)", program)}
        (command,) = re.findall(r"^npm install (?!--save-dev)(.*)$", program, re.MULTILINE)
        folder = re.findall(r"\]\(\.\./(examples/[\w-]+)/", program)[0]
        needed = json.loads((ROOT / folder / "package.json").read_text("utf-8"))["dependencies"]
        assert imported - {"graphql-api-client"} <= {*command.split()} <= needed.keys()


def test_no_other_page_has_code_that_is_not_tested() -> None:
    for page in set(PAGES) - {FRONTEND, CLIENTS}:
        assert not blocks(page, "js", "jsx", "ts", "tsx", "py", "python"), page


def test_time_out_that_is_advised_is_longer_than_a_stream_is_silent() -> None:
    text = text_of(CLIENTS)
    (silent_s,) = re.findall(r"a stream silent for (\d+) s", text)
    assert float(silent_s) == load(Settings, {}).sse_keep_alive_s
    (read_s,) = re.findall(r"httpx\.Timeout\(\d+, read=(\d+)\)", text)
    assert float(read_s) > 2 * float(silent_s)


@cache
def defined_tests() -> set[str]:
    """The names of all tests."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }


def test_each_failure_is_backed_by_a_test() -> None:
    rows = [
        line
        for line in text_of(ROOT / "docs" / "failures.md").splitlines()
        if line.startswith("| ") and not line.startswith("| what happens |")
    ]
    assert len(rows) > 15
    for row in rows:
        assert re.search(r"`test_\w+` \|$", row), row


@each_page
def test_tests_that_a_page_names_exist(page: Path) -> None:
    named = {*re.findall(r"`(test_\w+)`", text_of(page))}
    assert named <= defined_tests()


@each_page
def test_files_that_a_page_names_exist(page: Path) -> None:
    for path in re.findall(r"`((?:tests|graphql_api|docs)/[\w/.-]+)`", prose_of(page)):
        assert (ROOT / path).exists(), path


@each_page
def test_shell_commands_can_be_parsed(page: Path) -> None:
    for block in blocks(page, "sh"):
        result = subprocess.run(
            ["bash", "-n"], input=block, text=True, capture_output=True, check=False
        )
        assert result.returncode == 0, block + result.stderr


@each_page
def test_make_targets_that_a_page_names_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {*re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)}
    code = re.findall(r"`(make [^`\n]+)`", text_of(page)) + blocks(page, "sh")
    named = {name for text in code for name in re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)}
    assert named <= targets


OTHER_FLAGS = {
    "--before": "python -m tests.benchmarks",
    "--expires-in": "graphql-api token create",
    "--keep-in": "python -m tests.simulation",
    "--scope": "graphql-api token create",
    "--story": "python -m tests.simulation",
    "--check": "graphql-api schema",
    "--json": "graphql-api watch",
    "--once": "graphql-api watch",
    "--bind": "python3 -m http.server",
    "--now": "systemctl enable",
    "--build": "docker compose",
    "--file": "docker compose",
    "--detach": "docker",
    "--tag": "docker build",
    "--name": "docker run",
    "--network": "docker run",
    "--publish": "docker run",
    "--env": "docker run",
    "--rm": "docker run",
    "--set": "Jaeger",
    "--save-dev": "npm install",
    "--template": "npm create vite",
    "--no-deps": "pip wheel",
    "--wheel-dir": "pip wheel",
    "--database": "pytest of this project",
    "--seed": "make simulate",
    "--seeds": "make simulate",
    "--keep": "make simulate",
    "--search": "make simulate-bugs",
    "--minutes": "make soak",
    "--upgrade": "make lock",
    "--cut": "make release",
}
"""The flags in the documents that are no setting, and what they belong to."""


@for_each("page", [page for page in PAGES if page.name != "CHANGELOG.md"])
def test_flags_that_a_page_names_exist(page: Path) -> None:
    settings = [
        (flag(name), kind.model_fields[name].annotation is bool)
        for kind in settings_docs.COMMANDS.values()
        for name in kind.model_fields
    ]
    flags = {name for name, _ in settings} | OTHER_FLAGS.keys()
    flags |= {name.replace("--", "--no-", 1) for name, is_bool in settings if is_bool}
    named = set(re.findall(r"(?<![\w/-])--[a-z][a-z0-9-]+", text_of(page)))
    assert named <= flags


@each_page
def test_environment_variables_that_a_page_names_exist(page: Path) -> None:
    variables = {
        environment_variable(kind, name)
        for kind in settings_docs.COMMANDS.values()
        for name in kind.model_fields
    }
    named = set(re.findall(r"\bGRAPHQL_API_[A-Z0-9_]*[A-Z0-9]", text_of(page)))
    assert named <= variables | OTHER_VARIABLES


OTHER_VARIABLES = {"GRAPHQL_API_SERVICE_HOST"}
"""What Kubernetes sets."""


def test_terms_of_the_embedded_database_are_listed() -> None:
    assert embedded_docs.written() == embedded_docs.rows(), "run `python -m tests.embedded_docs`"


AVOIDED = re.compile(
    r"\b(?:whoever|whom|nobody|anew|amid|heed|heeds|meanwhile|told)\b", re.IGNORECASE
)
"""Words that a reader who learns English does not know, or that hide who does what."""
MAX_AVOIDED_PER_LINE = 5 / 10_000
TEXTS = {".css", ".html", ".js", ".jsx", ".md", ".mjs", ".py", ".ts", ".tsx"}


@each_page
def test_page_is_in_plain_words(page: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", prose_of(page))
    assert AVOIDED.findall(prose) == []


@for_each("folder", ["graphql_api", "docs", "tests"])
def test_folder_is_in_plain_words(folder: str) -> None:
    found: list[str] = []
    lines = 0
    for file in (ROOT / folder).rglob("*"):
        if file.suffix in TEXTS and not {"node_modules", "dist"} & {*file.parts}:
            text = file.read_text(encoding="utf-8")
            lines += text.count("\n")
            found += (f"{file.name}: {word}" for word in AVOIDED.findall(text))
    assert lines > 1000
    assert len(found) <= lines * MAX_AVOIDED_PER_LINE, found


def test_no_docstring_only_names_another_one() -> None:
    only = re.compile(r'"""(?:As in|As of|See) `[^`]+`\.?"""')
    found = [
        f"{file.name}: {match[0]}"
        for file in (ROOT / "graphql_api").rglob("*.py")
        for match in only.finditer(file.read_text(encoding="utf-8"))
    ]
    assert found == []
