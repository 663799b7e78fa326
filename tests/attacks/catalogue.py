"""Every attack: its name, the attacker, on how many connections, and what it sends.

A **stranger** has no token, a **reader** one with the scope `read`, a **writer** one with all
scopes; one who is **proxied** is a reader behind a trusted proxy.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from graphql_api.javascript import PATH
from tests.attacks import inputs
from tests.attacks.clients import (
    Body,
    Session,
    control_pings,
    event_streams,
    floods,
    fragments,
    gets,
    handshakes,
    idle,
    operations,
    posts,
    raw,
    slow_readers,
    slow_sockets,
    slow_syncs,
    syncs_beside_slow_ones,
    trailers,
    unknown_socket,
    web_socket,
)
from tests.attacks.crawl import BODIES_JOB, BODY_BYTES, BOMB, JOB, LARGE
from tests.attacks.target import Target


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        who: `stranger`, `reader`, `writer` or `proxied`.
        name: What it is called.
        session: What each of its clients does.
        connections: How many clients there are at once.
        is_tls: Whether it is against a server with a certificate.
        seconds: How long it takes at least.
        needed: How an answer begins that there must be: of a client that does no harm itself.
    """

    who: str
    name: str
    session: Session
    connections: int = 4
    is_tls: bool = False
    seconds: float = 0
    needed: str = ""


def always(made: Callable[[], bytes]) -> Body:
    """A body that is the same each time."""
    return lambda _target, _number: made()


def _bytes_of(text: str) -> Callable[[Target, int], bytes]:
    return lambda target, _: text.replace("HOST", target.address).encode()


def _garbage_token(_: Target, number: int) -> str:
    head = json.dumps({"alg": "HS256", "kid": str(number)})
    parts = (head, json.dumps({"exp": [[[]]] * 1000}), "x" * 32)
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def _with_garbage_token(target: Target, number: int) -> bytes:
    return (
        f"GET /graphql?query={{__typename}} HTTP/1.1\r\nHost: {target.address}\r\n"
        f"Authorization: Bearer {_garbage_token(target, number)}\r\n\r\n"
    ).encode()


