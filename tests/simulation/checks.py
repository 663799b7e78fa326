"""What must hold besides what a client sees by its events: answers, memory, ends."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.live_pages import PageView
from graphql_api.limits.client_limits import ClientLimits
from tests.simulation.oracle import BrokenPromise, Holding, Stage
from tests.simulation.places import place
from tests.simulation.story import FILLS_BUFFERS
from tests.simulation.subscribers import Wish
from tests.simulation.tables import JOB, LOGIN, POLICY, SCHEDULE, SimulatedTable, Where

if TYPE_CHECKING:
    from graphql_api.feeds.feed import Feed
    from tests.simulation.hosts import API
    from tests.simulation.reconnecting import ReconnectingClient
    from tests.simulation.subscribers import Subscriber
    from tests.simulation.tcp import Transport
    from tests.simulation.world import World

_LOOK_S = 0.5
_SEND_TIMEOUT_S = 4.0
_LEFTOVERS_S = 60.0
_FRESH_S = 2.0
"""How long a fresh cursor may be on its way when all is calm."""
_MAX_EVENT_BYTES = 16_384
"""More than any event of a story takes; a server writes no more than 64 KB of them at a time."""

_GRACE_AND_LAST_FRAMES_S = 5.0
_BACK_S = 3.0
"""How long clients may need to come back after a shutdown."""
_LOST, _RESTART = 1006, 1012
_LOOKS = 4
"""So many looks ago, what is on its way now had not been sent."""
_BEGINNING_S = 4.0
"""How long a server may need for its first snapshot, besides what the links take."""
_ROUND_TRIPS = 16
"""How many of them it takes to open a changefeed, at most."""
_NOTHING_WRITTEN = {"DATABASE_UNAVAILABLE", "DATABASE_REFUSED"}
"""The errors that say so; OUTCOME_UNKNOWN says nothing."""


class Watch:
    """Looks at the servers' memory and sockets now and then."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timer: asyncio.TimerHandle | None = None
        self._stuck: dict[Transport, tuple[int, float]] = {}
        self._positions: dict[tuple[API, str], deque[int]] = {}
        """Where each feed stood at the last looks: by now, all who are idle have come so far."""

    def start(self) -> None:
        self._timer = self._world.loop.call_later(_LOOK_S, self._look)

    def stop(self) -> None:
        assert self._timer is not None
        self._timer.cancel()

    def _look(self) -> None:
        self.start()
        try:
            for api in self._world.apis.values():
                if api.is_up:
                    for feed in api.feeds:
                        self._check_memory(feed)
                        self._check_age(api, feed)
                    for transport in api.sockets:
                        self._check_socket(transport)
        except BrokenPromise as error:
            self._world.fail(str(error))

    def _check_memory(self, feed: Feed[Any, Any]) -> None:
        """What is held for a subscriber is bounded by the table; the history by its limit."""
        setting = self._world.setting
        keys = self._world.most_keys(feed.table.name)
        if len(feed.cache.history) > setting.history_max_changes:
            raise BrokenPromise(f"clause 7: the history holds {len(feed.cache.history)} changes")
        for view in feed.cache._views.values():
            for watcher in view.subscribers:
                if isinstance(watcher, PageView):
                    continue
                subscriber: Any = watcher
                held = len(subscriber._queue)
                merged = len(subscriber._pending or ()), len(subscriber._batch or ())
                if held > setting.queue_limit or max(merged) > keys:
                    raise BrokenPromise(
                        f"clause 8: {held} changes wait for a subscriber, and {merged} merged ones"
                    )

    def _check_age(self, api: API, feed: Feed[Any, Any]) -> None:
        """The cursor of an idle subscription does not leave the history."""
        positions = self._positions.setdefault((api, feed.table.name), deque(maxlen=_LOOKS))
        positions.append(feed.position)
        if not self._world.setting.troubles & FILLS_BUFFERS:
            aged = _aged(self._world, api, feed.table.name, positions[0])
            if aged is not None:
                raise BrokenPromise(aged)

    def _check_socket(self, transport: Transport) -> None:
        """A client that takes nothing is cut off; what waits for it is bounded."""
        limit = self._world.setting.buffer_bytes + 65_536 + _MAX_EVENT_BYTES
        if transport.most_waiting_bytes > limit:
            raise BrokenPromise(
                f"clause 8: {transport.most_waiting_bytes} bytes wait for one client"
            )
        now_s = self._world.loop.time()
        waiting = transport.get_write_buffer_size()
        taken = transport.out.acknowledged_bytes
        if not waiting or transport.is_lost:
            self._stuck.pop(transport, None)
            return
        before, since_s = self._stuck.get(transport, (taken, now_s))
        if taken > before:
            before, since_s = taken, now_s
        self._stuck[transport] = before, since_s
        if now_s - since_s > 1.25 * _SEND_TIMEOUT_S + 2 * _LOOK_S:
            raise BrokenPromise(
                f"clause 8: a client has taken nothing for {now_s - since_s:.1f} s, and is served"
            )


