from __future__ import annotations

from typing import Any

from graphql_api.rethink.driver import r
from graphql_api.rethink.query_names import names_of
from tests.for_each import for_each

TABLE = r.db("starbelly").table("policy")


@for_each(
    ("term", "names"),
    [
        (TABLE, ("query", "policy")),
        (r.table("policy").get("secret"), ("get", "policy")),
        (TABLE.get("secret").pluck("name"), ("get", "policy")),
        (TABLE.filter({"name": "secret"}).coerce_to("array"), ("filter", "policy")),
        (TABLE.get_all("secret").limit(1).delete(), ("delete", "policy")),
        (
            TABLE.get("secret").replace(lambda row: row.merge({"x": "secret"})),
            ("replace", "policy"),
        ),
        (TABLE.insert({"id": "secret"}), ("insert", "policy")),
        (TABLE.between(r.minval, r.maxval).order_by("x").count(), ("between", "policy")),
        (r.branch(TABLE.get("secret").eq(None), None, 1), ("get", "policy")),
        (r.expr([TABLE.get("secret"), 1]), ("get", "policy")),
        (r.do("secret", lambda name: TABLE.insert({"name": name})), ("insert", "policy")),
        (
            r.branch(r.table("job").get("secret").eq(None), None, TABLE.get("secret").delete()),
            ("delete", "policy"),
        ),
        (
            r.table("job").for_each(lambda job: TABLE.get(job["policy_id"]).update({"x": 1})),
            ("update", "policy"),
        ),
        (TABLE.get("secret").do(lambda policy: policy["name"]), ("get", "policy")),
        (r.expr("secret"), ("query", None)),
        (r.table(r.expr("sec") + "ret").count(), ("count", None)),
    ],
)
def test_query_is_named_by_its_operation_and_table_and_no_value(
    term: Any, names: tuple[str, str | None]
) -> None:
    assert names_of(term) == names
