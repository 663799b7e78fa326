"""Whatever keeps the rules is stored, served and written back, and is found unchanged."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.masking import mask_password
from tests.properties import examples
from tests.server.mutations import (
    CREATE_POLICY,
    CREATE_SCHEDULE,
    OVERWRITE_POLICY,
    SET_DOMAIN_LOGIN,
    UPDATE_SCHEDULE,
)
from tests.unit.schema.harness import serve

Values = dict[str, Any]

FEW = examples(40)
NOT_WRITTEN = {"id", "createdAt", "updatedAt", "invalidFields", "jobCount", "policy", "domain"}

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAME = TEXT.filter(lambda text: bool(text.strip()))
AGENT = NAME.map(lambda text: text.replace("{", "{{").replace("}", "}}"))
NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=32)
INT = st.integers(0, 2**31 - 1)
PATTERN = st.one_of(
    TEXT.map(re.escape).map(lambda text: text.replace("{", "{{").replace("}", "}}")),
    st.sampled_from(["^text/", r"\.(pdf|zip)$", "({SEED_DOMAINS})/", "[a-z]+"]),
).filter(lambda pattern: bool(pattern.strip()))
HOST = st.from_regex(r"[a-z]{1,8}\.example(:[1-9][0-9]{1,3})?", fullmatch=True)
LOGIN = st.from_regex(r"([a-z]{0,5}(:[A-Za-z0-9%]{1,8})?@)?", fullmatch=True)
PROXY = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https", "socks4", "socks4a", "socks5"]),
    LOGIN,
    HOST,
)


def nullable(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def rules(last: st.SearchStrategy[Values], others: st.SearchStrategy[Values]) -> Any:
    """A list of rules, the last of which applies to everything."""
    condition = st.fixed_dictionaries(
        {"pattern": PATTERN, "match": st.sampled_from(["MATCHES", "DOES_NOT_MATCH"])}
    )
    conditional = st.builds(lambda one, two: {**one, **two}, condition, others)
    return st.builds(lambda many, one: [*many, one], st.lists(conditional, max_size=3), last)


SAVE = st.fixed_dictionaries({"save": st.booleans()})
COST = st.fixed_dictionaries({"action": st.sampled_from(["ADD", "MULTIPLY"]), "amount": NUMBER})

POLICIES = st.fixed_dictionaries(
    {
        "name": NAME,
        "mimeTypeRules": rules(SAVE, SAVE),
        "urlRules": rules(COST, COST),
        "robotsTxt": st.fixed_dictionaries(
            {"usage": st.sampled_from(["OBEY", "INVERT", "IGNORE"])},
            optional={
                "readSitemaps": nullable(st.booleans()),
                "obeyCrawlDelay": nullable(st.booleans()),
            },
        ),
        "userAgents": st.lists(st.fixed_dictionaries({"name": AGENT}), min_size=1, max_size=3),
    },
    optional={
        "captchaSolverId": st.sampled_from([None, "c1"]),
        "authentication": nullable(st.fixed_dictionaries({}, optional={"enabled": st.booleans()})),
        "limits": nullable(
            st.fixed_dictionaries(
                {},
                optional={
                    "maxCost": nullable(NUMBER),
                    "maxDuration": nullable(st.floats(0, 1e9)),
                    "maxItems": nullable(INT),
                },
            )
        ),
        "proxyRules": rules(
            st.fixed_dictionaries({}, optional={"proxyUrl": PROXY}),
            st.fixed_dictionaries({"proxyUrl": PROXY}),
        ),
        "urlNormalization": nullable(
            st.fixed_dictionaries(
                {},
                optional={
                    "enabled": st.booleans(),
                    "stripParameters": nullable(st.lists(TEXT, max_size=3)),
                },
            )
        ),
    },
)

SCHEDULES = st.fixed_dictionaries(
    {
        "scheduleName": NAME,
        "timeUnit": st.sampled_from(["MINUTES", "HOURS", "DAYS", "WEEKS", "MONTHS", "YEARS"]),
        "numUnits": st.integers(1, 7000),
        "timing": st.sampled_from(["AFTER_PREVIOUS_JOB_FINISHED", "REGULAR_INTERVAL"]),
        "jobName": st.builds(
            lambda text, field: text.replace("{", "{{").replace("}", "}}") + field,
            NAME,
            st.sampled_from(["", " {COUNT}", " {DATE} {TIME}", "{COUNT:05}"]),
        ),
        "seeds": st.lists(st.builds("https://{}{}/".format, LOGIN, HOST), min_size=1, max_size=3),
        "policyId": st.just("p1"),
    },
    optional={"enabled": st.booleans(), "tags": nullable(st.lists(TEXT, max_size=3))},
)

USERS = st.lists(
    st.fixed_dictionaries(
        {"username": NAME, "password": TEXT.filter(bool)}, optional={"working": st.booleans()}
    ),
    max_size=3,
    unique_by=lambda user: user["username"],
)
LOGINS = st.fixed_dictionaries(
    {"loginUrl": st.builds("https://{}{}/login".format, LOGIN, HOST)},
    optional={"loginTest": nullable(TEXT), "users": USERS},
)


def masked(value: Any) -> Any:
    """What is served for a value that was given."""
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return mask_password(value) if isinstance(value, str) and "://" in value else value


def shows(served: Any, given: Any) -> bool:
    """Whether what is served is what was given, and more where that was not all."""
    if isinstance(given, dict):
        return isinstance(served, dict) and all(
            shows(served[name], item) for name, item in given.items()
        )
    if isinstance(given, list):
        pairs = zip(served, given, strict=True)
        return all(shows(one, other) for one, other in pairs)
    return given is None or served == masked(given)


def as_input(served: Values) -> Values:
    """What a form that shows everything writes back."""
    return {name: value for name, value in served.items() if name not in NOT_WRITTEN}


def without_time(document: Any) -> Values:
    return {name: value for name, value in document.items() if name != "updated_at"}


@given(POLICIES)
@FEW
async def test_policy_that_is_read_and_written_back_is_unchanged(values: Values) -> None:
    async with serve({"policy": [], "captcha_solver": [{"id": "c1"}]}) as server:
        (served,) = (await server.data(CREATE_POLICY, input=values)).values()
        assert served["invalidFields"] == []
        assert shows(served, values)
        (stored,) = server.store.documents("policy")
        (again,) = (
            await server.data(OVERWRITE_POLICY, id=served["id"], input=as_input(served))
        ).values()
        assert again == served | {"updatedAt": again["updatedAt"]}
        assert without_time(server.store.documents("policy")[0]) == without_time(stored)


@given(SCHEDULES)
@FEW
async def test_schedule_that_is_read_and_written_back_is_unchanged(values: Values) -> None:
    async with serve({"policy": [{"id": "p1"}], "schedule": []}) as server:
        (served,) = (await server.data(CREATE_SCHEDULE, input=values)).values()
        assert served["invalidFields"] == []
        assert shows(served, values)
        (stored,) = server.store.documents("schedule")
        await server.data(UPDATE_SCHEDULE, id=served["id"], input=as_input(served))
        assert without_time(server.store.documents("schedule")[0]) == without_time(stored)


@given(LOGINS)
@FEW
async def test_domain_login_that_is_read_and_written_back_is_unchanged(values: Values) -> None:
    async with serve({"domain_login": []}) as server:
        variables = {"domain": "example.com"}
        (served,) = (await server.data(SET_DOMAIN_LOGIN, **variables, input=values)).values()
        assert served["invalidFields"] == []
        (stored,) = server.store.documents("domain_login")
        assert [user.pop("hasPassword") for user in served["users"]] == [True] * len(
            served["users"]
        )
        again = as_input(served)
        await server.data(SET_DOMAIN_LOGIN, **variables, input=again)
        assert server.store.documents("domain_login") == [stored]