def _aged(world: World, api: API, table: str, position: int) -> str | None:
    """A cursor that its client was left with, though the history has left it behind."""
    begins = position - world.setting.history_max_changes
    for subscriber in world.subscribers if begins > 0 else ():
        if subscriber.api is not api or subscriber.is_slow or subscriber.is_excused:
            continue
        for wish in subscriber.wishes.values():
            is_live = wish.is_asked and wish.holding.stage is Stage.LIVE
            if wish.table.name != table or not is_live or wish.every_ms:
                continue
            assert wish.holding.cursor is not None, "it is live"
            at = place(wish.holding.cursor)
            if at is not None and at.is_whole and at.position < begins:
                return (
                    f"clause 7: the cursor of {wish.id} of {subscriber.name} has aged: it is of "
                    f"{at.position}, and the history begins behind {begins}"
                )
    return None


async def stale(world: World, host: str, for_s: float, *, notice_s: float) -> None:
    """An outage that lasts long enough is seen as STALE by all who read what they are sent."""
    api = world.apis[host]
    began_s = world.loop.time()
    await asyncio.sleep(notice_s + 1.0)
    world.in_background(_expect_stale_pages(world, api, began_s + for_s))
    while world.loop.time() < began_s + for_s:
        if world.apis[host] is not api or not api.is_up:
            return
        _expect_no_ready(world, api, began_s)
        await asyncio.sleep(_LOOK_S)


async def _expect_stale_pages(world: World, api: API, until_s: float) -> None:
    """Queries answer from memory, and say that it is old."""
    for table in [table for table in world.tables if table.name in api.said]:
        status = await world.inquirer.status(api, table, within_s=until_s - world.loop.time())
        if status is None or world.loop.time() >= until_s:
            return
        if status != "STALE":
            raise BrokenPromise(
                f"clause 6: a query for {table.name} is answered with {status}, though the "
                "database is out of reach"
            )


def _expect_no_ready(world: World, api: API, began_s: float) -> None:
    is_sent_more = {each.peer[0] for each in api.sockets if each.out.kernel_bytes}
    for subscriber in world.subscribers:
        is_reached = subscriber.api is api and not (subscriber.is_slow or subscriber.is_excused)
        if subscriber.name in is_sent_more:
            continue  # what waits before the status may take long on a slow link
        for wish in subscriber.wishes.values():
            if is_reached and wish.is_asked and wish.holding.status == "READY":
                raise BrokenPromise(
                    f"clause 5: {wish.id} of {subscriber.name} is READY, though the database has "
                    f"been out of reach for {world.loop.time() - began_s:.1f} s"
                )


async def page_and_watch(
    world: World, subscriber: Subscriber, table: SimulatedTable, where: Where, id_: str
) -> None:
    """A page and its cursor belong together: who subscribes from it misses and repeats nothing."""
    serial = world.truth[table.name].serial_at(world.loop.time() - 1.0)
    api = subscriber.api
    is_loaded = api is not None and table.name in api.said
    had_read = api is not None and table.name in api.has_read
    result = await subscriber.execute(table.query(), {"where": dict(where)})
    if result is None:
        return
    assert api is not None, "it has answered"
    if result.get("errors"):
        _expect_code(result, "FEED_UNAVAILABLE")
        reads_older = result["errors"][0]["message"].startswith("older rows ")
        if reads_older and any(
            feed.table.name == table.name and feed.status is not FeedStatus.READY
            for feed in api.feeds
        ):
            return  # they are not in memory, and the database or their table is out of reach
        _expect_loading(world, api, table, is_loaded=is_loaded)
        return
    (page,) = result["data"].values()
    api.note_status(table.name, page["status"])
    world.note_cursor(page["cursor"])
    holding = Holding(world.truth[table.name], where, world.strictness_for(table))
    holding.begin(include_initial=True, resumes=False, serial=serial)
    cursor = page["cursor"]
    holding.take({"__typename": "FeedState", "status": "INITIALIZING", "cursor": cursor})
    for item in page["items"]:
        holding.take({"__typename": "Added", "cause": "INITIAL", "row": item, "cursor": cursor})
    holding.take({"__typename": "FeedState", "status": page["status"], "cursor": cursor})
    if page["total"] != len(page["items"]):
        raise BrokenPromise(f"a page has {len(page['items'])} rows, and says {page['total']}")
    wish = Wish(id_, table, where, holding, run=subscriber.api)
    wish.run_has_read = had_read or page["status"] == "READY"
    wish.note(cursor, is_of_snapshot=False)
    subscriber.wishes[id_] = wish
    if subscriber.is_acknowledged:
        subscriber._ask(wish, by_init=False)


