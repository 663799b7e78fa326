"""The subscriptions with every field, and a client's replica of what they tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.server.client import Client
from tests.unit.schema.documents import served_key

POLICY_FIELDS = """
    name createdAt updatedAt captchaSolverId authentication { enabled }
    limits { maxCost maxDuration maxItems } mimeTypeRules { pattern match save }
    proxyRules { pattern match proxyUrl } robotsTxt { usage readSitemaps obeyCrawlDelay }
    urlNormalization { enabled stripParameters } urlRules { pattern match action amount }
    userAgents { name } invalidFields
"""
SCHEDULE_FIELDS = """
    scheduleName createdAt updatedAt enabled timeUnit numUnits timing jobName jobCount seeds tags
    policyId invalidFields
"""
JOB_FIELDS = f"""
    name runState seeds tags startedAt completedAt durationS itemCount httpSuccessCount
    httpErrorCount exceptionCount httpStatusCounts {{ statusCode count }} scheduleId
    policy {{ {POLICY_FIELDS} }} invalidFields
"""
DOMAIN_LOGIN_FIELDS = """
    domain loginUrl loginTest users { username hasPassword working } invalidFields
"""
CAPTCHA_SOLVER_FIELDS = """
    name createdAt updatedAt serviceUrl hasApiKey requirePhrase caseSensitive characters
    requireMath minLength maxLength invalidFields
"""
RATE_LIMIT_FIELDS = "name domain delayS isGlobal invalidFields"


@dataclass(frozen=True)
class Watch:
    """How one table is watched."""

    table: str
    primary_key: str
    entity: str
    """The event's field that holds the row."""
    deleted_key: str
    """The field of the Deleted event that holds the key."""
    type_name: str
    fields: str
    subscription_field: str
    page_field: str
    filter_type: str

    def key(self, name: str) -> Any:
        """A key with a name, as the driver takes it."""
        return name.encode() if self.table == "rate_limit" else name

    def id(self, name: str) -> str:
        """The same, as it is served."""
        return served_key(self.table, name)

    @property
    def subscription(self) -> str:
        """A subscription that selects everything."""
        name, entity, fields = self.type_name, self.entity, self.fields
        return f"""
            subscription($where: {self.filter_type}, $includeInitial: Boolean! = true,
                         $since: String) {{
              {self.subscription_field}(where: $where, includeInitial: $includeInitial,
                                        since: $since) {{
                __typename
                ... on {name}Added {{ cause cursor {entity} {{ id {fields} }} }}
                ... on {name}Updated {{
                  cursor changedFields {entity} {{ id {fields} }} previous {{ {fields} }}
                }}
                ... on {name}Deleted {{ cause cursor {self.deleted_key} previous {{ {fields} }} }}
                ... on FeedState {{ status cursor }}
              }}
            }}
        """

    @property
    def query(self) -> str:
        """A query for all rows."""
        return f"""
            query($where: {self.filter_type}) {{
              {self.page_field}(where: $where, limit: 1000) {{
                total cursor status items {{ id {self.fields} }}
              }}
            }}
        """


POLICIES = Watch(
    "policy",
    "id",
    "policy",
    "policyId",
    "Policy",
    POLICY_FIELDS,
    "policyChanges",
    "policies",
    "PolicyFilter",
)
SCHEDULES = Watch(
    "schedule",
    "id",
    "schedule",
    "scheduleId",
    "Schedule",
    SCHEDULE_FIELDS,
    "scheduleChanges",
    "schedules",
    "ScheduleFilter",
)
DOMAIN_LOGINS = Watch(
    "domain_login",
    "domain",
    "domainLogin",
    "domain",
    "DomainLogin",
    DOMAIN_LOGIN_FIELDS,
    "domainLoginChanges",
    "domainLogins",
    "DomainLoginFilter",
)
JOBS = Watch("job", "id", "job", "jobId", "Job", JOB_FIELDS, "jobChanges", "jobs", "JobFilter")
CAPTCHA_SOLVERS = Watch(
    "captcha_solver",
    "id",
    "captchaSolver",
    "captchaSolverId",
    "CaptchaSolver",
    CAPTCHA_SOLVER_FIELDS,
    "captchaSolverChanges",
    "captchaSolvers",
    "CaptchaSolverFilter",
)
RATE_LIMITS = Watch(
    "rate_limit",
    "token",
    "rateLimit",
    "rateLimitId",
    "RateLimit",
    RATE_LIMIT_FIELDS,
    "rateLimitChanges",
    "rateLimits",
    "RateLimitFilter",
)
WATCHES = [JOBS, POLICIES, SCHEDULES, DOMAIN_LOGINS, CAPTCHA_SOLVERS, RATE_LIMITS]

Row = dict[str, Any]


@dataclass
class Replica:
    """What a client makes of a subscription, checking every step against what it holds."""

    watch: Watch
    rows: dict[str, Row] = field(default_factory=dict)
    status: str | None = None
    cursor: str | None = None
    snapshots: int = 0
    outages: int = 0
    events: int = 0

    def apply(self, change: dict[str, Any]) -> None:
        """Take one event of the union."""
        self.cursor = change["cursor"]
        self.events += 1
        kind = change["__typename"].removeprefix(self.watch.type_name)
        if kind == "FeedState":
            self.status = change["status"]
            self.outages += self.status == "STALE"
            if self.status == "INITIALIZING":
                self.rows.clear()
                self.snapshots += 1
        elif kind == "Added":
            row = change[self.watch.entity]
            assert row["id"] not in self.rows, "added twice"
            self.rows[row["id"]] = row
        elif kind == "Updated":
            row = change[self.watch.entity]
            previous = self.version(self.rows[row["id"]])
            assert change["previous"] == previous, "previous is what was held"
            differing = {name for name in previous if previous[name] != row[name]}
            assert set(change["changedFields"]) == differing
            self.rows[row["id"]] = row
        else:
            assert kind == "Deleted"
            row = self.rows.pop(change[self.watch.deleted_key])
            assert change["previous"] == self.version(row), "previous is what was held"

    @staticmethod
    def version(row: Row) -> Row:
        """A row as `previous` shows it."""
        return {name: value for name, value in row.items() if name != "id"}


async def until_seen(client: Client, watch: Watch, key: str) -> None:
    """Wait until the feed, which follows the database a little behind, has a row.

    Args:
        client: Of the server.
        watch: The row's table.
        key: The row's, as it is served.
    """
    operation = await client.subscribe(watch.subscription)
    replica = Replica(watch)
    while key not in replica.rows:
        replica.apply(await operation.change())
    await operation.complete()
