"""The documents that are written, and the operation by which they are watched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Document = dict[str, Any]

OPERATION = """
subscription ($where: PolicyFilter, $includeInitial: Boolean! = true, $since: String) {
  policyChanges(where: $where, includeInitial: $includeInitial, since: $since) {
    __typename
    ... on FeedState { status }
    ... on PolicyAdded { policy { ...Row } }
    ... on PolicyUpdated { policy { ...Row } }
    ... on PolicyDeleted { policyId }
  }
}

fragment Row on Policy {
  id name createdAt updatedAt captchaSolverId
  authentication { enabled }
  limits { maxCost maxDuration maxItems }
  robotsTxt { usage }
}
"""
"""Ten fields of a policy. Only this server has cursors; the peers' `since` does nothing."""

_WHOLE = """
  name createdAt updatedAt captchaSolverId authentication { enabled }
  limits { maxCost maxDuration maxItems } mimeTypeRules { pattern match save }
  proxyRules { pattern match proxyUrl } robotsTxt { usage readSitemaps obeyCrawlDelay }
  urlNormalization { enabled stripParameters } urlRules { pattern match action amount }
  userAgents { name } invalidFields
"""
WHOLE_POLICIES = f"""
subscription {{
  policyChanges(includeInitial: false) {{
    __typename
    ... on FeedState {{ status cursor }}
    ... on PolicyAdded {{ cause cursor policy {{ id {_WHOLE} }} }}
    ... on PolicyUpdated {{
      changedFields cursor policy {{ id {_WHOLE} }} previous {{ {_WHOLE} }}
    }}
    ... on PolicyDeleted {{ cause cursor policyId }}
  }}
}}
"""
"""Everything of a policy, and what it was before."""

_NAME = "Weekly broad crawl of news archives, journals and their mirrors"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def key(number: int) -> str:
    """The key of the table's document of this number."""
    return f"5a1c9e00-77aa-4b3f-9d2e-{number:012d}"


def policy(number: int, write: int = 0) -> Document:
    """A document as Starbelly stores it.

    Args:
        number: Which one of the table's.
        write: The number of the write that it is for; its name ends with that.
    """
    rng = Random(number)  # each policy has its own rules
    return {
        "id": key(number),
        "name": f"{_NAME} {marker(write)}",
        "created_at": _EPOCH,
        "updated_at": _EPOCH + timedelta(milliseconds=write),
        "captcha_solver_id": "9b2f4f0c-58a3-4c19-8a53-2d5e8c7f1a60",
        "authentication": {"enabled": True},
        "limits": {"max_cost": 10, "max_duration": 86_400, "max_items": 1_000_000},
        "mime_type_rules": [
            {"match": "MATCHES", "pattern": "^text/", "save": True},
            {"save": False},
        ],
        "proxy_rules": [{"proxy_url": f"socks5://proxy-{rng.randrange(100)}.example:1080"}],
        "robots_txt": {"usage": "OBEY"},
        "url_normalization": {"enabled": True, "strip_parameters": ["JSESSIONID", "sid"]},
        "url_rules": [
            *(
                {
                    "match": "MATCHES",
                    "pattern": f"^https?://(www\\.)?{rng.randbytes(6).hex()}\\.example/",
                    "action": rng.choice(["ADD", "MULTIPLY"]),
                    "amount": rng.randrange(10),
                }
                for _ in range(4)
            ),
            {"action": "MULTIPLY", "amount": 0},
        ],
        "user_agents": [
            {"name": f"Starbelly/{{VERSION}} (+https://{rng.randbytes(4).hex()}.example)"}
        ],
    }


def marker(write: int) -> str:
    """By which a write is known in what clients receive."""
    return f"#{write:08d}"


def own_filters(number: int) -> list[dict[str, str]]:
    """As many different filters, which all documents pass.

    Raises:
        ValueError: There are not so many.
    """
    name = _NAME.casefold()
    parts = (name[start:end] for start in range(len(name)) for end in range(start + 3, len(name)))
    distinct = list(dict.fromkeys(part for part in parts if part == part.strip()))
    if len(distinct) < number:
        raise ValueError(f"there are {len(distinct)} filters, not {number}")
    return [{"nameContains": part} for part in distinct[:number]]
