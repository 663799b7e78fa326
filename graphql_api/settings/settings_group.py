"""Settings that belong together."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel
from pydantic_settings import SettingsConfigDict


class About(NamedTuple):
    """The title and the text that the help of a command has for settings that belong together.

    Attributes:
        title: What they are about.
        example: Some of them as one types them, after the command.
    """

    title: str
    example: str


class SettingsGroup(BaseModel):
    """Some settings of `serve`, each declared once: its type, default, limits and meaning.

    Without arguments it holds the defaults. What such settings limit takes them as they are; where
    it has limits besides, which no setting changes, it takes a subclass that adds these.

    Attributes:
        about: Their title in the help, and an example.
    """

    about: ClassVar[About]
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(frozen=True)

    @classmethod
    def of(cls, settings: BaseModel, **others: object) -> Self:
        """These settings, out of all that a command has.

        Args:
            settings: All of them, which have been checked.
            others: What a subclass has besides, and no setting changes; its defaults, if absent.
        """
        names = cls.model_fields.keys() & type(settings).model_fields.keys()
        values: dict[str, Any] = {name: getattr(settings, name) for name in names} | others
        return cls.model_construct(**values)


def about(kind: type[BaseModel], name: str) -> About:
    """Which settings the setting `name` of a command belongs to.

    Args:
        kind: The settings of the command.
        name: One of them.
    """
    owner = next(each for each in kind.__mro__ if name in inspect.get_annotations(each))
    found: About = owner.__dict__["about"]
    return found
