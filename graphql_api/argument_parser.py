"""A parser of arguments, which explains a wrong usage in one line.

The line repeats no value, for a value may be or hold a password: it names flags, and what there is
to choose from.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NoReturn

from graphql_api.exit_codes import MISUSED

_MOST_SUGGESTIONS = 3
_LEAST_LIKENESS = 0.7
"""How much of two words is the same, from 0 to 1, where one is suggested for the other."""

_FLAG = re.compile(r"(?:--[^\s=]+|-[A-Za-z])(?==|\Z)")
_NAME = re.compile(r"-[A-Za-z]|--[A-Za-z]+(?:[-_][A-Za-z]+)*")
"""The flags that are repeated. Others may be a password: `--xyzzy@db.example`."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, formatter_class=formatter, **options)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse the arguments of this command, or of a command below it.

        A flag that does not exist is refused first: its value would be taken for something else.
        """
        given = [*(args or ())]
        commands = [action for action in self._actions if action.metavar == "COMMAND"]
        if not {"-h", "--help"} & {*given}:
            self._refuse_unknown(given[:1] if commands else given, has_commands=bool(commands))
        namespace, rest = super().parse_known_args(given, namespace)
        if rest:
            self.exit_misused("there is an argument too many")
        return namespace, rest

    def error(self, message: str) -> NoReturn:
        """Report an error of argparse, in plainer words."""
        if wrong := re.match(r"argument (\S+): invalid choice: (.*) \(choose", message, re.DOTALL):
            self.exit_misused(self._no_such(wrong[1], wrong[2].strip("'\"")))
        if missing := re.match(r"the following arguments are required: (.*)", message):
            self.exit_misused(self._needed(missing[1].split(", ")))
        message = re.sub(r"^argument ([^\s:/]+)(?:/[^\s:]+)?: ", r"\1: ", message)
        message = re.sub(r": expected one argument$", " needs a value", message)
        message = re.sub(
            r": ignored explicit argument .*", " takes no value", message, flags=re.DOTALL
        )
        self.exit_misused(message)

    def exit_misused(self, text: str) -> NoReturn:
        """End the program with this error text."""
        complain(f"{text} (see {self.prog} --help)")
        sys.exit(MISUSED)

    def _refuse_unknown(self, given: Iterable[str], *, has_commands: bool) -> None:
        unknown = []
        for argument in given:
            if argument == "--":
                break
            flag = _FLAG.match(argument)
            if flag is not None and flag[0] not in self._option_string_actions:
                unknown.append(flag[0])
        if not unknown:
            return
        if has_commands:
            self.exit_misused("the command comes first, then its flags")
        named = [name for name in unknown if _NAME.fullmatch(name)]
        if not named:
            self.exit_misused("there is an argument too many")
        self.exit_misused(
            "; ".join(
                f"there is no {name}{_meant(_doubled(name), self._option_string_actions)}"
                for name in named
            )
        )

    def _no_such(self, metavar: str, word: str) -> str:
        choices = self._choices(metavar)
        flags = [f"--{word}"] if f"--{word}" in self._option_string_actions else []
        meant = _meant(word, flags or choices) or f"; there are {', '.join(choices)}"
        return f"there is no such {metavar.lower()}{meant}"

    def _needed(self, names: Sequence[str]) -> str:
        if choices := self._choices(names[0]):
            return f"a {names[0].lower()} is needed: {', '.join(choices)}"
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} needed"

    def _choices(self, metavar: str) -> list[str]:
        named = [action for action in self._actions if action.metavar == metavar]
        return [str(choice) for action in named for choice in action.choices or ()]


def _meant(word: str, known: Collection[str]) -> str:
    """`; did you mean --port?`, if something is known that this may be."""
    word = word.lower().replace("_", "-")
    near = [name for name in known if name.startswith(word)]
    if not 0 < len(near) <= _MOST_SUGGESTIONS:
        near = difflib.get_close_matches(word, known, n=1, cutoff=_LEAST_LIKENESS)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _doubled(flag: str) -> str:
    """A flag with two hyphens: `--p` of `-p`."""
    return f"--{flag.lstrip('-')}"


def complain(message: str) -> None:
    """Write an error text to stderr, as one line."""
    print(f"graphql-api: {' '.join(message.split())}", file=sys.stderr)
