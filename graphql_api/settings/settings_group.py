"""Settings that belong together."""

from __future__ import annotations

import inspect
from typing import ClassVar, NamedTuple, Self

from pydantic import BaseModel
from pydantic_settings import SettingsConfigDict


class About(NamedTuple):
    """What the help of a command says of settings that belong together.

    Attributes:
        title: What they are about.
        example: Some of them as one types them, after the command.
    """

    title: str
    example: str


class SettingsGroup(BaseModel):
    """Some settings of `serve`, each declared once: its type, default, limits and meaning.

    Attributes:
        about: Their title in the help, and an example.
    """

    about: ClassVar[About]
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(frozen=True)

    @classmethod
    def defaults(cls) -> Self:
        """The settings where none is given: what is made of them takes its defaults from here."""
        return cls.model_validate({})


def about(kind: type[BaseModel], name: str) -> About:
    """Which settings the setting `name` of a command belongs to.

    Args:
        kind: The settings of the command.
        name: One of them.
    """
    owner = next(each for each in kind.__mro__ if name in inspect.get_annotations(each))
    found: About = owner.__dict__["about"]
    return found
