"""What happens to jobs and their responses in stories that are about these."""

from __future__ import annotations

import random
from typing import Any

from tests.simulation.story import Action, Setting

_KINDS = ("SUCCESS", "ERROR", "EXCEPTION")
_ASKED = (None, None, ("SUCCESS",), ("ERROR", "EXCEPTION"))
_LAST_STATES = ("completed", "completed", "cancelled")


class LogActions:
    """Makes up actions for jobs; its parts are in the place of those for other tables."""

    _rng: random.Random
    _setting: Setting
    _followers = 0

    def _jobs(self, last_s: float) -> list[Action]:
        """The lives of the jobs: most run, are paused, run again, and end."""
        rng, actions = self._rng, []
        for job in self._setting.jobs:
            begins_s = 0.0 if rng.random() < 0.8 else rng.uniform(0.0, 4.0)
            actions.append(self._job(begins_s, job, "running"))
            actions += [self._crawl(rng.uniform(begins_s, last_s), job) for _ in range(4)]
            if rng.random() < 0.3:
                paused_s = rng.uniform(begins_s, last_s)
                actions.append(self._job(paused_s, job, "paused"))
                if rng.random() < 0.6:
                    actions.append(self._job(rng.uniform(paused_s, last_s), job, "running"))
            if rng.random() < 0.6:
                end_s = rng.uniform(last_s / 2, last_s)
                state = rng.choice(_LAST_STATES)
                actions.append(self._job(end_s, job, state, rng.choice((0, 0, 0, -1, 1, 2))))
            if rng.random() < 0.2:
                deleted_s = rng.uniform(last_s / 2, last_s)
                actions.append(Action(deleted_s, "delete_job", {"job": job}))
        return actions

    def _job(self, at_s: float, job: str, state: str, more: int = 0) -> Action:
        return Action(at_s, "set_job", {"job": job, "state": state, "more": more})

    def _crawl(self, at_s: float, job: str | None = None) -> Action:
        """Some downloads at a time; each is visible a while later, so out of order."""
        rng = self._rng
        longest_s = 0.6 * self._setting.response_lag_s
        rows = []
        for _ in range(rng.choice((1, 3, 6))):
            after_s = rng.uniform(0.0, rng.choice((0.01, longest_s)))
            rows.append((round(after_s, 3), rng.choice((1, 1, 3)), rng.choice(_KINDS)))
        job = job or rng.choice(self._setting.jobs)
        return Action(at_s, "crawl", {"job": job, "rows": rows})

    def _follow(self, client: int, at_s: float) -> Action:
        rng = self._rng
        self._followers += 1
        job = rng.choice(self._setting.jobs) if rng.random() < 0.95 else "unknown"
        details: dict[str, Any] = {"client": client, "name": f"f{self._followers}", "job": job}
        details |= {"kinds": rng.choice(_ASKED), "by_init": rng.random() < 0.4}
        return Action(at_s, "follow", details)


def number(actions: list[Action]) -> None:
    """Give the downloads their numbers, in the order in which they begin."""
    last = 0
    for action in actions:
        if action.kind == "crawl":
            rows = []
            for after_s, more, kind in action.details["rows"]:
                last += more
                rows.append((after_s, last, kind))
            action.details["rows"] = rows
