"""Settings that belong together."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel
from pydantic_settings import SettingsConfigDict


class Group(BaseModel):
    """Some settings of `serve`, each declared once: its type, default, limits and meaning."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(frozen=True)
