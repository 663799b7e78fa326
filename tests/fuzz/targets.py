"""Every target."""

from __future__ import annotations

from tests.fuzz.frames import FRAMES
from tests.fuzz.messages import MESSAGES

TARGETS = {target.name: target for target in (FRAMES, MESSAGES)}
