"""One attack, as a process of its own.

Usage: python -m tests.attacks.attacker NUMBER SECONDS TARGET

It prints a JSON object: how often each answer came.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from http.client import HTTPException

from websockets.exceptions import WebSocketException

from tests.attacks.catalogue import ATTACKS, Attack
from tests.attacks.target import Target

MAX_ANSWERS = 200_000
"""How many one client asks for at most."""

_FIRST_ANSWER_S = 60.0
"""How long the first answer of all may take; a longer one than the attack counts, too."""


def attack(it: Attack, target: Target, seconds: float) -> Counter[str]:
    """Run all clients of an attack for some time; how often each answer came."""
    counts = [Counter[str]() for _ in range(it.connections)]
    has_answer = threading.Event()
    until_s = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_client, args=(it, target, until_s, count, has_answer), daemon=True)
        for count in counts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, until_s + 2 - time.monotonic()))  # a longer answer does not matter
    has_answer.wait(_FIRST_ANSWER_S)
    return sum((Counter(count) for count in counts), Counter())


def _client(
    it: Attack, target: Target, until_s: float, count: Counter[str], has_answer: threading.Event
) -> None:
    while time.monotonic() < until_s and count.total() < MAX_ANSWERS:
        try:
            for label in it.session(target):
                count[label] += 1
                has_answer.set()
                if time.monotonic() >= until_s or count.total() >= MAX_ANSWERS:
                    break
        except (OSError, HTTPException, WebSocketException) as error:
            count[type(error).__name__] += 1
            time.sleep(0.02)  # the server refuses: as often as a client may ask


def main(number: int, seconds: float, target: Target) -> None:
    os.nice(19)  # as if on a machine of its own: what others see is the server's doing
    counts = attack(ATTACKS[number], target, seconds)
    print(json.dumps(counts), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), Target.from_json(sys.argv[3]))