def _expect_loading(world: World, api: API, table: SimulatedTable, *, is_loaded: bool) -> None:
    """Only a feed that has never had a snapshot may refuse a query."""
    if is_loaded:
        raise BrokenPromise(f"clause 6: {table.name} is refused, which {api.host} has served")
    beginning_s = _BEGINNING_S + _ROUND_TRIPS * 2 * world.setting.latency_s[1]
    age_s = world.loop.time() - api.began_s
    if world.setting.feeds_are_never_lost and age_s > beginning_s:
        raise BrokenPromise(
            f"clause 6: {table.name} is refused by {api.host}, which began {age_s:.1f} s ago, and "
            "has not lost the database"
        )


def watch_from_view(subscriber: Subscriber, which: int, id_: str) -> None:
    """A live page and its cursor belong together, too."""
    view = subscriber.views.view(which)
    holding = None if view is None else subscriber.views.holding(view)
    if view is None or view.shown.last is None or holding is None:
        return
    wish = Wish(id_, view.table, view.shown.where, holding, run=subscriber.api)
    wish.run_has_read = view.shown.last["status"] == "READY"
    wish.note(view.shown.last["cursor"], is_of_snapshot=False)
    subscriber.wishes[id_] = wish
    if subscriber.is_acknowledged:
        subscriber._ask(wish, by_init=False)


async def bad_cursor(subscriber: Subscriber, place: float) -> None:
    """An altered cursor is refused."""
    wishes = [wish for wish in subscriber.wishes.values() if wish.bookmarks]
    if not wishes:
        return
    cursor = wishes[0].bookmarks[-1].cursor
    at = int(place * len(cursor))
    altered = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
    query = wishes[0].table.subscription()
    result = await subscriber.execute(query, {"since": altered})
    if result is not None:
        _expect_code(result, "BAD_CURSOR")


async def mutate(world: World, subscriber: Subscriber, domain: str, url: str | None) -> None:
    """A mutation's write is what the next query shows."""
    if url is None:
        query = "mutation($domain: String!) { deleteDomainLogin(domain: $domain) }"
    else:
        query = (
            "mutation($domain: String!, $url: String) "
            "{ setDomainLogin(domain: $domain, input: {loginUrl: $url}) { domain } }"
        )
    variables = {"domain": domain, "url": url}
    truth = world.truth[LOGIN.name]
    before = len(truth.history(domain)) - 1
    result = await subscriber.execute(query, variables if url else {"domain": domain})
    if result is None:
        return
    is_strict = world.setting.feeds_are_never_lost
    if result.get("errors"):
        code = result["errors"][0].get("extensions", {}).get("code")
        if code == "NOT_FOUND":  # what is not there cannot be deleted
            moments = truth.history(domain)[before:]
            if url is not None or all(moment.row is not None for moment in moments):
                raise BrokenPromise(f"{domain} was not found, and was there: {result['errors']}")
            return
        if is_strict or code not in {*_NOTHING_WRITTEN, "OUTCOME_UNKNOWN"}:
            raise BrokenPromise(f"a mutation failed: {result['errors']}")
        if url is not None and code in _NOTHING_WRITTEN:
            world.unwritten.append((domain, url, code))
        return
    written = len(truth.history(domain)) - 1
    while written and not _is_written(truth.history(domain)[written].row, url):
        written -= 1
    query = f"query($domain: String!) {{ domainLogin(domain: $domain) {{ {LOGIN.selection} }} }}"
    shown = await subscriber.execute(query, {"domain": domain})
    if shown is None or not is_strict or shown.get("errors"):
        return
    row = shown["data"]["domainLogin"]
    if row is not None:
        row["invalidFields"].sort()
    if row not in [moment.row for moment in truth.history(domain)[written:]]:
        raise BrokenPromise(f"a query shows {row} after a mutation that set {domain} to {url}")


