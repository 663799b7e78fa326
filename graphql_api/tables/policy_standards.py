"""The two policies of a new Starbelly database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql_api.feeds.table import Document


def standard_policies(now: Any) -> Sequence[Document]:
    """Starbelly's own, without their keys.

    Args:
        now: The time of their creation, in any form that the database takes.
    """
    return (
        _policy(
            now,
            "Broad Crawl",
            authentication=False,
            limits={"max_items": 1_000_000, "max_cost": 3},
            url_rules=[{"action": "ADD", "amount": 1}],
        ),
        _policy(
            now,
            "Deep Crawl",
            authentication=True,
            limits={"max_cost": 10},
            url_rules=[
                {
                    "match": "MATCHES",
                    "pattern": "^https?://({SEED_DOMAINS})/",
                    "action": "ADD",
                    "amount": 1,
                },
                {"action": "MULTIPLY", "amount": 0},
            ],
        ),
    )


def _policy(
    now: Any,
    name: str,
    *,
    authentication: bool,
    limits: Mapping[str, Any],
    url_rules: list[Mapping[str, Any]],
) -> Mapping[str, Any]:
    return {
        "name": name,
        "created_at": now,
        "updated_at": now,
        "authentication": {"enabled": authentication},
        "limits": limits,
        "mime_type_rules": [
            {"match": "MATCHES", "pattern": "^text/", "save": True},
            {"save": False},
        ],
        "proxy_rules": [{}],
        "robots_txt": {"usage": "OBEY"},
        "url_normalization": {
            "enabled": True,
            "strip_parameters": ["JSESSIONID", "PHPSESSID", "sid"],
        },
        "url_rules": url_rules,
        "user_agents": [
            {"name": "Starbelly/{VERSION} (+https://github.com/hyperiongray/starbelly)"}
        ],
    }
