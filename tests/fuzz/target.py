"""What is fuzzed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_REGRESSIONS = Path(__file__).parent / "regressions"


@dataclass(frozen=True)
class Target:
    """A parser that is given bytes which may hold anything.

    Attributes:
        name: By which it is chosen.
        check: Gives it an input; raises if a rule is broken.
        seeds: Inputs to begin with.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: Sequence[bytes]

    @property
    def regressions(self) -> dict[str, bytes]:
        """Inputs that broke a rule once, by their names."""
        files = sorted((_REGRESSIONS / self.name).glob("*"))
        return {file.name: file.read_bytes() for file in files}
