"""The worst inputs that the limits allow, as bytes that are made once. Pure."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from graphql_api.documents.value_count import LITERAL_VALUES, OBJECT_VALUES

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_VALUES = 10_000
MAX_TOKENS = 10_000
MAX_ALIASES = 100
MAX_PAGE_ROWS = 1000
MAX_LEVELS = 30
MAX_COMPARISONS = 20_000
"""The defaults of the settings of the same names; a test compares them."""

BEFORE_ACK_BYTES = 60_000
"""A little less than a WebSocket may send before it is acknowledged."""

POLICY_FIELDS = """id name createdAt updatedAt captchaSolverId authentication { enabled }
limits { maxCost maxDuration maxItems } mimeTypeRules { pattern match save }
proxyRules { pattern match proxyUrl } robotsTxt { usage readSitemaps obeyCrawlDelay }
urlNormalization { enabled stripParameters } urlRules { pattern match action amount }
userAgents { name } problems { path message } invalidFields"""

INTROSPECTION = """{ __schema { types { name description fields { name description
args { name description defaultValue type { name ofType { name ofType { name } } } }
type { name kind ofType { name ofType { name ofType { name } } } } }
inputFields { name description type { name ofType { name } } } enumValues { name description } } } }
"""


def body(query: str, variables: object = None) -> bytes:
    """A request as JSON."""
    payload: dict[str, Any] = {"query": query}
    if variables is not None:
        payload["variables"] = variables
    return json.dumps(payload, separators=(",", ":")).encode()


def _filled(beginning: bytes, item: bytes, end: bytes, length: int = MAX_BODY_BYTES) -> bytes:
    """As often `item` as there is room for."""
    return beginning + item * ((length - len(beginning) - len(end)) // len(item)) + end


_VARIABLES = b'{"query":"{__typename}","variables":{"a":'


@cache
def ints() -> bytes:
    """A body of integers."""
    return _filled(_VARIABLES + b"[1", b",1", b"]}}")


@cache
def objects() -> bytes:
    """A body of objects, each with others inside."""
    return _filled(_VARIABLES + b"[1", b',{"a":{"b":[{}]}}', b"]}}")


@cache
def brackets() -> bytes:
    """A body of nothing but opening brackets, as many as there is room for."""
    return _filled(_VARIABLES, b"[", b"")


@cache
def nested() -> bytes:
    """A body of arrays that are as deep as is allowed."""
    depth = 60
    return _filled(_VARIABLES + b"[1", b"," + b"[" * depth + b"]" * depth, b"]}}")


@cache
def one_string() -> bytes:
    """A body of one string of escapes."""
    return _filled(_VARIABLES + b'"', b"\\u00e9", b'"}}')


@cache
def quotes() -> bytes:
    """A body of escaped quotation marks, and of brackets inside of strings."""
    return _filled(_VARIABLES + b'["', b'\\"[","', b'"]}}')


@cache
def message_before_ack(kind: str) -> str:
    """A long message of nested JSON, of a client that has not said who it is."""
    beginning = b'{"type":"%s","payload":{"a":[1' % kind.encode()
    depth = 55
    item = b"," + b"[" * depth + b"]" * depth
    return _filled(beginning, item, b"]}}", BEFORE_ACK_BYTES).decode()


def many(text: str, number: int) -> str:
    """The same text many times; each `%d` in it stands for its number."""
    return " ".join(text.replace("%d", str(index)) for index in range(number))


@cache
def tokens_of_a_list() -> bytes:
    """A document with as many values as there may be: a filter of many ids."""
    ids = " ".join(['"a"'] * (MAX_VALUES // LITERAL_VALUES - 60))
    return body(f"{{ policies(where: {{ids: [{ids}]}}, limit: 0) {{ total }} }}")


@cache
def unknown_fields() -> bytes:
    """A document of nothing but fields that there are not, each nearly one that there is."""
    return body(f"{{ {many('polices%d', MAX_TOKENS - 10)} }}")


@cache
def unknown_arguments() -> bytes:
    """A document of one field with very many arguments that there are not."""
    return body(f"{{ policies({many('limi%d: 1', (MAX_TOKENS - 20) // 3)}) {{ total }} }}")


@cache
def unused_fragments() -> bytes:
    """A document of as many fragments as there may be, which nothing spreads."""
    number = (MAX_TOKENS - 10) // 7
    return body(f"{{ __typename }} {many('fragment f%d on Policy { id }', number)}")


@cache
def unused_variables() -> bytes:
    """A document that declares as many variables as there may be, and uses none."""
    declared = many("$v%d: PolicyFilter", (MAX_TOKENS - 10) // 4)
    return body(f"query ({declared}) {{ __typename }}")


@cache
def directives() -> bytes:
    """A document of as many directives as there may be, on one field."""
    number = (MAX_TOKENS - 10) // 7
    return body(f"{{ __typename {many('@skip(if: false)', number)} }}")


@cache
def comparisons() -> bytes:
    """A document whose validation takes as many comparisons as it may."""
    number = int((2 * MAX_COMPARISONS) ** 0.5) - 2
    return body(f"{{ policies(limit: 0) {{ {many('total', number)} }} }}")


@cache
def deep_fragments() -> bytes:
    """A document of fragments that spread one another, as deep as is allowed, each widely."""
    depth = MAX_LEVELS - 4
    spread = [
        f"fragment f{level} on Policy {{ id ... f{level + 1} ... on Policy {{ name }} }}"
        for level in range(depth)
    ]
    last = f"fragment f{depth} on Policy {{ {POLICY_FIELDS} }}"
    query = "{ policies(limit: 1000) { items { ...f0 } } }"
    return body(" ".join([query, *spread, last]))


@cache
def full_page(offset: int) -> bytes:
    """A query of two longest pages with all their fields: nearly as many as there may be."""
    pages = " ".join(
        f"p{page}: policies(limit: {MAX_PAGE_ROWS}, offset: {offset + page * MAX_PAGE_ROWS}) "
        f"{{ items {{ {POLICY_FIELDS} }} }}"
        for page in range(2)
    )
    return body(f"{{ {pages} }}")


def pages_by_aliases(rows: int, number: int) -> bytes:
    """A query of a hundred pages, each of one row, with another filter and offset."""
    pages = " ".join(
        f'a{alias}: policies(where: {{nameContains: "#{number % 100:02d}{alias:02d}"}}, limit: 1, '
        f"offset: {alias * rows // MAX_ALIASES}) {{ total items {{ id }} }}"
        for alias in range(MAX_ALIASES - 1)
    )
    return body(f"{{ {pages} }}")


def offsets_by_aliases(rows: int) -> bytes:
    """A query of a hundred pages without filters, at offsets all over the table."""
    pages = " ".join(
        f"a{alias}: policies(limit: 1, offset: {alias * rows // MAX_ALIASES}) {{ items {{ id }} }}"
        for alias in range(MAX_ALIASES - 1)
    )
    return body(f"{{ {pages} }}")


@cache
def problems(rows: int) -> bytes:
    """A query of what is wrong with a thousand rows."""
    del rows
    return body("{ policies(limit: 1000) { items { id problems { path message } } } }")


@cache
def big_filter(number: int) -> dict[str, Any]:
    """A subscription with a filter of as many ids as there may be, another for each number."""
    ids = [f"5a1c9e00-{number:04d}-{index}" for index in range(MAX_VALUES - 40)]
    query = (
        "subscription ($ids: [ID!]) { policyChanges(where: {ids: $ids}, includeInitial: false) "
        "{ __typename ... on FeedState { status } } }"
    )
    return {"query": query, "variables": {"ids": ids}}


JOB_FIELDS = """id name runState seeds tags startedAt completedAt durationS itemCount
httpSuccessCount httpErrorCount exceptionCount httpStatusCounts { statusCode count } scheduleId
policy { name limits { maxCost } } invalidFields"""

RESPONSE_FIELDS = """sequence jobId url canonicalUrl startedAt completedAt durationS cost kind
statusCode contentType headers { name value } exception hasBody invalidFields bodyUrl"""


def older_jobs(number: int) -> bytes:
    """A query of a hundred pages of jobs that the feed does not hold, by filters that few pass."""
    pages = " ".join(
        f'a{alias}: jobs(where: {{nameContains: "#{number % 100:02d}{alias:02d}"}}, limit: 1, '
        f"offset: {alias}) {{ total items {{ id }} }}"
        for alias in range(MAX_ALIASES - 1)
    )
    return body(f"{{ {pages} }}")


@cache
def all_jobs() -> bytes:
    """A query of the longest page of jobs, held and older ones, with all their fields."""
    return body(f"{{ jobs(limit: {MAX_PAGE_ROWS}) {{ total items {{ {JOB_FIELDS} }} }} }}")


@cache
def responses(job: str) -> bytes:
    """A query of a longest page of responses with all their fields."""
    page = f'jobResponses(jobId: "{job}", first: {MAX_PAGE_ROWS})'
    return body(f"{{ {page} {{ items {{ {RESPONSE_FIELDS} }} }} }}")


@cache
def pages_of_responses(job: str) -> bytes:
    """A query of as many longest pages of responses as there may be, of two fields each."""
    pages = " ".join(
        f'a{alias}: jobResponses(jobId: "{job}", first: {MAX_PAGE_ROWS}) {{ items {{ id }} }}'
        for alias in range(MAX_ALIASES // 2 - 1)
    )
    return body(f"{{ {pages} }}")


def forged_log_cursors(job: str, number: int) -> bytes:
    """A query of a hundred pages behind cursors that no server has made."""
    cursor = base64.urlsafe_b64encode(b"%d" % number * 1000).decode()
    pages = " ".join(
        f'a{alias}: jobResponses(jobId: "{job}", after: "{cursor}{alias}") {{ items {{ id }} }}'
        for alias in range(MAX_ALIASES - 1)
    )
    return body(f"{{ {pages} }}")


def following(job: str) -> dict[str, Any]:
    """A subscription to all responses of a job."""
    query = (
        "subscription ($job: ID!) { jobResponseAdded(jobId: $job) "
        f"{{ cursor response {{ {RESPONSE_FIELDS} }} }} }}"
    )
    return {"query": query, "variables": {"job": job}}


def resume(cursor: str, number: int) -> dict[str, Any]:
    """A resumption from an old cursor, with another filter for each number."""
    query = (
        "subscription ($part: String, $since: String) { "
        "policyChanges(where: {nameContains: $part}, since: $since) { __typename } }"
    )
    variables = {"part": f"#0000{number % 10_000:04d}", "since": cursor}
    return {"query": query, "variables": variables}


_CREATE_SCHEDULE = (
    "mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }"
)
_CREATE_POLICY = "mutation ($input: CreatePolicyInput!) { createPolicy(input: $input) { id } }"
_SET_LOGIN = (
    "mutation ($input: DomainLoginInput!) "
    '{ setDomainLogin(domain: "a.example", input: $input) { domain } }'
)


@cache
def seeds(*, are_good: bool) -> bytes:
    """A schedule with as many seeds as there may be; it is refused, as its policy is not there."""
    seed = "https://user:pw@sub{}.example.org/a/b?c=d" if are_good else "https://user:pw@[{}/"
    schedule = {
        "scheduleName": "s",
        "enabled": True,
        "timeUnit": "DAYS",
        "numUnits": 1,
        "timing": "REGULAR_INTERVAL",
        "jobName": "{COUNT}",
        "seeds": [seed.format(index) for index in range(MAX_VALUES - 40)],
        "tags": [],
        "policyId": "none",
    }
    return body(_CREATE_SCHEDULE, {"input": schedule})


def _policy(**more: object) -> dict[str, object]:
    policy: dict[str, object] = {
        "name": "p",
        "mimeTypeRules": [{"save": True}],
        "robotsTxt": {"usage": "OBEY"},
        "urlRules": [{"action": "MULTIPLY", "amount": 1}],
        "userAgents": [{"name": "a"}],
    }
    return policy | more


_PATTERN = r"^(?:[a-z]{{1,20}}|\d+(?:[.,]\d+)*|[^\W_]+(?i:abc|def)){{1,9}}x%d$"


@cache
def rules(number: int, pattern: str = _PATTERN) -> bytes:
    """A policy with so many rules, each with another pattern that takes long to compile."""
    made = [
        {
            "pattern": pattern.replace("%d", str(index)),
            "match": "MATCHES",
            "action": "ADD",
            "amount": 1,
        }
        for index in range(number)
    ]
    last = {"action": "MULTIPLY", "amount": 0}
    # Its solver is not there: so it is not written.
    return body(_CREATE_POLICY, {"input": _policy(urlRules=[*made, last], captchaSolverId="none")})


@cache
def long_pattern() -> bytes:
    """A policy with one pattern that is as long as a body may be."""
    return rules(1, "(?:a|b|[c-x]{{2}})" * (MAX_BODY_BYTES // 24) + "%d")


@cache
def empty_rules() -> bytes:
    """A policy with as many rules as there may be, of which none is right."""
    return body(
        _CREATE_POLICY, {"input": _policy(urlRules=[{}] * ((MAX_VALUES - 100) // OBJECT_VALUES))}
    )


@cache
def solver() -> bytes:
    """A CAPTCHA solver whose values are as long as a body may be, and which is refused."""
    query = (
        "mutation ($input: CreateCaptchaSolverInput!) { createCaptchaSolver(input: $input) { id } }"
    )
    text = "x" * (MAX_BODY_BYTES // 2 - 200)
    solver = {"name": text, "serviceUrl": f"https://user:pw@[{text}/", "apiKey": ""}
    return body(query, {"input": solver})


@cache
def limits() -> bytes:
    """A hundred rate limits in one operation, of domains that nothing can have."""
    limits = " ".join(
        f'a{alias}: setRateLimit(domain: "{"a." * 10_000}{alias}", delayS: 1) {{ id }}'
        for alias in range(MAX_ALIASES - 1)
    )
    return body(f"mutation {{ {limits} }}")


@cache
def users() -> bytes:
    """A domain login with as many users as there may be; the last two have one name."""
    number = MAX_VALUES // (OBJECT_VALUES + 2) - 10
    made = [{"username": f"u{index}", "password": "p"} for index in range(number)]
    users = [*made, {"username": "u0", "password": "p"}]
    return body(_SET_LOGIN, {"input": {"loginUrl": "https://a.example/", "users": users}})
