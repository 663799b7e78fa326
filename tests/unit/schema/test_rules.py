"""Every rule of Starbelly's, with the words and the path that a client receives."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from graphql_api.schema.problems import MAX_ITEMS, MAX_PROBLEMS
from graphql_api.tables.policy_rules import MAX_PATTERN_CHARACTERS, MAX_RULES
from tests.for_each import for_each
from tests.unit.schema.documents import SCHEDULE as STORED_SCHEDULE
from tests.unit.schema.harness import Server, serve

CREATE_POLICY = "mutation($input: CreatePolicyInput!) { createPolicy(input: $input) { id } }"
UPDATE_POLICY = """
    mutation($id: ID!, $input: UpdatePolicyInput!) { updatePolicy(id: $id, input: $input) { id } }
"""
CREATE_SCHEDULE = "mutation($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }"
UPDATE_SCHEDULE = """
    mutation($id: ID!, $input: UpdateScheduleInput!) {
      updateSchedule(id: $id, input: $input) { id }
    }
"""
SET_LOGIN = """
    mutation($domain: String!, $input: DomainLoginInput!) {
      setDomainLogin(domain: $domain, input: $input) { id }
    }
"""

RULE = {"pattern": "^a", "match": "MATCHES"}
POLICY: dict[str, Any] = {
    "name": "Forums",
    "limits": {"maxCost": 1.5, "maxDuration": 0, "maxItems": 0},
    "mimeTypeRules": [{**RULE, "save": True}, {"save": False}],
    "proxyRules": [{**RULE, "proxyUrl": "socks5://proxy.example:1080"}, {}],
    "robotsTxt": {"usage": "OBEY"},
    "urlRules": [
        {**RULE, "pattern": "^https?://({SEED_DOMAINS})/", "action": "ADD", "amount": 1},
        {"action": "MULTIPLY", "amount": 0},
    ],
    "userAgents": [{"name": "Starbelly/{VERSION}"}],
}
SCHEDULE: dict[str, Any] = {
    "scheduleName": "Nightly",
    "timeUnit": "DAYS",
    "numUnits": 1,
    "timing": "REGULAR_INTERVAL",
    "jobName": "{COUNT:04} {DATE} {TIME}",
    "seeds": ["https://example.com/"],
    "policyId": "p1",
}
LOGIN: dict[str, Any] = {
    "loginUrl": "https://example.com/login",
    "users": [{"username": "ann", "password": "hunter2"}],
}

ABSENT = object()

Place = tuple[str | int, ...]
Problem = tuple[Place, str]


def changed(values: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    """A copy of an input with another value somewhere."""
    values = copy.deepcopy(values)
    holder: Any = values
    for step in place[:-1]:
        holder = holder[step]
    if value is ABSENT:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return values


async def problems(server: Server, mutation: str, **variables: Any) -> list[Problem]:
    """All that is wrong with an input."""
    result = await server.execute(mutation, **variables)
    if result.errors is None:
        return []
    (error,) = result.errors
    assert error.extensions is not None
    assert error.extensions["code"] == "BAD_USER_INPUT"
    found = [(tuple(p["path"]), p["message"]) for p in error.extensions["problems"]]
    assert error.message == "; ".join(message for _, message in found)
    return found


def says(found: Sequence[tuple[Any, str]], expected: Sequence[tuple[Any, str]]) -> bool:
    """Whether problems are those, whatever reason or advice follows on a colon."""
    return len(found) == len(expected) and all(
        path == wanted and (message == words or message.startswith(words + ": "))
        for (path, message), (wanted, words) in zip(found, expected, strict=True)
    )


SCHEMES = (
    "Must have a valid URL with one of the following schemes: http, https, socks4, socks4a, socks5"
)

LAST_MATCH = {"mimeTypeRules": "Match selector", "proxyRules": "Pattern", "urlRules": "Match"}
"""What Starbelly calls a match selector that a last rule must not have."""

POLICY_RULES: list[tuple[Place, object, Problem]] = [
    *((("name",), blank, (("name",), "Policy name cannot be blank")) for blank in ("", " \t")),
    (("limits", "maxDuration"), -0.5, (("limits", "maxDuration"), "Max duration must be ≥0")),
    (("limits", "maxItems"), -1, (("limits", "maxItems"), "Max items must be ≥0")),
    *(
        ((name,), [], ((name,), f"At least one {kind} is required"))
        for name, kind in [
            ("mimeTypeRules", "MIME type rule"),
            ("urlRules", "URL rule"),
            ("userAgents", "user agent"),
        ]
    ),
    *(
        ((name, 0, "pattern"), value, ((name, 0, "pattern"), f"{what} in {kind} #1"))
        for name, kind in [
            ("mimeTypeRules", "MIME type rule"),
            ("proxyRules", "proxy rule"),
            ("urlRules", "URL rule"),
        ]
        for value, what in [
            ("", "Pattern is required"),
            ("  ", "Pattern is required"),
            (None, "Pattern is required"),
            (ABSENT, "Pattern is required"),
            ("(", "Invalid regular expression"),
            ("a{99999999999}", "Invalid regular expression"),
            ("(" * 900 + ")" * 900, "Invalid regular expression"),
        ]
    ),
    *(
        (
            (name, 0, "match"),
            value,
            ((name, 0, "match"), f"Match selector is required in {kind} #1"),
        )
        for name, kind in [
            ("mimeTypeRules", "MIME type rule"),
            ("proxyRules", "proxy rule"),
            ("urlRules", "URL rule"),
        ]
        for value in (None, ABSENT)
    ),
    *(
        ((name, 1, field), value, ((name, 1, field), f"{what} is not allowed in last {kind}"))
        for name, kind in [
            ("mimeTypeRules", "MIME type rule"),
            ("proxyRules", "proxy rule"),
            ("urlRules", "URL rule"),
        ]
        for field, value, what in [
            ("pattern", "^a", "Pattern"),
            ("match", "MATCHES", LAST_MATCH[name]),
        ]
    ),
    (
        ("urlRules", 0, "pattern"),
        "{SEED_DOMAINS}(",
        (("urlRules", 0, "pattern"), "Invalid regular expression in URL rule #1"),
    ),
    *(
        (
            ("proxyRules", 0, "proxyUrl"),
            absent,
            (("proxyRules", 0, "proxyUrl"), "Proxy URL is required in proxy rule #1"),
        )
        for absent in ("", None, ABSENT)
    ),
    *(
        (
            ("proxyRules", 0, "proxyUrl"),
            url,
            (("proxyRules", 0, "proxyUrl"), f"{SCHEMES} in proxy rule #1"),
        )
        for url in [
            "ftp://a",
            "proxy.example:80",
            "socks5:proxy",
            "http://",
            "socks6://x",
            "  ",
            "\u00a0http://a",
        ]
    ),
    (
        ("proxyRules", 1, "proxyUrl"),
        "file:///x",
        (("proxyRules", 1, "proxyUrl"), f"{SCHEMES} in last proxy rule"),
    ),
    *(
        (
            ("userAgents", 0, "name"),
            blank,
            (("userAgents", 0, "name"), "Name is required in User agent #1"),
        )
        for blank in ("", " ")
    ),
    (
        ("urlRules",),
        [*[POLICY["urlRules"][0]] * MAX_RULES, {"action": "ADD", "amount": 1}],
        (("urlRules",), f"There are more than {MAX_RULES} URL rules"),
    ),
    (
        ("urlRules", 0, "pattern"),
        "a" * MAX_PATTERN_CHARACTERS + "a",
        (("urlRules",), "The patterns of all URL rules are too long together"),
    ),
    (
        ("mimeTypeRules", 0, "pattern"),
        "(?i)" + "[\\u0100-\uffff]" * 21,
        (("mimeTypeRules",), "The patterns of all MIME type rules are too long together"),
    ),
]


@for_each(("place", "value", "problem"), POLICY_RULES)
async def test_policy_that_breaks_a_rule_is_refused(
    place: Place, value: object, problem: Problem
) -> None:
    path, message = problem
    async with serve({"policy": []}) as server:
        found = await problems(server, CREATE_POLICY, input=changed(POLICY, place, value))
        assert says(found, [(("input", *path), message.replace("  ", " "))]), found
        assert server.store.documents("policy") == []


@for_each(
    ("place", "value"),
    [
        (("proxyRules",), []),
        (("proxyRules",), None),
        (("proxyRules", 1, "proxyUrl"), "http://user:password@proxy.example"),
        *((("proxyRules", 0, "proxyUrl"), f"{s}://h") for s in ("http", "https", "socks4a")),
        (("limits",), None),
        (("limits", "maxCost"), -1.5),
        (("limits", "maxDuration"), None),
        (("urlRules",), [{"action": "ADD", "amount": 0, "pattern": None, "match": None}]),
        (("urlRules", 0, "pattern"), "[[a]"),
        (("authentication",), None),
        (("urlNormalization",), None),
        (("captchaSolverId",), None),
    ],
)
async def test_policy_that_keeps_the_rules_is_accepted(place: Place, value: object) -> None:
    async with serve({"policy": []}) as server:
        assert await problems(server, CREATE_POLICY, input=changed(POLICY, place, value)) == []


async def test_all_problems_are_reported_at_once_in_order() -> None:
    values = {
        "name": "",
        "limits": {"maxItems": -1},
        "mimeTypeRules": [],
        "robotsTxt": {"usage": "OBEY"},
        "urlRules": [
            POLICY["urlRules"][0],
            {"pattern": "(", "action": "ADD", "amount": 1},
            {"match": "MATCHES", "action": "ADD", "amount": 1},
        ],
        "userAgents": [],
    }
    async with serve({"policy": []}) as server:
        found = [
            (path[1:], message)
            for path, message in await problems(server, CREATE_POLICY, input=values)
        ]
        expected: list[Problem] = [
            (("name",), "Policy name cannot be blank"),
            (("limits", "maxItems"), "Max items must be ≥0"),
            (("mimeTypeRules",), "At least one MIME type rule is required"),
            (("urlRules", 1, "pattern"), "Invalid regular expression in URL rule #2"),
            (("urlRules", 1, "match"), "Match selector is required in URL rule #2"),
            (("urlRules", 2, "match"), "Match is not allowed in last URL rule"),
            (("userAgents",), "At least one user agent is required"),
        ]
        assert says(found, expected), found


async def test_an_update_is_asked_only_about_what_it_gives() -> None:
    async with serve({"policy": [{"id": "p1", "url_rules": "odd"}]}) as server:
        assert await problems(server, UPDATE_POLICY, id="p1", input={"name": "New"}) == []
        assert await problems(server, UPDATE_POLICY, id="p1", input={"robotsTxt": {}}) == [
            (("input", "robotsTxt", "usage"), "Robots.txt usage is required")
        ]


@for_each(
    ("name", "problem"),
    [
        ("name", (("name",), "Policy name cannot be blank")),
        ("mimeTypeRules", (("mimeTypeRules",), "At least one MIME type rule is required")),
        ("robotsTxt", (("robotsTxt", "usage"), "Robots.txt usage is required")),
        ("urlRules", (("urlRules",), "At least one URL rule is required")),
        ("userAgents", (("userAgents",), "At least one user agent is required")),
    ],
)
async def test_an_update_takes_from_a_policy_nothing_that_it_needs(
    name: str, problem: Problem
) -> None:
    path, message = problem
    async with serve({"policy": [{"id": "p1"}]}) as server:
        found = await problems(server, UPDATE_POLICY, id="p1", input={name: None})
        assert found == [(("input", *path), message)]


@for_each(
    ("name", "message"),
    [
        ("scheduleName", "Schedule name cannot be blank"),
        ("timeUnit", "Time unit is required"),
        ("numUnits", "Time units must be positive"),
        ("timing", "Timing is required"),
        ("jobName", "Job name cannot be blank"),
        ("seeds", "Crawl schedule must have at least one seed URL"),
        ("policyId", "Policy is required"),
    ],
)
async def test_an_update_takes_from_a_schedule_nothing_that_it_needs(
    name: str, message: str
) -> None:
    async with serve({"policy": [], "schedule": [STORED_SCHEDULE]}) as server:
        found = await problems(server, UPDATE_SCHEDULE, id="s1", input={name: None})
        assert found == [(("input", name), message)]


SCHEDULE_RULES: list[tuple[Place, object, Problem]] = [
    (("seeds",), [], (("seeds",), "Crawl schedule must have at least one seed URL")),
    (("seeds", 0), " ", (("seeds", 0), "URL is required in seed #1")),
    *(
        (("seeds", 0), seed, (("seeds", 0), "Invalid URL in seed #1"))
        for seed in [
            "example.com",
            "//example.com/",
            "/path",
            "ftp://example.com/",
            "http:example.com",
            "http:/example.com",
            "http://",
            "http:///path",
            "https://?x",
            "http://:80/",
            "http://user:password@/",
            "http://example.com:port/",
            "http://example.com:65536/",
            "http://example.com:-1/",
            "http://[::1/",
            "http://[nothing]/",
            "http://::1/",
            "http://bücher.example/",
            "http://\uff41.example/",
            "http://xn--bcher-kva.example/",
            "http://XN--a/",
            "http://xn--zzzzzzzzzzzz.example/",
            "http://ü@example.com/",
            " http://example.com/",
            "http://example.com/\n",
            "http://exam ple.com/",
            "http://exam\tple.com/",
            "http://a..example/",
            "http://" + "a" * 64 + ".example/",
            "http://example.com\\@other.example/",
            "javascript:alert(1)",
        ]
    ),
    *((("numUnits",), n, (("numUnits",), "Time units must be positive")) for n in (0, -1)),
    *(
        (
            ("jobName",),
            name,
            (("jobName",), "Invalid variable in job name: COUNT, DATE, & TIME are allowed"),
        )
        for name in (
            "{JOB}",
            "{}",
            "{0}",
            "{ COUNT}",
            "{count}",
        )
    ),
    *(
        (("jobName",), name, (("jobName",), "Invalid job name"))
        for name in (
            "{",
            "}",
            "{COUNT",
            "{COUNT:x^999999999}",
            "{COUNT:{DATE}}",
            "{COUNT!x}",
            "{DATE:d}",
            "{COUNT:c}",
            "{COUNT.real}",
            "{COUNT.__class__}",
            "{COUNT[0]}",
            "{DATE[real]}",
        )
    ),
    (("jobName",), "", (("jobName",), "Job name cannot be blank")),
    (("scheduleName",), "", (("scheduleName",), "Schedule name cannot be blank")),
    (("policyId",), "", (("policyId",), "Policy is required")),
    *(
        (("policyId",), key, (("policyId",), "Policy does not exist"))
        for key in ("p2", "p" * 128, "p\0", "ä" * 64)
    ),
    (("enabled",), None, (("enabled",), "Enabled must be true or false")),
]


@for_each(("place", "value", "problem"), SCHEDULE_RULES)
async def test_schedule_that_breaks_a_rule_is_refused(
    place: Place, value: object, problem: Problem
) -> None:
    path, message = problem
    async with serve({"policy": [{"id": "p1"}], "schedule": []}) as server:
        values = changed({**SCHEDULE, "enabled": True}, place, value)
        found = await problems(server, CREATE_SCHEDULE, input=values)
        assert says(found, [(("input", *path), message)]), found
        assert server.store.documents("schedule") == []


@for_each(
    ("place", "value"),
    [
        (("jobName",), "100 % of {{it}} {COUNT:>10d} {DATE!r:.10}"),
        (("tags",), None),
        (("tags",), ["news"]),
        (("jobName",), "{DATE[0]} {COUNT:>100}"),
        *(
            (("seeds",), [seed])
            for seed in [
                "http://h",
                "HTTPS://User:p%40ss@Example.com:8443/a b?c=é#d",
                "http://127.0.0.1/",
                "http://[::1]:80/",
                "http://under_score.example.",
                "http://h:/",
            ]
        ),
        *((("numUnits",), number) for number in (1, 365)),
    ],
)
async def test_schedule_that_keeps_the_rules_is_accepted(place: Place, value: object) -> None:
    async with serve({"policy": [{"id": "p1"}], "schedule": []}) as server:
        assert await problems(server, CREATE_SCHEDULE, input=changed(SCHEDULE, place, value)) == []
        (document,) = server.store.documents("schedule")
        assert document["job_count"] == 0
        assert document["enabled"] is True


LOGIN_RULES: list[tuple[Place, object, Problem]] = [
    *(
        (("loginUrl",), url, (("loginUrl",), "Invalid login URL"))
        for url in ("x", "/login", "example.com/login", "ftp://h/", "http://", "http://h:x/", "//h")
    ),
    *(
        (("loginUrl",), url, (("loginUrl",), "Login URL is required to create a domain login"))
        for url in ("", None, ABSENT)
    ),
    *(
        (
            ("users", 0, "username"),
            name,
            (("users", 0, "username"), "Username is required in user #1"),
        )
        for name in ("", " ")
    ),
    (
        ("users",),
        [{"username": "ann", "password": "1"}, {"username": "ann", "password": "2"}],
        (("users", 1, "username"), "Username is there twice in user #2"),
    ),
    (
        ("users", 0, "password"),
        ABSENT,
        (("users", 0, "password"), "Password is required in user #1"),
    ),
    *(
        (
            ("users", 0, "password"),
            blank,
            (
                ("users", 0, "password"),
                "Password cannot be blank (leave it out to keep the stored one) in user #1",
            ),
        )
        for blank in ("", None)
    ),
]


@for_each(("place", "value", "problem"), LOGIN_RULES)
async def test_domain_login_that_breaks_a_rule_is_refused(
    place: Place, value: object, problem: Problem
) -> None:
    path, message = problem
    async with serve({"domain_login": []}) as server:
        values = changed(LOGIN, place, value)
        found = await problems(server, SET_LOGIN, domain="example.com", input=values)
        assert says(found, [(("input", *path), message)]), found


async def test_login_url_cannot_be_cleared_later() -> None:
    async with serve({"domain_login": [{"domain": "example.com"}]}) as server:
        assert await problems(server, SET_LOGIN, domain="example.com", input={}) == []
        for blank in ("", None):
            assert await problems(
                server, SET_LOGIN, domain="example.com", input={"loginUrl": blank}
            ) == [(("input", "loginUrl"), "Login URL cannot be blank")]


@for_each("domain", ["", " ", "x" * 128, "a\0b", "\ud800", "A", ("x" * 60 + ".") * 3])
async def test_domain_that_cannot_be_a_key_is_refused_with_all_else(domain: str) -> None:
    async with serve({"domain_login": []}) as server:
        found = await problems(server, SET_LOGIN, domain=domain, input={})
        assert [path for path, _ in found] == [("domain",), ("input", "loginUrl")]


@for_each(
    ("domain", "better"),
    [
        ("HTTP://Example.org/x", "example.org"),
        ("Example.org", "example.org"),
        ("example.org:80", "example.org"),
        (" example.org", "example.org"),
        ("example.org/", "example.org"),
        ("user:password@example.org", "example.org"),
        ("*.example.org", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[::1]:80", "::1"),
        ("FE80::0:1", "fe80::1"),
        ("exam ple.org", None),
        ("a..b", None),
    ],
)
async def test_key_that_can_never_match_is_refused_with_the_one_that_would(
    domain: str, better: str | None
) -> None:
    async with serve({"domain_login": []}) as server:
        ((path, message),) = await problems(server, SET_LOGIN, domain=domain, input=LOGIN)
        assert path == ("domain",)
        assert message.startswith("Domain never matches: ")
        assert message.endswith(f": write {better}") == (better is not None)
        assert "password" not in message


@for_each(
    "domain", ["example.org", "localhost", "127.0.0.1", "::1", "a_b.c-d.example.", "xn--p1ai"]
)
async def test_key_that_is_a_bare_host_is_accepted(domain: str) -> None:
    async with serve({"domain_login": []}) as server:
        assert await problems(server, SET_LOGIN, domain=domain, input=LOGIN) == []


async def test_login_with_a_key_that_never_matches_can_be_deleted() -> None:
    async with serve({"domain_login": [{"domain": "HTTP://Example.org"}]}) as server:
        await server.data('mutation { deleteDomainLogin(domain: "HTTP://Example.org") }')
        assert server.store.documents("domain_login") == []


async def test_very_many_problems_of_an_input_are_counted_and_not_listed() -> None:
    agents = [{"name": "{"}] * 9_000
    async with serve({"policy": []}) as server:
        found = await problems(server, CREATE_POLICY, input={**POLICY, "userAgents": agents})
        assert len(found) == MAX_PROBLEMS + 1
        assert found[-1] == ((), "8900 more problems are not listed")


@for_each(
    ("pattern", "better"),
    [
        (r"/\d{4}/", r"/\d{{4}}/"),
        ("[^{}]+", "[^{{}}]+"),
        (r"({SEED_DOMAINS})/\d{2}", r"({SEED_DOMAINS})/\d{{2}}"),
        ("a{{2}}b{2}", "a{{2}}b{{2}}"),
        ("{X}", "{{X}}"),
    ],
)
async def test_pattern_with_single_braces_is_refused_with_the_one_that_is_meant(
    pattern: str, better: str
) -> None:
    place = ("urlRules", 0, "pattern")
    async with serve({"policy": []}) as server:
        ((_, message),) = await problems(
            server, CREATE_POLICY, input=changed(POLICY, place, pattern)
        )
        assert message.endswith(f"write `{better}`")
        assert await problems(server, CREATE_POLICY, input=changed(POLICY, place, better)) == []


@for_each(
    ("place", "value"),
    [
        (("name",), "\ud800"),
        (("userAgents", 0, "name"), "a\udfff"),
        (("urlRules", 0, "pattern"), "\ud83d"),
        (("urlNormalization",), {"stripParameters": ["\ud800"]}),
    ],
)
async def test_half_of_a_character_is_refused_at_its_place(place: Place, value: object) -> None:
    async with serve({"policy": []}) as server:
        ((path, message),) = await problems(
            server, CREATE_POLICY, input=changed(POLICY, place, value)
        )
        assert path[: len(place) + 1] == ("input", *place)
        assert message == "Text has a lone surrogate, which is half of a character"


async def test_more_items_than_a_list_can_hold_are_refused() -> None:
    given = {"stripParameters": ["x"] * (MAX_ITEMS + 1)}
    async with serve({"policy": []}) as server:
        assert await problems(
            server, CREATE_POLICY, input={**POLICY, "urlNormalization": given}
        ) == [
            (("input", "urlNormalization", "stripParameters"), "There are more than 100000 items")
        ]


@for_each(
    ("url", "is_accepted"),
    [
        *((f"{s}://h", True) for s in ("http", "https", "socks4", "socks4a", "socks5", "SOCKS5")),
        *(
            (f"http://{host}", True)
            for host in ("h:0", "h:65535", "h:", "[::1]:1", "u:p@h", "ü.de")
        ),
        *((f" http://h{end}", True) for end in ("", " ", "\n", "/path", "?q", "#f")),
        *((f"http:{rest}", False) for rest in ("h", "/h", "//", "///h", "//?q", "//:80", "//u:p@")),
        *((f"http://h:{port}", False) for port in ("65536", "-1", "x", "1x", "80:80")),
        *((f"http://{host}", False) for host in ("[::1", "::1]", "[zz]", "[::1]x", "a]b", " ")),
        *((url, False) for url in ("h:80", "//h", "ftp://h", "socks5h://h", "javascript:1", "x")),
    ],
)
async def test_proxy_needs_a_scheme_a_host_and_a_port_in_range(url: str, is_accepted: bool) -> None:
    async with serve({"policy": []}) as server:
        for index in (0, 1):
            values = changed(POLICY, ("proxyRules", index, "proxyUrl"), url)
            assert (await problems(server, CREATE_POLICY, input=values) == []) == is_accepted
