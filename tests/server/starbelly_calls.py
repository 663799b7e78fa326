"""What Starbelly's installer and its crawler ask of the database, as calls of the official driver.

Written from what the calls do, over asyncio instead of trio. An answer is checked where the crawler
goes on with it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rethinkdb.errors import ReqlNonExistenceError, ReqlQueryLogicError, ReqlRuntimeError

JOB, SCHEDULE_ID, POLICY_ID = "job-1", "schedule-1", "policy-1"
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
AGENT = "Starbelly/{VERSION} (+https://github.com/hyperiongray/starbelly)"


class Starbelly:
    """A connection of the driver that uses one database, as Starbelly's does."""

    def __init__(self, r: Any, connection: Any, database: str) -> None:
        self.r = r
        self._connection = connection
        self.database = database

    async def run(self, term: Any) -> Any:
        """An answer; that of a stream as a list."""
        answer = await term.run(self._connection)
        if not hasattr(answer, "fetch_next"):
            return answer
        rows = []
        while await answer.fetch_next():
            rows.append(await answer.next())
        return rows

    # The installer.

    async def install(self, *, user: str, password: str) -> list[str]:
        """Make all that is missing; tells what that was, a line each."""
        r, run, made = self.r, self.run, list[str]()
        await run(r.db("rethinkdb").table("users").get("admin").update({"password": "admin's"}))
        with suppress(ReqlRuntimeError):  # it is gone already
            await run(r.db_drop("test"))
        if not await run(r.db_list().contains(self.database)):
            await run(r.db_create(self.database))
            made.append("database")
        self._connection.use(self.database)
        users = r.db("rethinkdb").table("users")
        if await run(users.filter(r.row["id"] == user).count()) == 0:
            await run(users.insert({"id": user, "password": password}))
            made.append("user")
        await run(r.db(self.database).grant(user, {"read": True, "write": True}))
        for table, options, indexes in self._layout():
            if not await run(r.table_list().contains(table)):
                await run(r.table_create(table, **options))
                made.append(table)
            for index, columns in indexes.items():
                if not await run(r.table(table).index_list().contains(index)):
                    await run(r.table(table).index_create(index, *columns))
                    made.append(f"{table}.{index}")
                    await run(r.table(table).index_wait(index))
        made += await self._install_documents()
        await run(
            r.table("policy")
            .filter(lambda policy: ~policy.has_fields("url_normalization"))
            .update({"url_normalization": {"enabled": True, "strip_parameters": ["sid"]}})
        )
        return made

    def _layout(self) -> Sequence[tuple[str, dict[str, str], dict[str, list[Any]]]]:
        row = self.r.row

        def on(*fields: str) -> list[Any]:
            return [[row[field] for field in fields]]

        return [
            ("captcha_solver", {}, {}),
            ("domain_login", {"primary_key": "domain"}, {}),
            ("frontier", {}, {"cost_index": on("job_id", "in_flight", "cost")}),
            ("job", {}, {"started_at": [], "schedule": on("schedule_id", "started_at")}),
            ("policy", {}, {"name": []}),
            ("rate_limit", {"primary_key": "token"}, {"name": []}),
            ("response", {"primary_key": "sequence"}, {"job_sync": on("job_id", "sequence")}),
            ("response_body", {}, {}),
            ("robots_txt", {}, {"url": []}),
            ("schedule", {}, {"schedule_name": []}),
        ]

    async def _install_documents(self) -> list[str]:
        r, run, made = self.r, self.run, list[str]()
        if await run(r.table("policy").count()) == 0:
            for name in ("Broad Crawl", "Deep Crawl"):
                is_deep = name == "Deep Crawl"
                seeds = {"match": "MATCHES", "pattern": "^https?://({SEED_DOMAINS})/"}
                add = {"action": "ADD", "amount": 1}
                policy = {
                    "created_at": r.now(),
                    "updated_at": r.now(),
                    "name": name,
                    "authentication": {"enabled": is_deep},
                    "limits": {"max_cost": 10} if is_deep else {"max_items": 10**6, "max_cost": 3},
                    "mime_type_rules": [
                        {"match": "MATCHES", "pattern": "^text/", "save": True},
                        {"save": False},
                    ],
                    "proxy_rules": [{}],
                    "robots_txt": {"usage": "OBEY"},
                    "url_normalization": {
                        "enabled": True,
                        "strip_parameters": ["JSESSIONID", "PHPSESSID", "sid"],
                    },
                    "url_rules": [seeds | add, {"action": "MULTIPLY", "amount": 0}]
                    if is_deep
                    else [add],
                    "user_agents": [{"name": AGENT}],
                }
                await run(r.table("policy").insert(policy))
                made.append(name)
        try:
            await run(r.table("rate_limit").get_all(bytes(16), index="token").nth(0))
        except ReqlNonExistenceError:
            limit = {"delay": 5.0, "name": "Global Limit", "token": bytes(16), "type": "global"}
            await run(r.table("rate_limit").insert(limit))
            made.append("Global Limit")
        return made

    # The crawler.

    async def start(self) -> None:
        """What it does and reads when it starts."""
        r, run = self.r, self.run
        await run(r.table("job").filter({"run_state": "running"}).update({"run_state": "paused"}))
        await run(r.table("frontier").filter({"in_flight": True}).update({"in_flight": False}))
        limits = await run(r.table("rate_limit"))
        assert any(limit["token"] == bytes(16) and limit["delay"] > 0 for limit in limits)
        recent = datetime.now(UTC) - timedelta(days=1)
        done = r.row["completed_at"]
        await run(r.table("job").filter(r.or_(done.eq(None), done.gt(recent))))
        assert await self.max_sequence() >= 0

        def latest_job(schedule: Any) -> Any:
            jobs = r.table("job").order_by(index="schedule")
            of_schedule = jobs.between((schedule["id"], r.minval), (schedule["id"], r.maxval))
            shown = of_schedule.pluck(["name", "run_state", "started_at", "completed_at"])
            return {"latest_job": shown.nth(-1).default(None)}

        for schedule in await run(r.table("schedule").merge(latest_job)):
            assert "latest_job" in schedule

    async def max_sequence(self) -> int:
        """The sequence number from which it counts on."""
        term = self.r.table("response").max(index="sequence").pluck("sequence")
        try:
            return int((await self.run(term))["sequence"])
        except ReqlQueryLogicError:
            return 0

    async def crawl(self, policy_id: str) -> str:
        """A job from its start to its end, paused and resumed in between; returns its key."""
        r, run = self.r, self.run
        policy = await run(r.table("policy").get(policy_id))
        solver_id = policy.pop("captcha_solver_id", None)
        if solver_id is not None:
            policy["captcha_solver"] = await run(r.table("captcha_solver").get(solver_id))
            assert policy["captcha_solver"]["api_key"]
        counts = ("item_count", "http_success_count", "http_error_count", "exception_count")
        job = {
            "name": "Test",
            "seeds": ["http://a.example/"],
            "tags": ["t"],
            "run_state": "pending",
            "started_at": BEGAN,
            "completed_at": None,
            "duration": None,
            **dict.fromkeys(counts, 0),
            "http_status_counts": {},
            "policy": policy,
            "schedule_id": SCHEDULE_ID,
        }
        (job_id,) = (await run(r.table("job").insert(job)))["generated_keys"]
        seeds = [{"cost": 0, "job_id": job_id, "url": url, "in_flight": False} for url in "ba"]
        await run(r.table("frontier").insert(seeds))
        await run(r.table("job").get(job_id).update({"run_state": "running"}))
        await self._frontier(job_id)
        await self._responses(job_id)

        urls = pickle.dumps({b"a", b"b"})
        await run(r.table("job").get(job_id).update({"run_state": "paused", "old_urls": urls}))
        changed = await run(
            r.table("job").get(job_id).update({"run_state": "running"}, return_changes=True)
        )
        resumed = changed["changes"][0]["new_val"]
        assert pickle.loads(resumed["old_urls"]) == {b"a", b"b"}

        done_at = BEGAN + timedelta(hours=1)
        finish = {"run_state": "completed", "completed_at": done_at}
        duration = done_at - r.row["started_at"]
        await run(r.table("job").get(job_id).update({**finish, "duration": duration}))
        of_job = r.table("frontier").between(
            (job_id, r.minval, r.minval), (job_id, r.maxval, r.maxval), index="cost_index"
        )
        await run(of_job.delete())
        assert await run(of_job.count()) == 0
        finished = await run(r.table("job").get(job_id))
        assert finished["duration"] == 3600
        assert [finished[count] for count in counts] == [4, 2, 1, 1]
        assert finished["http_status_counts"] == {"200": 2, "404": 1}
        plucked = await run(r.table("job").get(job_id).pluck("schedule_id"))
        assert plucked == {"schedule_id": SCHEDULE_ID}
        return str(job_id)

    async def _frontier(self, job_id: str) -> None:
        r, run = self.r, self.run
        frontier = r.table("frontier")
        more = [
            {"cost": cost, "job_id": job_id, "url": str(cost), "in_flight": False}
            for cost in (3.0, 1.0, 2.0)
        ]
        await run(frontier.insert(more))
        ordered = frontier.order_by(index="cost_index")
        free = ordered.between((job_id, False, r.minval), (job_id, False, r.maxval))
        batch = await run(free.limit(3))
        assert [item["cost"] for item in batch] == [0, 0, 1]
        keys = [item["id"] for item in batch]
        await run(frontier.get_all(*keys).update({"in_flight": True}))
        in_flight = ordered.between((job_id, True, r.minval), (job_id, True, r.maxval))
        assert await run(in_flight.count()) == 3
        assert [item["cost"] for item in await run(free.limit(9))] == [2, 3]
        await run(frontier.get(keys[0]).delete())
        assert await run(in_flight.count()) == 2

    async def _responses(self, job_id: str) -> None:
        r, run = self.r, self.run
        first = await self.max_sequence() + 1
        body = {"id": b"\xcc" * 16, "body": b"\x1f\x8b\x00", "is_compressed": True}
        for number, status in enumerate((200, 200, 404, None)):
            response = {
                "sequence": first + number,
                "job_id": job_id,
                "url": f"http://a.example/{number}",
                "started_at": BEGAN,
                "completed_at": BEGAN,
                "duration": 0.5,
                "cost": 1.0,
                "is_success": status == 200,
            }
            if status is None:
                response["exception"] = "Traceback"
            else:
                response |= {"status_code": status, "headers": ["A", "b"], "body_id": body["id"]}
            await run(r.table("response").insert(response))
            if status is not None:
                await run(r.table("response_body").insert(body, conflict="error"))
            await run(r.table("job").get(job_id).update(self._stats(status)))
        assert await self.max_sequence() == first + 3

    def _stats(self, status: int | None) -> dict[str, Any]:
        row = self.r.row
        stats: dict[str, Any] = {"item_count": row["item_count"] + 1}
        if status is None:
            return stats | {"exception_count": row["exception_count"] + 1}
        counts, text = row["http_status_counts"], str(status)
        counted = self.r.branch(counts.has_fields(text), counts[text], 0)
        stats["http_status_counts"] = {text: 1 + counted}
        kind = "http_success_count" if status == 200 else "http_error_count"
        return stats | {kind: row[kind] + 1}

    async def robots_txt(self) -> None:
        """Its cache of robots.txt."""
        r, run = self.r, self.run
        query = r.table("robots_txt").get_all("http://a.example/robots.txt", index="url").nth(0)
        with pytest.raises(ReqlNonExistenceError):
            await run(query)
        document = {"url": "http://a.example/robots.txt", "file": b"x", "updated_at": r.now()}
        await run(r.table("robots_txt").insert(document, conflict="update"))
        assert (await run(query))["file"] == b"x"

    # Its own API.

    async def serve(self, job_id: str) -> None:
        """What its dashboard asks for."""
        r, run = self.r, self.run
        for table, index in (("policy", "name"), ("schedule", "schedule_name")):
            await run(r.table(table).order_by(index=index).skip(0).limit(10))
        await run(r.table("domain_login").order_by(index="domain").skip(0).limit(10))
        await run(r.table("captcha_solver").order_by("name").skip(0).limit(10))
        limit = {"name": "domain:a.example", "token": b"\x01" * 16, "delay": 1.5}
        for _ in range(2):
            await run(r.table("rate_limit").insert(limit, conflict="update"))
        names = [x["name"] for x in await run(r.table("rate_limit").order_by(index="name"))]
        assert names == ["Global Limit", "domain:a.example"]
        await run(r.table("rate_limit").filter({"token": b"\x01" * 16}).delete())
        assert await run(r.table("rate_limit").count()) == 1
        uses = r.table("policy").filter({"captcha_solver_id": "nobody's"}).count()
        assert await run(uses) == 0

        jobs = r.table("job").order_by(index=r.desc("started_at"))
        jobs = jobs.between(BEGAN - timedelta(days=1), r.maxval)
        jobs = jobs.filter(r.row["tags"].contains("t")).filter({"schedule_id": SCHEDULE_ID})
        (shown,) = await run(jobs.without("old_urls").skip(0).limit(10))
        assert "old_urls" not in shown
        assert await run(jobs.count()) == 1
        with pytest.raises(ReqlNonExistenceError):
            await run(r.table("job").get("nobody's").without("old_urls"))
        await self._items(job_id)
        await self._sync(job_id)

    async def _items(self, job_id: str) -> None:
        r, run, row = self.r, self.run, self.r.row
        kinds = [
            row["is_success"],
            ~(row["is_success"] | row.has_fields("exception")),
            ~row["is_success"] & row.has_fields("exception"),
        ]
        of_job = r.table("response").order_by(index="job_sync")
        of_job = of_job.between((job_id, r.minval), (job_id, r.maxval))
        for wanted, count in ((kinds[:1], 2), (kinds[1:2], 1), (kinds[2:], 1), (kinds, 4)):
            filtered = of_job.filter(r.or_(*wanted))
            assert await run(filtered.count()) == count
            page = filtered.skip(0).limit(9).merge(self._body()).without("body_id")
            assert len(await run(page)) == count

    def _body(self) -> Callable[[Any], Any]:
        r = self.r

        def join(item: Any) -> Any:
            body = r.table("response_body").get(item["body_id"])
            return {"join": r.branch(item.has_fields("body_id"), body, None)}

        return join

    async def _sync(self, job_id: str) -> None:
        r = self.r
        responses = r.table("response").order_by(index="job_sync")
        rest = responses.between([job_id, 1], [job_id, r.maxval], left_bound="open")
        items = await self.run(rest.merge(self._body()))
        assert [item["sequence"] for item in items] == [2, 3, 4]
        assert [item["join"] is None for item in items] == [False, False, True]

    async def delete_job(self, job_id: str) -> None:
        """Delete a job with its responses, and then the bodies that nothing names any more."""
        r, run = self.r, self.run
        responses = r.table("response").between(
            (job_id, r.minval), (job_id, r.maxval), index="job_sync"
        )
        assert (await run(r.table("job").get(job_id).pluck("run_state")))["run_state"]
        assert (await run(responses.delete()))["deleted"] == 4
        assert (await run(r.table("job").get(job_id).delete()))["deleted"] == 1

        def dangling(body: Any) -> Any:
            return r.table("response").filter({"body_id": body["id"]}).count().eq(0)

        bodies = r.table("response_body").order_by("id").filter(dangling)
        assert (await run(bodies.delete()))["deleted"] == 1

    async def clear(self) -> None:
        """Its tool for developers: everything but what a new database has."""
        r, run, name = self.r, self.run, self.r.row["name"]
        standard = (name != "Broad Crawl") & (name != "Deep Crawl")
        await run(r.table("policy").filter(standard).delete())
        await run(r.table("rate_limit").filter(r.row["type"] != "global").delete())
        for table in ("captcha_solver", "frontier", "robots_txt"):
            await run(r.table(table).delete())
