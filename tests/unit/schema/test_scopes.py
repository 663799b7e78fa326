"""What each root field needs, and that it is refused to those who lack it."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain, combinations

import strawberry
from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLInt,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from strawberry.types.base import StrawberryObjectDefinition

from graphql_api.schema import build_schema
from graphql_api.schema.schema import APISchema
from graphql_api.schema.scopes import needed_scopes
from graphql_api.scopes import ALL_SCOPES, Scope
from graphql_api.tables import LOGS, TABLES
from tests.for_each import for_each
from tests.unit.schema.documents import CAPTCHA_SOLVER, POLICY, SCHEDULE
from tests.unit.schema.harness import Server, serve

READ, WRITE, LOGINS = Scope.READ, Scope.WRITE, Scope.LOGINS

NEEDED: dict[str, dict[str, set[Scope]]] = {
    "Query": {
        "jobs": {READ},
        "job": {READ},
        "policies": {READ},
        "policy": {READ},
        "schedules": {READ},
        "schedule": {READ},
        "domainLogins": {READ, LOGINS},
        "domainLogin": {READ, LOGINS},
        "captchaSolvers": {READ, LOGINS},
        "captchaSolver": {READ, LOGINS},
        "rateLimits": {READ},
        "rateLimit": {READ},
        "feeds": {READ},
        "server": {READ},
        "jobResponses": {READ},
    },
    "Subscription": {
        "jobChanges": {READ},
        "policyChanges": {READ},
        "scheduleChanges": {READ},
        "domainLoginChanges": {READ, LOGINS},
        "captchaSolverChanges": {READ, LOGINS},
        "rateLimitChanges": {READ},
        "jobResponseAdded": {READ},
        "liveJobs": {READ},
        "livePolicies": {READ},
        "liveSchedules": {READ},
        "liveDomainLogins": {READ, LOGINS},
        "liveCaptchaSolvers": {READ, LOGINS},
        "liveRateLimits": {READ},
    },
    "Mutation": {
        "deleteJob": {WRITE},
        "createPolicy": {WRITE},
        "updatePolicy": {WRITE},
        "deletePolicy": {WRITE},
        "createSchedule": {WRITE},
        "updateSchedule": {WRITE},
        "deleteSchedule": {WRITE},
        "setDomainLogin": {WRITE, LOGINS},
        "deleteDomainLogin": {WRITE, LOGINS},
        "createCaptchaSolver": {WRITE, LOGINS},
        "updateCaptchaSolver": {WRITE, LOGINS},
        "deleteCaptchaSolver": {WRITE, LOGINS},
        "setRateLimit": {WRITE},
        "deleteRateLimit": {WRITE},
    },
}
"""Every root field. One that is new has to be entered here, by somebody who thinks about it."""

SETS = [
    frozenset(scopes)
    for scopes in chain.from_iterable(combinations(Scope, n) for n in range(len(Scope) + 1))
]


def root_fields(schema: APISchema) -> dict[str, GraphQLObjectType]:
    core = schema._schema
    roots = (core.query_type, core.mutation_type, core.subscription_type)
    return {root.name: root for root in roots if root is not None}


def test_every_root_field_is_in_the_table() -> None:
    roots = root_fields(build_schema(TABLES, logs=LOGS))
    assert {name: set(root.fields) for name, root in roots.items()} == {
        name: set(fields) for name, fields in NEEDED.items()
    }


def no_sense(type_: GraphQLNamedType) -> str:
    """A value of a type."""
    if is_input_object_type(type_):
        required = [
            f"{name}: {no_sense(get_named_type(field.type))}"
            for name, field in type_.fields.items()
            if is_required_input_field(field)
        ]
        return f"{{ {', '.join(required)} }}"
    if is_enum_type(type_):
        return str(next(iter(type_.values)))
    if type_ is GraphQLBoolean:
        return "false"
    return "0" if type_ in (GraphQLFloat, GraphQLInt) else '"x"'


def operation(root: GraphQLObjectType, name: str) -> str:
    """An operation of one root field, whose arguments make no sense."""
    field = root.fields[name]
    arguments = [
        f"{argument}: {no_sense(get_named_type(definition.type))}"
        for argument, definition in field.args.items()
        if is_required_argument(definition)
    ]
    given = f"({', '.join(arguments)})" if arguments else ""
    selection = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    return f"{root.name.lower()} {{ {name}{given} {selection} }}"


async def errors_of(server: Server, query: str) -> list[GraphQLError]:
    if not query.startswith("subscription"):
        return (await server.execute(query)).errors or []
    async with server.subscribe(query) as results:
        return (await anext(results)).errors or []


@for_each("scopes", SETS)
async def test_field_is_refused_exactly_to_those_who_lack_a_scope(
    scopes: frozenset[Scope],
) -> None:
    async with serve({table.name: [] for table in TABLES}, scopes=scopes) as server:
        for root in root_fields(server.schema).values():
            for name in root.fields:
                errors = await errors_of(server, operation(root, name))
                missing = NEEDED[root.name][name] - scopes
                if not missing:
                    codes = {(error.extensions or {})["code"] for error in errors}
                    assert codes <= {"BAD_USER_INPUT", "NOT_FOUND"}
                    continue
                (error,) = errors
                assert error.path == [name]
                assert error.extensions == {"code": "FORBIDDEN"}
                assert error.message.startswith(f"{name} needs the scope")
                assert all(scope.value in error.message for scope in missing)


def test_field_of_a_log_needs_what_is_in_the_table() -> None:
    schema = build_schema(TABLES, logs=LOGS)
    for root in root_fields(schema).values():
        for name in root.fields:
            if any(name.startswith(log.owner) for log in LOGS):
                (guard,) = needed_scopes_of(schema, root.name, name)
                assert guard == NEEDED[root.name][name]


def needed_scopes_of(schema: APISchema, root: str, name: str) -> list[set[Scope]]:
    """What the guards of a root field ask for."""
    definition = schema.schema_converter.type_map[root].definition
    assert isinstance(definition, StrawberryObjectDefinition)
    return [
        set(needed_scopes(field))
        for field in schema.get_fields(definition)
        if schema.config.name_converter.from_field(field) == name
    ]


async def test_feed_of_a_table_is_shown_to_those_who_may_know_of_it() -> None:
    for scopes in (ALL_SCOPES, frozenset({READ})):
        tables = [table.name for table in TABLES if scopes >= {READ, *table.scopes}]
        assert ("domain_login" in tables) == (scopes == ALL_SCOPES)
        async with serve({}, scopes=scopes) as server:
            data = await server.data("{ feeds { table } }")
        assert [feed["table"] for feed in data["feeds"]] == tables


COMPUTED: dict[str, set[Scope]] = {
    "Job.schedule": {READ},
    "Policy.captchaSolver": {READ, LOGINS},
    "Policy.problems": set(),
    "Policy.schedules": {READ},
    "Schedule.jobs": {READ},
    "Schedule.latestJob": {READ},
    "Schedule.policy": {READ},
    "Schedule.problems": set(),
    "Response.bodyUrl": set(),
    **{f"{table.row_type.__name__}Updated.changedFields": set() for table in TABLES},
}
"""Every field below the root types that is computed, and what it needs. One that shows another row
needs `read`; the problems of a row show a client no more than the rules of writing do."""


def test_every_field_that_is_computed_is_in_the_table() -> None:
    """Such fields have resolvers; all others hold a part of their own row."""
    schema = build_schema(TABLES, logs=LOGS)
    found = {
        f"{name}.{schema.config.name_converter.from_field(field)}"
        for name, made in schema.schema_converter.type_map.items()
        if isinstance(made.definition, StrawberryObjectDefinition)
        and name not in root_fields(schema)
        for field in made.definition.fields
        if not field.is_basic_field
    }
    assert found == COMPUTED.keys()


POLICY_SECRET = "of another table"

NEW_SCHEDULE = """createSchedule(input: {
    policyId: "p", scheduleName: "s", jobName: "j", seeds: ["http://h/"],
    timeUnit: DAYS, numUnits: 1, timing: REGULAR_INTERVAL
}) { SELECTED }"""
ANSWERS = [NEW_SCHEDULE, 'updateSchedule(id: "s", input: {jobName: "other"}) { SELECTED }']


@for_each("answer", ANSWERS)
@for_each("scopes", [scopes for scopes in SETS if WRITE in scopes])
async def test_answer_of_a_mutation_shows_no_other_row_to_those_who_may_not_read(
    answer: str, scopes: frozenset[Scope]
) -> None:
    documents = {
        "policy": [{**POLICY, "id": "p", "name": POLICY_SECRET}],
        "schedule": [{**SCHEDULE, "id": "s", "policy_id": "p"}],
    }
    async with serve(documents, scopes=scopes) as server:
        selected = answer.replace(
            "SELECTED", "scheduleName policyId problems { path } policy { name }"
        )
        result = await server.execute(f"mutation {{ row: {selected} }}")
    assert result.data is not None
    assert result.data["row"]["policyId"] == "p", "it is written, and its own row is shown"
    if READ in scopes:
        assert result.errors is None
        assert result.data["row"]["policy"] == {"name": POLICY_SECRET}
        return
    assert result.data["row"]["policy"] is None
    assert result.errors is not None
    (error,) = result.errors
    assert (error.path, error.extensions) == (["row", "policy"], {"code": "FORBIDDEN"})
    assert error.message == "policy needs the scope read"


@for_each("scopes", [scopes for scopes in SETS if scopes & {READ, WRITE}])
async def test_captcha_solver_of_a_policy_is_shown_to_those_who_may_read_solvers(
    scopes: frozenset[Scope],
) -> None:
    documents = {
        "policy": [{**POLICY, "id": "p", "captcha_solver_id": "c"}],
        "captcha_solver": [{**CAPTCHA_SOLVER, "id": "c", "name": "Friendly"}],
    }
    selected = "{ id captchaSolverId captchaSolver { name } }"
    write = f'mutation {{ row: updatePolicy(id: "p", input: {{}}) {selected} }}'
    read = f'{{ row: policy(id: "p") {selected} }}'
    queries = [q for q, scope in ((write, WRITE), (read, READ)) if scope in scopes]
    async with serve(documents, scopes=scopes) as server:
        for query in queries:
            result = await server.execute(query)
            assert result.data is not None
            row = result.data["row"]
            assert row["captchaSolverId"] == "c"
            if scopes >= {READ, LOGINS}:
                assert result.errors is None
                assert row["captchaSolver"] == {"name": "Friendly"}
                continue
            assert row["captchaSolver"] is None
            assert result.errors is not None
            (error,) = result.errors
            assert (error.path, error.extensions) == (
                ["row", "captchaSolver"],
                {"code": "FORBIDDEN"},
            )


async def test_captcha_solver_in_use_names_policies_to_those_who_may_read_alone() -> None:
    for scopes in ({WRITE, LOGINS}, {WRITE, LOGINS, READ}):
        documents = {
            "policy": [{**POLICY, "id": "key", "name": "Forums", "captcha_solver_id": "c"}],
            "captcha_solver": [{**CAPTCHA_SOLVER, "id": "c"}],
        }
        async with serve(documents, scopes=frozenset(scopes)) as server:
            result = await server.execute('mutation { deleteCaptchaSolver(id: "c") }')
            assert len(server.store.documents("captcha_solver")) == 1
        assert result.errors is not None
        (error,) = result.errors
        named = [{"id": "key", "name": "Forums"}] if READ in scopes else []
        assert error.extensions == {"code": "CAPTCHA_SOLVER_IN_USE", "policies": named}
        assert ("Forums" in error.message) == (READ in scopes)
        assert ("(1)" in error.message) == (READ not in scopes)


async def test_policy_in_use_names_schedules_to_those_who_may_read_alone() -> None:
    for scopes in ({WRITE}, {WRITE, READ}):
        documents = {
            "policy": [{**POLICY, "id": "p"}],
            "schedule": [{**SCHEDULE, "id": "key", "policy_id": "p", "schedule_name": "Nightly"}],
        }
        async with serve(documents, scopes=frozenset(scopes)) as server:
            result = await server.execute('mutation { deletePolicy(id: "p") }')
            assert len(server.store.documents("policy")) == 1
        assert result.errors is not None
        (error,) = result.errors
        named = [{"id": "key", "scheduleName": "Nightly"}] if READ in scopes else []
        assert error.extensions == {"code": "POLICY_IN_USE", "schedules": named}
        assert ("Nightly" in error.message) == (READ in scopes)
        assert ("(1)" in error.message) == (READ not in scopes)


async def test_refused_update_of_a_policy_names_schedules_to_those_who_may_read_alone() -> None:
    off = 'updatePolicy(id: "p", input: {urlNormalization: {enabled: false}}) { id }'
    seeds = ["http://example.com/ä"]
    for scopes in ({WRITE}, {WRITE, READ}):
        documents = {
            "policy": [{**POLICY, "id": "p"}],
            "schedule": [
                {**SCHEDULE, "policy_id": "p", "schedule_name": "Nightly", "seeds": seeds}
            ],
        }
        async with serve(documents, scopes=frozenset(scopes)) as server:
            result = await server.execute(f"mutation {{ {off} }}")
        assert result.errors is not None
        (error,) = result.errors
        assert error.extensions is not None
        (problem,) = error.extensions["problems"]
        assert problem["path"] == ["input", "urlNormalization", "enabled"]
        for text in (error.message, problem["message"]):
            assert ("Nightly" in text) == (READ in scopes)
            assert ("(1)" in text) == (READ not in scopes)


async def test_schema_itself_is_open_to_all_clients_that_were_let_in() -> None:
    async with serve({}, scopes=frozenset()) as server:
        assert await server.data("{ __typename __schema { queryType { name } } }")


async def test_resolver_of_a_forbidden_field_is_not_called() -> None:
    called: list[str] = []

    def resolve(name: str) -> int:
        called.append(name)
        return 1

    async def resolve_later(name: str) -> int:
        return resolve(name)

    @strawberry.type
    class Query:
        at_once: int = strawberry.field(resolver=resolve)
        later: int = strawberry.field(resolver=resolve_later)

    @strawberry.type
    class Mutation:
        change: int = strawberry.mutation(resolver=resolve_later)

    schema = APISchema(query=Query, mutation=Mutation, scopes={Query: {LOGINS}})
    fields: list[tuple[str, Collection[Scope]]] = [
        ('{ atOnce(name: "a") }', {READ, LOGINS}),
        ('{ later(name: "a") }', {READ, LOGINS}),
        ('mutation { change(name: "a") }', {WRITE}),
    ]
    async with serve({}) as server:
        for query, needed in fields:
            for scopes in SETS:
                called.clear()
                context = type(server.context)(server.context.feeds, server.store, 0, scopes)
                result = await schema.execute(query, context_value=context)
                assert bool(called) == (result.errors is None) == (scopes >= set(needed))
