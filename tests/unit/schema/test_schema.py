"""The schema as a whole keeps the promises of its design."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_required_input_field,
    is_specified_scalar_type,
    parse,
    validate,
)

from graphql_api.schema import build_schema, export
from graphql_api.tables import LOGS, TABLES
from tests.for_each import for_each
from tests.unit.schema.harness import everything

SCHEMA = build_schema(TABLES, logs=LOGS)._schema
TYPES = [
    type_
    for name, type_ in SCHEMA.type_map.items()
    if not name.startswith("__") and not is_specified_scalar_type(type_)
]
OBJECTS = [type_ for type_ in TYPES if isinstance(type_, GraphQLObjectType)]
UNIONS = [type_ for type_ in TYPES if isinstance(type_, GraphQLUnionType)]
NAMES = [table.row_type.__name__ for table in TABLES]


def object_type(name: str) -> GraphQLObjectType:
    type_ = SCHEMA.type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    return type_


def described(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    yield type_.name, type_.description
    if isinstance(type_, GraphQLObjectType):
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", field.description
            for argument, definition in field.args.items():
                yield f"{type_.name}.{name}({argument}:)", definition.description
    elif isinstance(type_, GraphQLInputObjectType):
        for name, member in type_.fields.items():
            yield f"{type_.name}.{name}", member.description
    elif isinstance(type_, GraphQLEnumType):
        for name, value in type_.values.items():
            yield f"{type_.name}.{name}", value.description


def test_everything_has_a_description() -> None:
    missing = [
        place for type_ in TYPES for place, text in described(type_) if not (text or "").strip()
    ]
    assert missing == []


def test_descriptions_are_sentences() -> None:
    ragged = [
        place
        for type_ in TYPES
        for place, text in described(type_)
        if text and (text != text.strip() or not text.endswith((".", "`.")) or "  " in text)
    ]
    assert ragged == []


def test_exported_file_is_up_to_date() -> None:
    file = Path(__file__).parents[3] / "schema.graphql"
    assert file.read_text(encoding="utf-8") == export(TABLES, LOGS), "run `graphql-api schema`"


def test_unions_are_those_of_the_tables() -> None:
    assert sorted(union.name for union in UNIONS) == sorted(f"{name}Change" for name in NAMES)
    for name in NAMES:
        union = SCHEMA.type_map[f"{name}Change"]
        assert isinstance(union, GraphQLUnionType)
        assert [member.name for member in union.types] == [
            f"{name}Added",
            f"{name}Updated",
            f"{name}Deleted",
            "FeedState",
        ]


@for_each("union", UNIONS)
def test_all_fields_of_all_members_can_be_selected_without_aliases(
    union: GraphQLUnionType,
) -> None:
    assert SCHEMA.subscription_type is not None
    (root,) = (
        name
        for name, field in SCHEMA.subscription_type.fields.items()
        if get_named_type(field.type) is union
    )
    document = parse(f"subscription {{ {root} {everything(union, SCHEMA)} }}")
    assert validate(SCHEMA, document) == []


@for_each("union", UNIONS)
def test_field_that_members_share_has_one_type(union: GraphQLUnionType) -> None:
    types: dict[str, set[str]] = {}
    for member in union.types:
        for name, field in member.fields.items():
            types.setdefault(name, set()).add(str(field.type))
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {}


def test_only_entities_have_an_id() -> None:
    entities = {*NAMES, *(log.row_type.__name__ for log in LOGS)}
    assert {type_.name for type_ in OBJECTS if "id" in type_.fields} == entities
    for name in entities:
        assert next(iter(object_type(name).fields)) == "id"


@for_each(
    ("name", "own"),
    [
        ("Job", {"id", "schedule"}),
        ("Policy", {"id", "captchaSolver", "schedules", "problems"}),
        ("Schedule", {"id", "policy", "latestJob", "jobs", "problems"}),
        ("DomainLogin", {"id"}),
        ("CaptchaSolver", {"id"}),
        ("RateLimit", {"id"}),
    ],
)
def test_version_has_the_fields_of_its_entity_but_what_a_cache_would_follow(
    name: str, own: set[str]
) -> None:
    entity, version = object_type(name).fields, object_type(f"{name}Version").fields
    assert set(entity) - set(version) == own
    assert all(str(entity[field].type) == str(version[field].type) for field in version)


@for_each("name", NAMES)
def test_only_keys_and_lists_are_never_null(name: str) -> None:
    required = {
        field
        for field, definition in object_type(f"{name}Version").fields.items()
        if str(definition.type).endswith("!") and not str(definition.type).startswith("[")
    }
    others = {"DomainLogin": {"domain"}, "CaptchaSolver": {"hasApiKey"}, "RateLimit": {"isGlobal"}}
    assert required == others.get(name, set())


def test_secrets_can_be_written_and_all_that_is_served_is_whether_there_is_one() -> None:
    names = {
        f"{type_.name}.{name}"
        for type_ in TYPES
        if isinstance(type_, GraphQLObjectType | GraphQLInputObjectType)
        for name in type_.fields
        if "password" in name.lower() or "apikey" in name.lower()
    }
    assert names == {
        "DomainLoginUser.hasPassword",
        "DomainLoginUserInput.password",
        "CaptchaSolver.hasApiKey",
        "CaptchaSolverVersion.hasApiKey",
        "CreateCaptchaSolverInput.apiKey",
        "UpdateCaptchaSolverInput.apiKey",
    }


def test_inputs_require_what_a_new_row_or_an_item_of_a_list_needs() -> None:
    required = {
        type_.name: {name for name, field in type_.fields.items() if is_required_input_field(field)}
        for type_ in TYPES
        if isinstance(type_, GraphQLInputObjectType)
    }
    assert {name: fields for name, fields in required.items() if fields} == {
        "CreateCaptchaSolverInput": {"name", "serviceUrl", "apiKey"},
        "CreatePolicyInput": {"name", "mimeTypeRules", "robotsTxt", "urlRules", "userAgents"},
        "CreatePolicyRobotsTxtInput": {"usage"},
        "CreateScheduleInput": {
            "scheduleName",
            "timeUnit",
            "numUnits",
            "timing",
            "jobName",
            "seeds",
            "policyId",
        },
        "DomainLoginUserInput": {"username"},
        "PolicyMimeTypeRuleInput": {"save"},
        "PolicyUrlRuleInput": {"action", "amount"},
        "PolicyUserAgentInput": {"name"},
    }


def test_root_fields_are_those_of_the_design() -> None:
    assert SCHEMA.query_type is not None
    assert SCHEMA.subscription_type is not None

    def signatures(type_: GraphQLObjectType) -> dict[str, str]:
        return {
            name: "({}): {}".format(
                ", ".join(f"{arg}: {definition.type}" for arg, definition in field.args.items()),
                field.type,
            )
            for name, field in type_.fields.items()
        }

    page = "(where: {0}Filter, orderBy: {0}Order!, limit: Int!, offset: Int!): {0}Page!"
    assert signatures(SCHEMA.query_type) == {
        "jobs": page.format("Job"),
        "job": "(id: ID!): Job",
        "policies": page.format("Policy"),
        "policy": "(id: ID!): Policy",
        "schedules": page.format("Schedule"),
        "schedule": "(id: ID!): Schedule",
        "domainLogins": page.format("DomainLogin"),
        "domainLogin": "(domain: String!): DomainLogin",
        "captchaSolvers": page.format("CaptchaSolver"),
        "captchaSolver": "(id: ID!): CaptchaSolver",
        "rateLimits": page.format("RateLimit"),
        "rateLimit": "(id: ID!): RateLimit",
        "jobResponses": (
            "(jobId: ID!, kinds: [ResponseKind!], first: Int!, after: String): ResponsePage!"
        ),
        "feeds": "(): [Feed!]!",
        "server": "(): Server!",
    }
    assert SCHEMA.mutation_type is not None
    assert signatures(SCHEMA.mutation_type) == {
        "deleteJob": "(id: ID!): ID",
        "createPolicy": "(input: CreatePolicyInput!, copyOf: ID): Policy",
        "updatePolicy": "(id: ID!, input: UpdatePolicyInput!, ifUpdatedAt: DateTime): Policy",
        "deletePolicy": "(id: ID!, ifUpdatedAt: DateTime, force: Boolean!): ID",
        "createSchedule": "(input: CreateScheduleInput!): Schedule",
        "updateSchedule": "(id: ID!, input: UpdateScheduleInput!, ifUpdatedAt: DateTime): Schedule",
        "deleteSchedule": "(id: ID!, ifUpdatedAt: DateTime): ID",
        "setDomainLogin": "(domain: String!, input: DomainLoginInput!): DomainLogin",
        "deleteDomainLogin": "(domain: String!): ID",
        "createCaptchaSolver": "(input: CreateCaptchaSolverInput!): CaptchaSolver",
        "updateCaptchaSolver": (
            "(id: ID!, input: UpdateCaptchaSolverInput!, ifUpdatedAt: DateTime): CaptchaSolver"
        ),
        "deleteCaptchaSolver": "(id: ID!, ifUpdatedAt: DateTime): ID",
        "setRateLimit": "(domain: String, delayS: Float!): RateLimit",
        "deleteRateLimit": "(domain: String!): ID",
    }
    watch = "(where: {0}Filter, includeInitial: Boolean!, since: String, everyMs: Int!): {0}Change!"
    live = page.replace("): ", ", everyMs: Int!): ")
    assert signatures(SCHEMA.subscription_type) == {
        "jobChanges": watch.format("Job"),
        "policyChanges": watch.format("Policy"),
        "scheduleChanges": watch.format("Schedule"),
        "domainLoginChanges": watch.format("DomainLogin"),
        "captchaSolverChanges": watch.format("CaptchaSolver"),
        "rateLimitChanges": watch.format("RateLimit"),
        "liveJobs": live.format("Job"),
        "livePolicies": live.format("Policy"),
        "liveSchedules": live.format("Schedule"),
        "liveDomainLogins": live.format("DomainLogin"),
        "liveCaptchaSolvers": live.format("CaptchaSolver"),
        "liveRateLimits": live.format("RateLimit"),
        "jobResponseAdded": ("(jobId: ID!, kinds: [ResponseKind!], since: String): ResponseAdded!"),
    }
