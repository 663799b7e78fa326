"""How many examples a property is tried with.

`make test` tries a few, the same ones each time: it does not fail by chance. `make test-long` tries
all of them, by `--thorough`, and others each time.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings, strategies

# A timing is never a test: a busy machine is no failure.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _UNTIMED, max_examples=10, derandomize=True, database=None)
settings.register_profile("thorough", _UNTIMED, max_examples=100)


def load_profile(*, thorough: bool) -> None:
    """Decide for all properties whose modules are imported after this."""
    settings.load_profile("thorough" if thorough else "quick")


def try_one() -> None:
    """Try a property before `gc.freeze` is called, as servers do after a long search for garbage.

    With its first property, Hypothesis searches for what refers to its random numbers. It warns,
    which fails the test, if it finds nothing, and it finds nothing that is frozen.
    """
    given(strategies.none())(lambda _: None)()


def examples(number: int) -> settings:
    """Settings of a property that is thoroughly tried with so many examples, instead of 100."""
    usual = settings.default
    assert usual is not None
    return settings(max_examples=max(1, number * usual.max_examples // 100))