def _new_persisted(_: Target, number: int) -> bytes:
    query = f"{{ __typename }} # {number} " + "x" * 10_000
    digest = hashlib.sha256(query.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    return json.dumps({"query": query, "extensions": extensions}).encode()


def _unknown_persisted(_: Target, number: int) -> bytes:
    digest = hashlib.sha256(b"%d" % number).hexdigest()
    return json.dumps(
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    ).encode()


def _big_get(_: Target, number: int) -> str:
    return "/graphql?query=" + quote(f"{{__typename}} #{number}" + "é" * 9000)


def _client_file(_: Target, number: int) -> str:
    names = ("graphql-api-client.tgz", "schema.graphql", "index.js", "none.js")
    return f"{PATH}/{names[number % len(names)]}"


_CHANGES = "subscription { policyChanges { __typename ... on PolicyAdded { policy { id name } } } }"
_SUBSCRIPTION = {"query": _CHANGES}
_HALF_REQUEST = "POST /graphql HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4000000\r\n\r\n{"
_HALF_HANDSHAKE = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 40
_KEPT_ANSWER = posts(lambda target, number: inputs.full_page(number % 5 * target.rows // 5))

_BODIES = {
    "4 MB of integers": inputs.ints,
    "4 MB of objects": inputs.objects,
    "4 MB of brackets": inputs.brackets,
    "4 MB of nested arrays": inputs.nested,
    "4 MB in one string": inputs.one_string,
    "4 MB of quotes": inputs.quotes,
}

_CRAWLS: dict[str, Session] = {
    "1 000 jobs with all fields": posts(always(inputs.all_jobs)),
    "100 pages of older jobs": posts(lambda _, number: inputs.older_jobs(number)),
    "1 000 whole responses": posts(always(lambda: inputs.responses(JOB))),
    "49 pages of responses": posts(always(lambda: inputs.pages_of_responses(JOB))),
    "forged cursors of a log": posts(lambda _, number: inputs.forged_log_cursors(JOB, number)),
    "follows of a job by turns": web_socket(operations(lambda *_: inputs.following(JOB), 50)),
    "event streams of a job": event_streams(
        always(lambda: json.dumps(inputs.following(JOB)).encode())
    ),
    "a body that inflates": gets(lambda *_: f"/responses/{BOMB}/body", accept_encoding="identity"),
    "a body of 16 MB": gets(lambda *_: f"/responses/{LARGE}/body"),
    "links that are forged": gets(
        lambda _, number: f"/responses/{number}/body?expires=9999999999&signature={'x' * 1000}"
    ),
}

_DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "10 000 tokens in a list": inputs.tokens_of_a_list,
    "10 000 unknown fields": inputs.unknown_fields,
    "3 300 unknown arguments": inputs.unknown_arguments,
    "1 400 unused fragments": inputs.unused_fragments,
    "2 500 unused variables": inputs.unused_variables,
    "1 400 directives": inputs.directives,
    "20 000 comparisons": inputs.comparisons,
    "30 levels of fragments": inputs.deep_fragments,
    "introspection": lambda: inputs.body(inputs.INTROSPECTION),
}

_WRITES: dict[str, Callable[[], bytes]] = {
    "10 000 good seeds": lambda: inputs.seeds(are_good=True),
    "10 000 bad seeds": lambda: inputs.seeds(are_good=False),
    "400 costly rules": lambda: inputs.rules(400),
    "2 400 costly rules": lambda: inputs.rules(2400),
    "a pattern of 4 MB": inputs.long_pattern,
    "990 empty rules": inputs.empty_rules,
    "800 users": inputs.users,
    "a CAPTCHA solver of 4 MB": inputs.solver,
    "100 rate limits": inputs.limits,
}

ATTACKS = (
    *(Attack("stranger", name, posts(always(made))) for name, made in _BODIES.items()),
    Attack("stranger", "garbage JWTs", raw(_with_garbage_token)),
    Attack("stranger", "big GETs", gets(_big_get)),
    Attack("stranger", "files of the client package", gets(_client_file)),
    Attack("stranger", "trailers without end", trailers),
    Attack("stranger", "half requests", idle(_bytes_of(_HALF_REQUEST), 100)),
    Attack("stranger", "empty connections", idle(lambda *_: b"", 200)),
    Attack(
        "stranger",
        "60 KB connection_init",
        unknown_socket(floods(lambda: [inputs.message_before_ack("connection_init")])),
    ),
    Attack(
        "stranger",
        "60 KB pings",
        unknown_socket(floods(lambda: [inputs.message_before_ack("ping")])),
    ),
    Attack("stranger", "control pings", unknown_socket(control_pings)),
    Attack("stranger", "fragments of a byte", unknown_socket(floods(lambda: [fragments()]))),
    Attack("stranger", "TLS handshakes", handshakes, is_tls=True),
    Attack("stranger", "half TLS handshakes", idle(lambda *_: _HALF_HANDSHAKE, 200), is_tls=True),
    *(Attack("reader", name, posts(always(made))) for name, made in _BODIES.items()),
    *(Attack("reader", name, posts(always(made))) for name, made in _DOCUMENTS.items()),
    Attack("reader", "2 pages of 1 000 whole rows", _KEPT_ANSWER),
    Attack("reader", "problems of 1 000 rows", posts(lambda t, _: inputs.problems(t.rows))),
    Attack(
        "reader",
        "100 filtered pages",
        posts(lambda t, number: inputs.pages_by_aliases(t.rows, number)),
    ),
    Attack("reader", "100 offsets", posts(lambda t, _: inputs.offsets_by_aliases(t.rows))),
    Attack(
        "reader",
        "filters of 10 000 ids",
        web_socket(operations(lambda _, number: inputs.big_filter(number % 50), 20)),
    ),
    Attack(
        "reader",
        "100 resumes with own filters",
        web_socket(operations(lambda t, number: inputs.resume(t.cursor, number), 100)),
        connections=1,
    ),
    Attack(
        "reader", "subscriptions by turns", web_socket(operations(lambda *_: _SUBSCRIPTION, 50))
    ),
    Attack("reader", "control pings", web_socket(control_pings)),
    Attack("reader", "fragments of a byte", web_socket(floods(lambda: [fragments()]))),
    Attack("reader", "pings", web_socket(floods(lambda: ['{"type":"ping"}']))),
    Attack("reader", "event streams", event_streams(always(lambda: inputs.body(_CHANGES)))),
    Attack("reader", "new persisted documents", posts(_new_persisted)),
    Attack("reader", "unknown persisted documents", posts(_unknown_persisted)),
    Attack("reader", "big GETs", gets(_big_get)),
    Attack(
        "reader",
        "40 slow readers",
        slow_readers(lambda t, number: inputs.full_page(number % 5 * t.rows // 5)),
        connections=40,
    ),
    Attack(
        "reader",
        "20 queries of 40 slow sockets",
        slow_sockets(lambda t, number: inputs.full_page(number % 5 * t.rows // 5), 20),
        connections=40,
    ),
    Attack(
        "reader",
        "50 pages of responses of 20 slow sockets",
        slow_sockets(always(lambda: inputs.responses(JOB)), 50),
        connections=20,
    ),
    *(Attack("reader", name, session) for name, session in _CRAWLS.items()),
    Attack("reader", "40 job syncs of a slow socket", slow_syncs(BODIES_JOB, 40), connections=1),
    Attack("reader", "job syncs of 40 slow sockets", slow_syncs(BODIES_JOB, 1), connections=40),
    Attack(
        "reader",
        "a fast job sync beside 40 slow ones",
        syncs_beside_slow_ones(BODIES_JOB, 40, BODY_BYTES),
        connections=41,
        seconds=25,  # each of the others has the place of a quick one for some time
        needed="a body",
    ),
    *(Attack("writer", name, posts(always(made))) for name, made in _WRITES.items()),
    Attack("proxied", "2 pages of 1 000 whole rows", _KEPT_ANSWER, connections=20),
    Attack(
        "proxied", "10 000 unknown fields", posts(always(inputs.unknown_fields)), connections=20
    ),
    Attack("proxied", "half requests", idle(_bytes_of(_HALF_REQUEST), 100)),
)
