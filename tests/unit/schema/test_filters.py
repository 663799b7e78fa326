from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from strawberry import UNSET

from graphql_api.feeds.cursor import FILTER_BYTES
from graphql_api.schema.filters import NOTHING
from graphql_api.tables.domain_login import DOMAIN_LOGINS, DomainLoginFilter
from graphql_api.tables.policy import POLICIES, PolicyFilter
from graphql_api.tables.schedule import SCHEDULES, Schedule, ScheduleFilter

ABSENT = st.sampled_from([None, UNSET])
WORDS = st.sampled_from(["", "a", "A", "b", "ab", "Straße", "STRASSE"])
LISTS = ABSENT | st.lists(WORDS, max_size=3)
MEMBERS = st.fixed_dictionaries(
    {
        "ids": LISTS,
        "name_contains": ABSENT | WORDS,
        "enabled": ABSENT | st.booleans(),
        "policy_id": ABSENT | WORDS,
        "any_tag": LISTS,
    }
)
SCHEDULE_ROWS = st.builds(
    SCHEDULES.decode,
    WORDS,
    st.fixed_dictionaries(
        {},
        optional={
            "schedule_name": WORDS | st.just(5),
            "enabled": st.booleans(),
            "policy_id": WORDS,
            "tags": st.lists(WORDS, max_size=3),
        },
    ),
)


def is_given(value: object) -> bool:
    return value is not None and value is not UNSET


def expected(members: dict[str, Any], row: Schedule) -> bool:
    """What design says, word by word."""
    given = {name: value for name, value in members.items() if is_given(value)}
    name = row.schedule_name
    wanted = str(given.get("name_contains", "")).casefold()
    return (
        ("ids" not in given or row.id in given["ids"])
        and ("name_contains" not in given or (name is not None and wanted in name.casefold()))
        and ("enabled" not in given or row.enabled is given["enabled"])
        and ("policy_id" not in given or row.policy_id == given["policy_id"])
        and ("any_tag" not in given or any(tag in given["any_tag"] for tag in row.tags or ()))
    )


@given(members=MEMBERS, row=SCHEDULE_ROWS)
def test_all_given_conditions_must_hold(members: dict[str, Any], row: Schedule) -> None:
    where = ScheduleFilter(**members).condition()
    assert (where is None or where.matches(row)) == expected(members, row)


@st.composite
def respelled(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two spellings of one filter."""
    members = draw(MEMBERS)

    def respell(value: Any) -> Any:
        if not is_given(value):
            return draw(ABSENT)
        if isinstance(value, list):
            again = draw(st.lists(st.sampled_from(value), max_size=3)) if value else []
            return draw(st.permutations(value + again))
        return value

    other = {name: respell(value) for name, value in members.items()}
    name = other["name_contains"]
    if is_given(name):
        other["name_contains"] = draw(st.sampled_from([name, name.casefold()]))
    return members, other


@given(respelled())
def test_filters_that_mean_the_same_are_equal(
    spellings: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    one, other = (ScheduleFilter(**members).condition() for members in spellings)
    assert one == other
    assert hash(one) == hash(other)
    assert (one and one.digest) == (other and other.digest)


@given(MEMBERS, MEMBERS)
def test_digests_are_equal_only_for_equal_filters(
    members: dict[str, Any], others: dict[str, Any]
) -> None:
    one, other = ScheduleFilter(**members).condition(), ScheduleFilter(**others).condition()
    assert (one and one.digest) != (other and other.digest) or one == other


def test_no_condition_is_no_filter() -> None:
    assert PolicyFilter().condition() is None
    assert PolicyFilter(ids=None, name_contains=None).condition() is None
    assert ScheduleFilter().condition() is None
    assert DomainLoginFilter().condition() is None


def test_empty_list_matches_nothing_whatever_else_is_given() -> None:
    assert PolicyFilter(ids=[], name_contains="a").condition() is NOTHING
    assert ScheduleFilter(any_tag=[]).condition() is NOTHING
    assert DomainLoginFilter(domains=[]).condition() is NOTHING
    assert not NOTHING.matches(POLICIES.decode("p", {}))
    assert len(NOTHING.digest) == FILTER_BYTES
    assert NOTHING.digest != bytes(FILTER_BYTES)


def test_policies_are_found_by_key_and_name() -> None:
    row = POLICIES.decode("p1", {"name": "Deep Crawl"})
    for where, matches in [
        (PolicyFilter(ids=["p0", "p1"]), True),  # type: ignore[list-item]
        (PolicyFilter(ids=["p0"]), False),  # type: ignore[list-item]
        (PolicyFilter(name_contains="CRAWL"), True),
        (PolicyFilter(ids=["p1"], name_contains="broad"), False),  # type: ignore[list-item]
    ]:
        condition = where.condition()
        assert condition is not None
        assert condition.matches(row) is matches


def test_domain_logins_are_found_by_domain() -> None:
    row = DOMAIN_LOGINS.decode("www.Example.com", {})
    for where, matches in [
        (DomainLoginFilter(domains=["www.Example.com"]), True),
        (DomainLoginFilter(domains=["www.example.com"]), False),
        (DomainLoginFilter(domain_contains="EXAMPLE"), True),
        (DomainLoginFilter(domain_contains="other"), False),
    ]:
        condition = where.condition()
        assert condition is not None
        assert condition.matches(row) is matches


def test_digest_is_the_same_in_every_process() -> None:
    """Python hashes texts in another way in each; a cursor has the digest of an earlier one."""
    for tags in (["a", "b", "c"], ["c", "b", "a", "a"]):
        where = ScheduleFilter(any_tag=tags, enabled=False).condition()
        assert where is not None
        assert len(where.digest) == FILTER_BYTES
        assert where.digest.hex() == "471304082a7e82a5"