def _is_written(row: dict[str, Any] | None, url: str | None) -> bool:
    return row is None if url is None else row is not None and row["loginUrl"] == url


def _expect_code(result: dict[str, Any], code: str) -> None:
    errors = result.get("errors") or [{}]
    found = errors[0].get("extensions", {}).get("code")
    if found != code:
        raise BrokenPromise(f"{code} was to be answered, not {result}")


async def at_rest(world: World) -> None:
    """What must hold when all is calm: queries agree, and nothing is left of what is over."""
    for domain, url, code in world.unwritten:
        if any(_is_written(moment.row, url) for moment in world.truth[LOGIN.name].history(domain)):
            raise BrokenPromise(f"a mutation was answered with {code}, and has set {domain}: {url}")
    for subscriber in world.subscribers:
        for wish in subscriber.wishes.values():
            if wish.pauses is not None:
                wish.pauses.rest()
    began_s = world.loop.time()
    while (
        leftover := await _disagreement(world) or _leftover(world) or _aged_now(world)
    ) is not None:
        waited_s = world.loop.time() - began_s
        # What resynchronises a feed would give fresh cursors, too.
        if waited_s > _LEFTOVERS_S or (waited_s > _FRESH_S and _aged_now(world) is not None):
            raise BrokenPromise(leftover)
        await asyncio.sleep(1.0)


def _aged_now(world: World) -> str | None:
    feeds = ((api, feed) for api in world.apis.values() for feed in api.feeds)
    aged = (_aged(world, api, feed.table.name, feed.position) for api, feed in feeds)
    return next((text for text in aged if text is not None), None)


async def _disagreement(world: World) -> str | None:
    """What a query shows that is not so."""
    for subscriber in world.subscribers[: len(world.setting.hosts)]:
        for table in world.tables:
            result = await subscriber.execute(table.query(), {})
            if result is None or result.get("errors"):
                return f"a query failed: {result}"  # its token may just have ended
            (page,) = result["data"].values()
            world.note_cursor(page["cursor"])
            rows = {item[table.row_key]: item for item in page["items"]}
            for row in rows.values():
                row["invalidFields"].sort()
            wanted = world.truth[table.name].rows({})
            if rows != wanted or page["status"] != "READY":
                return f"a query shows {page}, and {table.name} holds {wanted}"
        if {POLICY.name, SCHEDULE.name, JOB.name} <= {*world.setting.tables}:
            difference = await _wrong_reference(world, subscriber)
            if difference is not None:
                return difference
    return None


async def _wrong_reference(world: World, subscriber: Subscriber) -> str | None:
    query = "{ schedules { items { id policy { id name } jobs { id } latestJob { id } } } }"
    result = await subscriber.execute(query, {})
    if result is None:
        return "the socket was lost"
    policies = world.truth[POLICY.name].rows({})
    schedules = world.truth[SCHEDULE.name].rows({})
    for item in result["data"]["schedules"]["items"]:
        policy = policies.get(schedules[item["id"]]["policyId"] or "")
        wanted = None if policy is None else {"id": policy["id"], "name": policy["name"]}
        if item["policy"] != wanted:
            return f"the schedule {item['id']} has {item['policy']}, not {wanted}"
        jobs = sorted(world.truth[JOB.name].rows({"scheduleId": item["id"]}), reverse=True)
        shown = [job["id"] for job in item["jobs"]]
        if shown != jobs or item["latestJob"] != ({"id": jobs[0]} if jobs else None):
            return f"the schedule {item['id']} has the jobs {shown}, not {jobs}"
    return None


def _leftover(world: World) -> str | None:
    for api in world.apis.values():
        subscribers = [each for each in world.subscribers if each.api is api and each.socket]
        others = [each for each in world.starbelly_clients if each.api is api and each.socket]
        for feed in api.feeds:
            name = feed.table.name
            wanted = sum(
                wish.table.name == name and wish.is_asked
                for each in subscribers
                for wish in each.wishes.values()
            )
            wanted += sum(each.views.asked(name) for each in subscribers)
            wanted += sum(each.asked_tables.count(name) for each in others)
            if feed.subscribers != wanted:
                return f"clause 9: {feed.subscribers} subscribers of {name}, and {wanted} are there"
        asked = [job for each in subscribers for job in each.follows.asked_jobs]
        asked += [job for each in others for job in each.asked_jobs]
        followed = api.followed
        assert followed is not None
        if (followed.partitions, followed.followers) != (len({*asked}), len(asked)):
            return (
                f"results: {followed.followers} follow {followed.partitions} jobs on {api.host}, "
                f"and {asked} are asked for"
            )
    setting = world.setting
    if setting.feeds_are_never_lost and "server power cuts" not in setting.troubles:
        assert world.database is not None
        for name in setting.tables:
            count = world.database.changefeeds(name)
            if count != len(world.apis):
                return f"clause 10: {count} changefeeds of {name} for {len(world.apis)} servers"
    return None


