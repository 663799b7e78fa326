"""What each term gives, and how it fails."""

# ruff: noqa: E501 - RethinkDB's messages stand on one line, to be found by a search

from __future__ import annotations

from typing import Any

import pytest

from graphql_api.embedded import datum
from graphql_api.embedded.errors import ErrorStage
from tests.for_each import for_each
from tests.unit.embedded.reql import NOW, Reql, r

T = r.table("t")
ROWS: list[Any] = [
    {"id": "a", "n": 1, "tags": ["x", "y"], "at": {"lat": 1}},
    {"id": "b", "n": 2, "tags": ["y"]},
    {"id": "c", "tags": [], "n": None},
    {"id": "d", "n": 1, "name": "dé"},
]


@pytest.fixture
async def rows(reql: Reql) -> Reql:
    await reql.run(T.insert(ROWS))
    return reql


def ids(result: Any) -> list[Any]:
    return [row["id"] for row in result]


async def test_text_about_a_missing_field_is_made_for_those_who_read_it_only(
    rows: Reql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a document of 20 MB it takes longer than all else."""
    printed: list[object] = []

    def pretty_print(value: object) -> str:
        printed.append(value)
        return "a text"

    monkeypatch.setattr(datum, "pretty_print", pretty_print)
    assert await rows.run(T.get("a")["missing"].default(1)) == 1
    assert await rows.run(T.filter(r.row["missing"].eq(1)).coerce_to("array")) == []
    assert printed == []
    missing = "No attribute `missing` in object:\na text"
    assert await rows.run(T.get("a")["missing"].default(lambda error: error)) == missing
    assert len(printed) == 1


# --- control ---


@for_each(
    ("query", "value"),
    [
        (r.expr(1).eq(1, 1.0), True),
        (r.expr(1).eq(True), False),
        (r.expr(1).ne(2), True),
        (r.expr(1).ne(1, 1), False),
        (r.expr(1).lt(2, 3), True),
        (r.expr(1).lt(2, 2), False),
        (r.expr(2).le(2), True),
        (r.expr("b").gt("a"), True),
        (r.expr([1]).ge([1, 0]), False),
        (r.expr(None).lt(0), True),
        (r.not_(None), True),
        (r.and_(1, 2), 2),
        (r.and_(1, False, r.error("not reached")), False),
        (r.and_(), True),
        (r.or_(False, None), None),
        (r.or_(3, r.error("not reached")), 3),
        (r.or_(), False),
        (r.branch(False, 1, True, 2, 3), 2),
        (r.branch(None, 1, 2), 2),
        (r.do(1, 2, lambda a, b: a + b), 3),
        (r.do(5), 5),
        (r.expr(None).default(1), 1),
        (r.expr({})["x"].default(lambda message: message), "No attribute `x` in object:\n{}"),
        (r.expr(None).default(r.error()), None),
        (r.expr(0).default(1), 0),
        (r.add(1, 2, 3.5), 6.5),
        (r.expr("a") + "b", "ab"),
        (r.add([1], [2]), [1, 2]),
        (r.expr(5) - 7, -2),
        (r.expr(2) * 3 * 0.5, 3),
        (r.expr([1, 2]) * 2, [1, 2, 1, 2]),
        (r.expr(1) / 4, 0.25),
        (r.expr(-7) % 3, -1),
        (r.expr(9007199254740992) + 1, 9007199254740992),
        (r.epoch_time(10) + 5, {"$reql_type$": "TIME", "epoch_time": 15, "timezone": "+00:00"}),
        (r.epoch_time(10) - r.epoch_time(4), 6),
        (r.epoch_time(10) - 0.5, {"$reql_type$": "TIME", "epoch_time": 9.5, "timezone": "+00:00"}),
    ],
)
async def test_control(reql: Reql, query: Any, value: Any) -> None:
    assert repr(await reql.run(query)) == repr(value)


@for_each(
    ("query", "message", "backtrace"),
    [
        (r.expr(1) + "a", "Expected type NUMBER but found STRING.", ()),
        (r.expr("a") + 1, "Expected type STRING but found NUMBER.", ()),
        (r.expr({}) + 1, "Expected type NUMBER but found OBJECT.", ()),
        (r.expr(1) / 0, "Cannot divide by zero.", ()),
        (r.expr(1) % 0, "Cannot take a number modulo 0.", ()),
        (r.expr(1e308) * 10, "Non-finite number: inf", ()),
        (r.expr([1]) * -1, "Cannot multiply an ARRAY by a negative number.", ()),
        (
            r.branch(True, 1, True, 2),
            "Cannot call `branch` term with an even number of arguments.",
            (),
        ),
        (r.error("boom"), "boom", ()),
        (r.error(), "Empty ERROR term outside a default block.", ()),
        (r.expr([r.error("deep")]), "deep", (0,)),
        (r.expr({"a": r.error("deep")}), "deep", ("a",)),
        (r.expr(1).do(lambda _: r.error("in")), "in", (0, 1)),
        (
            r.do(1, 2, lambda a: a),
            "Expected function with 2 arguments but found function with 1 argument.",
            (0, 1),
        ),
        (r.expr({})["x"].default(r.error("other")), "other", (1,)),
        (r.expr({})["x"].default(r.error()), "No attribute `x` in object:\n{}", (0,)),
    ],
)
async def test_control_fails(reql: Reql, query: Any, message: str, backtrace: Any) -> None:
    error = await reql.error(query)
    assert (error.message, error.backtrace) == (message, backtrace)


# --- data ---


@for_each(
    ("query", "value"),
    [
        (r.type_of(None), "NULL"),
        (r.type_of(r.table("t")), "TABLE"),
        (r.type_of(r.table("t").order_by(index="id")), "TABLE_SLICE"),
        (r.type_of(r.table("t").filter({})), "SELECTION<STREAM>"),
        (r.type_of(r.table("t").order_by("id")), "SELECTION<ARRAY>"),
        (r.type_of(r.table("t").map(lambda row: row)), "STREAM"),
        (r.type_of(r.table("t").get(1)), "SELECTION<OBJECT>"),
        (r.type_of(r.db("test")), "DB"),
        (r.type_of(r.minval), "MINVAL"),
        (r.type_of(r.binary(b"x")), "PTYPE<BINARY>"),
        (r.expr({"b": 1, "a": 2}).keys(), ["a", "b"]),
        (r.expr({"b": 1, "a": 2}).values(), [2, 1]),
        (r.expr({"b": 1, "a": 2}).coerce_to("array"), [["a", 2], ["b", 1]]),
        (r.expr([["a", 1]]).coerce_to("object"), {"a": 1}),
        (r.expr("12.5e1").coerce_to("number"), 125),
        (r.expr({"a": [1.0, "é"]}).coerce_to("string"), '{"a":[1,"é"]}'),
        (r.expr("é").coerce_to("binary").coerce_to("string"), "é"),
        (r.expr(None).coerce_to("bool"), False),
        (r.table("t").coerce_to("bool"), True),
        (r.expr(0).coerce_to("bool"), True),
        (r.expr(1).coerce_to("number"), 1),
        (r.now(), {"$reql_type$": "TIME", "epoch_time": NOW, "timezone": "+00:00"}),
        (r.iso8601("2026-01-02T03:04:05Z").to_epoch_time(), 1767323045),
        (
            r.iso8601("2026-01-02", default_timezone="+01:00").to_iso8601(),
            "2026-01-02T00:00:00+01:00",
        ),
        (r.point(1.5, -2), {"$reql_type$": "GEOMETRY", "coordinates": [1.5, -2], "type": "Point"}),
        (r.expr([1, 2]).count(), 2),
        (r.expr("dé").count(), 2),
        (r.expr({"a": 1}).count(), 1),
        (r.binary(b"abc").count(), 3),
        (r.expr("xay").match("A"), None),
        (
            r.expr("éxay").match("x(a)(z)?"),
            {
                "str": "xa",
                "start": 2,
                "end": 4,
                "groups": [{"str": "a", "start": 3, "end": 4}, None],
            },
        ),
        (r.expr({"a": {"b": 1}}).merge({"a": {"c": 2}}, {"d": 3}), {"a": {"b": 1, "c": 2}, "d": 3}),
        (r.expr({"a": {"b": 1}}).merge({"a": r.literal()}), {}),
        (r.expr({"a": 1}).merge(lambda row: {"b": row["a"] + 1}), {"a": 1, "b": 2}),
        (r.expr({"a": None}).has_fields("a"), False),
        (r.add(r.args([1, 2]), 3), 6),
    ],
)
async def test_data(reql: Reql, query: Any, value: Any) -> None:
    assert await reql.run(query) == value


@for_each(
    ("query", "message", "backtrace"),
    [
        (r.expr(1).keys(), "Cannot call `keys` on objects of type `NUMBER`.", (0,)),
        (r.now().keys(), "Cannot call `keys` on objects of type `PTYPE<TIME>`.", (0,)),
        (r.expr("x").coerce_to("number"), "Could not coerce `x` to NUMBER.", ()),
        (r.expr("x").coerce_to("array"), "Cannot coerce STRING to ARRAY.", (0,)),
        (r.expr("x").coerce_to("nothing"), "Unknown Type: NOTHING", ()),
        (r.expr([1]).coerce_to("object"), "Expected type ARRAY but found NUMBER.", ()),
        (r.expr([[1]]).coerce_to("object"), "Expected array of size 2, but got size 1.", ()),
        (r.db("test").coerce_to("array"), "Cannot coerce DB to ARRAY.", (0,)),
        (r.point(200, 0), "Longitude must be between -180 and 180.  Got 200.", ()),
        (r.point(0, -91), "Latitude must be between -90 and 90.  Got -91.", ()),
        (r.literal(1), None, ()),
        (r.expr({"a": 1}).merge(r.now()), "Cannot merge objects of type `PTYPE<TIME>`.", (1,)),
        (r.expr(5).pluck("a"), "Cannot perform pluck on a non-object non-sequence `5`.", (0,)),
        (r.expr([[1]]).pluck("a"), "Cannot perform pluck on a sequence of sequences.", ()),
        (r.expr([1])["a"], "Cannot perform bracket on a non-object non-sequence `1`.", ()),
        (r.now()["epoch_time"], "Cannot call `bracket` on objects of type `PTYPE<TIME>`.", (0,)),
        (r.expr({"a": 1}).get_field(1), "Expected type STRING but found NUMBER.", (1,)),
        (
            r.expr([1])[True],
            "Expected NUMBER or STRING as second argument to `bracket` but found BOOL.",
            (),
        ),
        (r.expr({}).to_epoch_time(), "Not a TIME pseudotype: `{}`.", (0,)),
        (r.iso8601("x"), "Invalid date string `x` (got `x` but expected a digit).", (0,)),
        (r.expr("x").match("["), None, ()),
    ],
)
async def test_data_fails(reql: Reql, query: Any, message: str | None, backtrace: Any) -> None:
    error = await reql.error(query)
    assert message in (None, error.message)
    assert error.backtrace == backtrace


# --- sequences ---


@for_each(
    ("query", "expected"),
    [
        (T.order_by("n"), ["c", "a", "d", "b"]),
        (T.order_by(r.desc("n")), ["b", "a", "d", "c"]),
        (T.order_by("n", r.desc("id")), ["c", "d", "a", "b"]),
        (T.order_by(lambda row: row["tags"].count()), ["d", "c", "b", "a"]),
        (T.order_by(index="id"), ["a", "b", "c", "d"]),
        (T.order_by(index=r.desc("id")), ["d", "c", "b", "a"]),
        (T.order_by(r.desc("n"), index="id"), ["a", "b", "c", "d"]),
        (T.between("b", "d").order_by(index="id"), ["b", "c"]),
        (T.between("b", "d", left_bound="open", right_bound="closed").order_by("id"), ["c", "d"]),
        (T.between(r.minval, "b").order_by("id"), ["a"]),
        (T.order_by("id").skip(1).limit(2), ["b", "c"]),
        (T.order_by("id").slice(1, 3), ["b", "c"]),
        (T.order_by("id").slice(1, 3, right_bound="closed"), ["b", "c", "d"]),
        (T.order_by("id").limit(0), []),
        (T.filter({"n": 1}).order_by("id"), ["a", "d"]),
        (T.filter({"at": {"lat": 1}}), ["a"]),
        (T.filter({"missing": 1}), []),
        (T.filter({"missing": 1}, default=True).order_by("id"), ["a", "b", "c", "d"]),
        (T.filter(r.row["n"] > 1), ["b"]),
        (T.filter(lambda row: {"n": row["n"]}).order_by("id"), ["a", "b", "c", "d"]),
        (T.filter(True).order_by("id"), ["a", "b", "c", "d"]),
        (T.has_fields("n").order_by("id"), ["a", "b", "d"]),
        (T.get_all("a", "d", "zz").order_by("id"), ["a", "d"]),
        (T.get_all("a", "a"), ["a", "a"]),
        (T.get_all(), []),
        (T.get_all(r.args(["a", "b"])).order_by("id"), ["a", "b"]),
    ],
)
async def test_which_documents(rows: Reql, query: Any, expected: list[str]) -> None:
    assert ids(await rows.run(query)) == expected


@for_each(
    ("query", "value"),
    [
        (T.count(), 4),
        (T.count(r.row["n"] == 1), 2),
        (r.expr([1, 2, 1]).count(1), 2),
        (T["n"].coerce_to("array").count(), 3),
        (T.order_by("id")["id"], ["a", "b", "c", "d"]),
        (T.order_by("id").nth(1)["id"], "b"),
        (T.order_by("id")[-1]["id"], "d"),
        (r.expr([1, 2, 3])[-3], 1),
        (r.expr("héllo").slice(1, 3), "él"),
        (r.expr([1, 2, 3]).slice(-9, 2), [1, 2]),
        (r.binary(b"x" * 56 + b"abc").slice(-3, 1000).coerce_to("string"), "abc"),
        (r.expr([1, 2, 3]).slice(-2, -1), [2]),
        (r.expr([1, 2, 3]).skip(5), []),
        (r.expr([1, 2, 3]).is_empty(), False),
        (T.filter({"n": 9}).is_empty(), True),
        (r.expr([1, 2, 2]).contains(2, 2), True),
        (r.expr([1, 2]).contains(2, 2), False),
        (r.expr([1, 2]).contains(lambda x: x > 1, 1), True),
        (r.expr([]).contains(), False),
        (T.sum("n"), 4),
        (r.expr([1, 2.5]).sum(), 3.5),
        (r.expr([]).sum(), 0),
        (T.has_fields("n").avg("n"), 4 / 3),
        (T.max("n")["id"], "b"),
        (T.has_fields("n").min("n")["id"], "a"),
        (T.max(index="id")["id"], "d"),
        (r.expr([3, 1, 3, "a", 1]).distinct(), [1, 3, "a"]),
        (T.distinct(index="id"), ["a", "b", "c", "d"]),
        (T.map(lambda row: row["id"]).distinct(), ["a", "b", "c", "d"]),
        (r.map([1, 2, 3], [10, 20], lambda a, b: a + b), [11, 22]),
        (r.expr([1, 2]).map(lambda x: x * 2), [2, 4]),
        (T.order_by("id").pluck("id").limit(1), [{"id": "a"}]),
        (T.order_by("id").without("tags", "at", "n").limit(1), [{"id": "a"}]),
        (T.order_by("id").merge({"n": 0}).limit(1)["n"], [0]),
    ],
)
async def test_sequence(rows: Reql, query: Any, value: Any) -> None:
    assert await rows.run(query) == value


@for_each(
    ("query", "message"),
    [
        (T.order_by(), "Must specify something to order by."),
        (T.order_by(index="nope"), "Index `nope` was not found on table `test.t`."),
        (T.order_by("n").order_by(index="id"), None),
        (T.filter({}).order_by(index="id"), None),
        (
            T.order_by(index="id").order_by(index="id"),
            "Cannot perform multiple indexed ORDER_BYs on the same table.",
        ),
        (T.between(1, 2).between(1, 2), "Cannot perform multiple BETWEENs on the same table."),
        (
            T.between(None, 2),
            "Cannot use `null` in BETWEEN, use `r.minval` or `r.maxval` to denote unboundedness.",
        ),
        (
            T.between(1, 2, left_bound="ajar"),
            'Expected `open` or `closed` for optarg `left_bound` (got `"ajar"`).',
        ),
        (T.between(1, 2, index="nope"), "Index `nope` was not found on table `test.t`."),
        (T.get_all(None), "Keys cannot be NULL."),
        (T.get_all(1, index="nope"), "Index `nope` was not found on table `test.t`."),
        (T.limit(-1), "LIMIT takes a non-negative argument (got -1)"),
        (T.order_by("id").slice(-2, -1), "Cannot use a negative left index on a stream."),
        (T.skip(-1), "Cannot use a negative left index on a stream."),
        (T.nth(-2), "Cannot use an index < -1 (-2) on a stream."),
        (T.nth(9), "Index out of bounds: 9"),
        (r.expr([1])[1], "Index out of bounds: 1"),
        (T.avg("missing"), None),
        (T.max("missing"), None),
        (r.expr([]).min(), None),
        (T.sum("id"), "Expected type NUMBER but found STRING."),
        (r.table("empty").min(index="id"), "Table `test.empty` does not exist."),
        (r.expr([1]).map(lambda a, _: a), None),
        (r.expr([1]).distinct(index="x"), "Can only perform an indexed distinct on a TABLE."),
        (r.expr(1).count(), "Cannot convert NUMBER to SEQUENCE"),
        (T.filter(lambda row: row["n"] + 1 > 0, default=r.error()), None),
        (
            r.expr([1]).order_by(r.desc(lambda _: r.table("t").count())),
            "Sorting by a non-deterministic function is not supported.",
        ),
        (T.get([None]), None),
        (
            T.get(None),
            "Primary keys must be either a number, string, bool, pseudotype or array (got type NULL):\nnull",
        ),
        (r.db("test").count(), 'Expected type SEQUENCE but found DATABASE:\ndb("test")'),
        ([16, [1, 1]], "Expected type TABLE but found DATUM:\n1"),
        (T + 1, 'Expected type DATUM but found TABLE:\ntable("t")'),
        (r.db("test"), None),
        (r.table("t", read_mode="x"), None),
        (r.table("t", use_outdated=True), None),
        (r.table("a b"), "Table name `a b` invalid (Use A-Z, a-z, 0-9, _ and - only)."),
        (r.db("nope").table("t"), "Database `nope` does not exist."),
    ],
)
async def test_sequence_fails(rows: Reql, query: Any, message: str | None) -> None:
    assert message in (None, await rows.message(query))


async def test_array_limit_holds_everywhere(rows: Reql) -> None:
    for query in (
        T.coerce_to("array"),
        T.order_by("id"),
        T.distinct().coerce_to("array"),
        r.expr([1, 2, 3, 4]),
        r.add([1, 2], [3, 4]),
        r.expr([1]) * 4,
        r.add(r.expr([1, 2, 3]).map(lambda x: x), [1]),
    ):
        message = await rows.message(query, array_limit=3)
        assert message.startswith("Array over size limit `3`.  To raise the number")
    assert len(await rows.run(T, array_limit=3)) == 4
    assert await rows.message(T, array_limit=0) == "Illegal array size limit `0`.  (Must be >= 1.)"


# --- indexes ---


async def test_indexes(rows: Reql) -> None:
    for query in (
        T.index_create("n"),
        T.index_create("tags", multi=True),
        T.index_create("double", lambda row: row["n"] * 2),
        T.index_create("both", [r.row["n"], r.row["id"]]),
    ):
        assert await rows.run(query) == {"created": 1}
    assert await rows.run(T.index_list()) == ["both", "double", "n", "tags"]
    assert ids(await rows.run(T.get_all(1, index="n").order_by("id"))) == ["a", "d"]
    assert ids(await rows.run(T.get_all("y", index="tags").order_by("id"))) == ["a", "b"]
    assert ids(await rows.run(T.get_all("x", "y", index="tags").order_by("id"))) == ["a", "a", "b"]
    assert ids(await rows.run(T.get_all(4, index="double"))) == ["b"]
    assert ids(await rows.run(T.get_all([1, "d"], index="both"))) == ["d"]
    assert ids(await rows.run(T.between(1, 2, index="n").order_by("id"))) == ["a", "d"]
    assert ids(await rows.run(T.order_by(index="n"))) == ["a", "d", "b"]
    assert ids(await rows.run(T.order_by("id", index=r.desc("n")))) == ["b", "a", "d"]
    assert await rows.run(T.distinct(index="tags")) == ["x", "y"]
    assert await rows.run(T.index_drop("double")) == {"dropped": 1}
    status = await rows.run(T.index_status())
    assert [(row["index"], row["multi"], row["ready"]) for row in status] == [
        ("both", False, True),
        ("n", False, True),
        ("tags", True, True),
    ]


@for_each(
    ("query", "message"),
    [
        (T.index_create("id"), "Index name conflict: `id` is the name of the primary key."),
        (
            T.index_create("x", lambda _: r.table("t").count()),
            "Could not prove function deterministic.  Index functions must be deterministic.",
        ),
        (T.index_create("x", geo=True), "Unrecognized optional argument `geo`."),
        (T.index_create("x", 1), "Expected type FUNCTION but found DATUM:\n1"),
        (T.index_drop("x"), "Index `x` does not exist on table `test.t`."),
        (T.index_wait("x"), "Index `x` was not found on table `test.t`."),
        (T.index_status("x"), "Index `x` was not found on table `test.t`."),
    ],
)
async def test_indexes_fail(reql: Reql, query: Any, message: str) -> None:
    assert await reql.message(query) == message


# --- writes ---


async def test_errors_of_some_rows_do_not_stop_the_others(reql: Reql) -> None:
    result = await reql.run(
        T.insert([{"id": 1}, {"id": None}, 5, {"id": 2}, {"id": 1}], return_changes="always")
    )
    assert (result["inserted"], result["errors"]) == (2, 3)
    assert [change.get("error", "")[:12] for change in result["changes"]] == [
        "",
        "Primary keys",
        "Expected typ",
        "",
        "Duplicate pr",
    ]
    assert await reql.run(T.count()) == 2


NO_KEY = (
    "Primary keys must be either a number, string, bool, pseudotype or array (got type NULL):\nnull"
)


async def test_first_error_is_that_of_a_key_that_is_refused_before_the_batch(reql: Reql) -> None:
    documents: list[Any] = [{"id": "c"}, {"id": "c"}, {"id": None}, {"id": {}}]
    result = await reql.run(T.insert(documents))
    assert (result["inserted"], result["errors"], result["first_error"]) == (1, 3, NO_KEY)


async def test_insert_of_refused_keys_alone_reports_one_of_them(reql: Reql) -> None:
    for return_changes in (True, "always"):
        result = await reql.run(T.insert([{"id": None}, {"id": {}}], return_changes=return_changes))
        assert (result["errors"], result["first_error"]) == (2, NO_KEY)
        assert result["changes"] == [{"old_val": None, "new_val": None, "error": NO_KEY}]


async def test_row_without_a_change_takes_the_next_ones_place_in_changes(rows: Reql) -> None:
    result = await rows.run(T.insert([{"id": "a"}, {"id": "z"}, {"id": "y"}], return_changes=True))
    assert result["errors"] == 1
    assert [change["new_val"]["id"] for change in result["changes"]] == ["y", "z"]


@for_each("return_changes", [True, "always"])
@for_each(
    "write",
    [
        lambda **o: T.filter({"n": 99}).delete(**o),
        lambda **o: T.get_all("none").update({"n": 1}, **o),
        lambda **o: T.between("x", "y").replace({"id": 1}, **o),
        lambda **o: T.insert([], **o),
    ],
)
async def test_write_of_no_row_has_no_changes(
    rows: Reql, write: Any, return_changes: bool | str
) -> None:
    result = await rows.run(write(return_changes=return_changes))
    assert "changes" not in result
    assert sum(result.values()) == 0


async def test_write_of_one_row_that_changes_nothing_has_empty_changes(rows: Reql) -> None:
    nothing = {"old_val": None, "new_val": None}
    for write in (T.get("none").delete, lambda **o: T.get("none").update({}, **o)):
        assert (await rows.run(write(return_changes=True)))["changes"] == []
        assert (await rows.run(write(return_changes="always")))["changes"] == [nothing]
    same = {"n": 1}
    assert (await rows.run(T.get("a").update(same, return_changes=True)))["changes"] == []
    result = await rows.run(T.get("a").update(same, return_changes="always"))
    assert result["changes"] == [{"old_val": ROWS[0], "new_val": ROWS[0]}]


async def test_non_atomic_write_computes_every_row_before_the_first(rows: Reql) -> None:
    count = T.count()
    added = T.update({"n": r.row["n"] + count}, non_atomic=True, return_changes="always")
    result = await rows.run(added)
    assert (result["replaced"], result["errors"]) == (3, 1)
    assert result["first_error"] == "Expected type NUMBER but found NULL."
    assert sorted(change["new_val"]["n"] for change in result["changes"]) == [5, 5, 6]
    # Such a function cannot delete: the row would have to be an object.
    deleted = T.get("a").replace(lambda _: r.branch(count.gt(0), None, 1), non_atomic=True)
    result = await rows.run(deleted)
    assert (result["errors"], result["first_error"]) == (1, "Expected type OBJECT but found NULL.")


@pytest.mark.parametrize(
    "around",
    [
        lambda changes: changes.slice(0, 1),
        lambda changes: changes.skip(0),
        lambda changes: changes.limit(1),
        lambda changes: changes.max(lambda change: change["new_val"]["id"]),
        lambda changes: changes.sum(lambda _: 1),
        lambda changes: changes.nth(0),
        lambda changes: changes.order_by("new_val"),
        lambda changes: changes.distinct(),
        lambda changes: changes.filter({}),
        lambda changes: changes.map(lambda change: change),
        lambda changes: changes.count(),
        lambda changes: changes.contains(1),
        lambda changes: changes.pluck("new_val"),
        lambda changes: changes["new_val"],
        lambda changes: changes.coerce_to("array"),
        lambda changes: changes.default(1),
        lambda changes: changes.type_of(),
        lambda changes: r.branch(changes, 1, 2),
        lambda changes: r.do(changes, lambda change: change),
    ],
)
async def test_write_inside_another_term_is_made_once(reql: Reql, around: Any) -> None:
    await reql.run(around(T.insert({"n": 1}, return_changes=True)["changes"]))
    assert await reql.run(T.count()) == 1


async def test_conflict_function_decides(rows: Reql) -> None:
    def resolve(key: Any, old: Any, new: Any) -> Any:
        return old.merge({"key": key, "n": old["n"] + new["n"]})

    await rows.run(T.insert({"id": "a", "n": 10}, conflict=resolve))
    found = await rows.run(T.get("a"))
    assert (found["key"], found["n"]) == ("id", 11)
    assert "should expect 3 arguments" in await rows.message(
        T.insert({"id": "a"}, conflict=lambda old: old)
    )
    assert await rows.message(T.insert({"id": "a"}, conflict="x")) == (
        'Conflict option `x` unrecognized (options are "error", "replace" and "update").'
    )


@for_each(
    ("query", "first_error"),
    [
        (T.get("a").update({"id": "z"}), "Primary key `id` cannot be changed"),
        (T.get("a").replace({"n": 1}), "Inserted object must have primary key `id`"),
        (T.get("a").replace(5), "Inserted value must be an OBJECT (got NUMBER):\n5"),
        (T.get("new").replace({"id": "other"}), "Primary key `id` cannot be changed (null -> {"),
        (
            T.get("a").update({"x": r.minval}),
            "`r.minval` and `r.maxval` cannot be written to disk.",
        ),
        (T.get("a").update({"t": {"$reql_type$": "FOO"}}), None),
        (
            T.get("a").update(lambda row: {"n": row["id"] + 1}),
            "Expected type STRING but found NUMBER.",
        ),
    ],
)
async def test_row_that_cannot_be_written(rows: Reql, query: Any, first_error: str | None) -> None:
    before = await rows.run(T.get("a"))
    if first_error is None:
        assert "Unknown $reql_type$" in await rows.message(query)
    else:
        result = await rows.run(query)
        assert result["errors"] == 1
        assert result["first_error"].startswith(first_error)
    assert await rows.run(T.get("a")) == before


@for_each(
    ("query", "message"),
    [
        (
            T.insert({"id": 1}, durability="x"),
            'Durability option `x` unrecognized (options are "hard" and "soft").',
        ),
        (
            T.insert({"id": 1}, return_changes="x"),
            "Invalid return_changes value `x` (options are `true`, `false`, and `'always'`.)",
        ),
        (
            T.insert({"id": 1}, return_vals=True),
            "Error: encountered obsolete optarg `return_vals`.  Use `return_changes` instead.",
        ),
        (T.insert(5), "Cannot convert NUMBER to SEQUENCE"),
        # Of several wrong arguments, the one that RethinkDB reads first.
        (
            T.insert(5, durability="x", conflict="y"),
            'Conflict option `y` unrecognized (options are "error", "replace" and "update").',
        ),
        (
            T.get(1).update({"n": r.table("t").count()}, durability="x"),
            'Durability option `x` unrecognized (options are "hard" and "soft").',
        ),
        (
            [54, [1], {"return_changes": "x", "durability": "x"}],
            "Invalid return_changes value `x` (options are `true`, `false`, and `'always'`.)",
        ),
        ([53, [[2, [1]], {}]], "Expected type SELECTION but found DATUM:\n[\n\t1\n]"),
        (
            [54, [T.map(lambda row: row)]],
            "Expected type SELECTION but found SEQUENCE:\nVALUE SEQUENCE",
        ),
        (
            T.get(1).update({"n": r.table("t").count()}),
            "Could not prove argument deterministic.  Maybe you want to use the non_atomic flag?",
        ),
    ],
)
async def test_write_fails_as_a_whole(rows: Reql, query: Any, message: str) -> None:
    assert await rows.message(query) == message


async def test_document_that_is_too_long_fails_alone_and_a_deep_one_does_not(reql: Reql) -> None:
    long: Any = r.expr(list(range(1000))) * 101
    result = await reql.run(T.insert([{"id": 1, "n": long}, {"id": 2}]), array_limit=10**6)
    assert (result["inserted"], result["errors"]) == (1, 1)
    assert result["first_error"] == "Array too large for disk writes (limit 100,000 elements)."
    deeper: Any = [92, [[170, [[10, [1]], "n"]], 1]]
    for _ in range(80):
        deeper = [2, [deeper]]
    deepen = [53, [[16, [[15, ["t"]], 2]], [69, [[2, [1]], {"n": deeper}]]]]
    assert [(await reql.run(deepen))["replaced"] for _ in range(30)] == [1] * 30


async def test_failed_query_writes_nothing(rows: Reql) -> None:
    before = await rows.run(T.order_by("id"))
    await rows.error(r.expr([T.insert({"id": "new"}), T.get("a").delete(), r.error("stop")]))
    assert await rows.run(T.order_by("id")) == before


async def test_query_sees_its_own_writes(rows: Reql) -> None:
    result = await rows.run(
        r.expr(
            [
                T.get("a").delete()["deleted"],
                T.count(),
                T.insert({"id": "a"})["inserted"],
                T.count(),
            ]
        )
    )
    assert result == [1, 3, 1, 4]


async def test_selections_can_be_written(rows: Reql) -> None:
    assert (await rows.run(T.filter({"n": 1}).update({"m": 1})))["replaced"] == 2
    assert (await rows.run(T.order_by(r.desc("id")).limit(1).delete()))["deleted"] == 1
    assert (await rows.run(T.between("a", "b").replace(r.row.without("n"))))["replaced"] == 1
    assert (await rows.run(T.get_all("b").update({"n": 3})))["replaced"] == 1
    assert (await rows.run(T.nth(0).delete()))["deleted"] == 1
    assert (await rows.run(T.update(None)))["unchanged"] == await rows.run(T.count())


async def test_update_with_a_literal_removes_a_field(rows: Reql) -> None:
    await rows.run(T.get("a").update({"at": r.literal(), "tags": r.literal([])}))
    assert await rows.run(T.get("a")) == {"id": "a", "n": 1, "tags": []}


# --- catalog ---


async def test_catalog(reql: Reql) -> None:
    assert (await reql.run(r.db_create("d")))["dbs_created"] == 1
    await reql.run(r.db("d").table_create("x", primary_key="k", durability="soft"))
    assert await reql.run(r.table_list(), db=r.db("d")) == ["x"]
    assert (await reql.run(r.db("d").table("x").info()))["primary_key"] == "k"
    assert await reql.run(r.db("d").wait()) == {"ready": 1}
    assert await reql.run(r.db("d").table("x").sync()) == {"synced": 1}
    assert (await reql.run(r.db_drop("d")))["tables_dropped"] == 1
    assert await reql.run(r.db_list()) == ["rethinkdb", "test"]


@for_each(
    ("query", "message"),
    [
        (r.table_create("t"), "Table `test.t` already exists."),
        (r.table_create("x", shards=0), "Every table must have at least one shard."),
        (r.table_drop("x"), "Table `test.x` does not exist."),
        (r.db_drop("x"), "Database `x` does not exist."),
        (r.db_create("a b"), "Database name `a b` invalid (Use A-Z, a-z, 0-9, _ and - only)."),
        ([177, []], "`wait` can only be called on a table or database."),
        (T.wait(wait_for="x"), None),
    ],
)
async def test_catalog_fails(reql: Reql, query: Any, message: str | None) -> None:
    assert message in (None, await reql.message(query))


# --- compilation ---


@for_each(
    ("query", "message", "backtrace"),
    [
        ([16, [[15, ["t"]]]], "Expected 2 arguments but found 1.", ()),
        ([59, [1]], "Expected 0 arguments but found 1.", ()),
        ([14, []], "Expected 1 argument but found 0.", ()),
        ([15, ["a", "b", "c"]], "Expected between 1 and 2 arguments but found 3.", ()),
        ([17, [1]], "Expected 2 or more arguments but found 1.", ()),
        ([2, [[17, [1]]]], "Expected 2 or more arguments but found 1.", (0,)),
        ([15, ["t"], {"nope": 1}], "Unrecognized optional argument `nope`.", ("nope",)),
        ([3, [1]], "MAKE_OBJ term must not have any args.", ()),
        ([10, []], "A variable term has the wrong number of arguments.", ()),
        ([10, ["x"]], "A variable term has a non-numeric name datum.", ()),
        ([10, [[2, []]]], "A variable term has a non-datum argument.", ()),
        ([69, [[2, [1]]]], "FUNC takes exactly two arguments (got 1)", ()),
        (
            [69, [[2, ["x"]], 1]],
            "CLIENT ERROR: FUNC variables must be a literal array of *numbers*.",
            (),
        ),
        ([69, [1, 1]], "CLIENT ERROR: FUNC variables must be a *literal array of numbers*.", ()),
        ([1, {"$reql_type$": "FOO"}], "Unknown $reql_type$ `PTYPE<FOO>`.", ()),
        (T.map(lambda row: T.insert({"id": row})), None, (1, 1)),
        (T.map(lambda _: r.expr([1]).map(r.row)), None, (1, 1, 1, 1, 1)),
    ],
)
async def test_query_that_does_not_compile(
    reql: Reql, query: Any, message: str | None, backtrace: Any
) -> None:
    error = await reql.error(query)
    assert error.stage is ErrorStage.COMPILE
    assert message in (None, error.message)
    assert error.backtrace == backtrace


async def test_writes_are_legal_in_do(reql: Reql) -> None:
    assert (await reql.run([64, [[69, [[2, [1]], [57, [[10, [1]]]]]], "x"]]))["dbs_created"] == 1


async def test_splice_of_a_wrong_number_of_arguments_is_found_at_run_time(reql: Reql) -> None:
    error = await reql.error(T.get(r.args([1, 2])))
    assert (error.stage, error.message) == (
        ErrorStage.RUNTIME,
        "Expected 2 arguments but found 3.",
    )
