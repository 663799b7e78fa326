"""Settings that belong together."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel
from pydantic_settings import SettingsConfigDict


class Group(BaseModel):
    """Some settings of `serve`, each declared once: its type, default, limits and meaning."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(frozen=True)

    @classmethod
    def defaults(cls) -> Self:
        """The settings where none is given: what is made of them takes its defaults from here."""
        return cls.model_validate({})