async def shutdown(world: World, api: API, *, grace_s: float) -> None:
    """A shutdown sends everybody away with 1012, one after the other, and leaves nothing behind."""
    began_s = world.loop.time()
    clients = [
        each
        for each in world.clients
        if each.api is api
        and each.is_acknowledged
        and each.socket is not None
        and each.socket.is_established
        and not each.is_slow
        and not each.is_excused
    ]
    sockets = api.sockets
    for each in world.clients:
        if each.api is api:
            each.excuse(grace_s + _BACK_S)
            each.ends.clear()
    since = [(each.process, each.excuses) for each in clients]
    api.newest_at_stop = dict(world.newest)
    api.stop()
    await asyncio.wait({api.task}, timeout=grace_s + _GRACE_AND_LAST_FRAMES_S)
    if not api.task.done():
        raise BrokenPromise(f"clause 9: {api.host} does not end within its grace period")
    if api.task.cancelled():
        return  # it had not started yet: its process ends, and all that has begun in it
    if (error := api.task.exception()) is not None:
        raise BrokenPromise(f"clause 9: {api.host} ended with {error!r}")
    await asyncio.sleep(1.0)
    left = [task.get_name() for task in api.process.tasks]
    if left or api.process.transports:
        raise BrokenPromise(
            f"clause 9: {api.host} has ended, and left {left}, "
            f"{len(api.process.transports)} sockets"
        )
    # A story may also have ended the client's socket, or its subscriptions.
    calm = [
        each
        for each, (process, excuses) in zip(clients, since, strict=True)
        if each.process is process
        and process.is_alive
        and each.excuses == excuses
        and each.slow_until_s < began_s
        and not each.is_stalled
        and (each.ends or each.socket is None or each.socket.is_established)
    ]
    for each in calm:
        sides = [side for side in sockets if side.peer[0] == each.name]
        _judge_farewell(world, api, each, sides)
    # Each kind is spread for itself.
    ends = [each.ends[0].at_s for each in calm if each.ends]
    is_of_one_kind = not world.starbelly_clients and not world.setting.transports
    if len(calm) == len(sockets) > 1 and is_of_one_kind and not world.setting.has_tokens:
        spread_s = max(ends) - min(ends)
        if spread_s < grace_s / len(sockets) - 2 * world.setting.latency_s[1] - 0.1:
            raise BrokenPromise(f"clause 9: everybody was sent away within {spread_s:.2f} s")


def _judge_farewell(
    world: World, api: API, client: ReconnectingClient, sides: list[Transport]
) -> None:
    """A client has got the newest cursor of each table that it holds, and then 1012."""
    setting = world.setting
    code = client.ends[0].code if client.ends else None
    if code != _RESTART:
        is_cut_short = code == _LOST and any(_is_far_behind(world, side) for side in sides)
        if not (setting.has_tokens or is_cut_short):
            raise BrokenPromise(f"clause 9: {client.name} was sent away with {code}, not 1012")
        return
    if setting.troubles & FILLS_BUFFERS:
        return  # there may be no room for it
    for id_, cursor in client.ends[0].cursors.items():
        at = place(cursor)
        newest = 0 if at is None else api.newest_at_stop.get(at.run, 0)
        if at is not None and at.is_whole and at.position < newest:
            raise BrokenPromise(
                f"clause 9: {client.name} was sent away with a cursor of {id_} at {at.position}; "
                f"{newest} was known before"
            )


def _is_far_behind(world: World, side: Transport) -> bool:
    """Whether more was on its way before the close frame, which is the last that is written, than
    the slowest link takes in the time that the frame has: a kernel's buffer in each trip."""
    trips = int(ClientLimits().close_timeout_s / world.setting.client_latency_s[1])
    return side.before_last_bytes > trips * side.out.send_buffer_bytes
