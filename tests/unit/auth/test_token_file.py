from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphql_api.auth.api_token import ApiToken, new_token
from graphql_api.auth.token_file import add_token, read_tokens, remove_token
from graphql_api.errors import ConfigurationError
from graphql_api.scopes import Scope


def token(name: str = "ci") -> ApiToken:
    return new_token(name, {Scope.READ}, created=datetime.now(UTC), expires=None)[1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def names(file: Path) -> list[str]:
    return [token.name for token in read_tokens(file)]


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_new_file_is_its_owners_alone(file: Path) -> None:
    add_token(file, token())
    assert mode(file) == 0o600
    assert names(file) == ["ci"]


def test_changes_leave_the_other_tokens_the_mode_and_nothing_else(file: Path) -> None:
    add_token(file, token("a"))
    file.chmod(0o640)
    add_token(file, token("b"))
    remove_token(file, "a")
    assert names(file) == ["b"]
    assert mode(file) == 0o640, "who could read it still can"
    assert [*file.parent.iterdir()] == [file]


def test_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    add_token(file, token("a"))
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.json"
    link.symlink_to(file)
    add_token(link, token("b"))
    assert link.is_symlink()
    assert names(file) == ["a", "b"]


def test_names_are_different(file: Path) -> None:
    add_token(file, token())
    with pytest.raises(ConfigurationError, match="there is a token ci already"):
        add_token(file, token())
    with pytest.raises(ConfigurationError, match="there is no token of this name"):
        remove_token(file, "x")
    assert names(file) == ["ci"]


def test_broken_file_is_not_written_over(file: Path) -> None:
    file.write_text("{")
    with pytest.raises(ConfigurationError, match=f"^token file {file}: Invalid JSON"):
        add_token(file, token())
    with pytest.raises(ConfigurationError, match=f"^token file {file}: Invalid JSON"):
        remove_token(file, "ci")
    assert file.read_text() == "{"


def test_file_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "t.json", tmp_path):
        with pytest.raises(ConfigurationError, match=f"^token file {path}: "):
            add_token(path, token())
    with pytest.raises(ConfigurationError, match="No such file"):
        read_tokens(tmp_path / "t.json")


def test_commands_that_run_at_once_lose_nothing(file: Path) -> None:
    expected = [f"t{i}" for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: add_token(file, token(name)), expected))
    assert sorted(names(file)) == sorted(expected)
    assert [*file.parent.iterdir()] == [file]
