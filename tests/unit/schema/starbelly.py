"""Starbelly's rules once more, as the crawler applies them: it reads a document and uses it.

This states the rules on its own, by doing what the crawler does with a document as far as one can
without a network. It shares nothing with the product.
"""

from __future__ import annotations

import calendar
import math
import re
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

SCHEMES = {"http", "https", "socks4", "socks4a", "socks5"}
MATCHES = {"MATCHES", "DOES_NOT_MATCH"}
SEEDS = ["http://test1.com", "https://shop.example:8443/a?b", "http://e.x", "http://127.0.0.1"]
TOO_NEW = re.compile(r"\(\?>|(?:[*+?]|\{(?:[0-9]+(?:,[0-9]*)?|,[0-9]*)\})\+")


def host_of(url: str) -> str:
    parts = urlsplit(url)
    assert parts.hostname, f"no host: {url!r}"
    assert parts.port is None or 0 <= parts.port <= 65535
    return parts.hostname


def compiled(pattern: Any) -> re.Pattern[str]:
    assert isinstance(pattern, str)
    assert pattern.strip(), "Pattern is required"
    escapes = re.findall(r"\\.", pattern, re.DOTALL)
    outside = re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\.", "x", pattern, flags=re.DOTALL))
    assert r"\z" not in escapes, f"too new: {pattern!r}"
    assert not TOO_NEW.search(outside), f"too new: {pattern!r}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("error", DeprecationWarning)
        return re.compile(pattern)


def run_rules(rules: Any, url: str, *, seeds: list[str] | None = None) -> dict[str, Any]:
    """The rule that applies to a text."""
    assert isinstance(rules, list)
    assert rules
    *conditional, last = rules
    assert "pattern" not in last
    assert "match" not in last
    found = last
    for rule in reversed(conditional):
        pattern = rule["pattern"]
        if seeds is not None:
            pattern = pattern.format(SEED_DOMAINS="|".join(sorted({host_of(s) for s in seeds})))
        assert rule["match"] in MATCHES
        if (compiled(pattern).search(url) is not None) == (rule["match"] == "MATCHES"):
            found = rule
    assert isinstance(found, dict)
    return found


def run_policy(document: Any, solvers: set[str], seeds: list[str] | None = None) -> None:
    """Do with a policy what a job does; raises if the crawler's process would end."""
    assert document["name"].strip()
    assert isinstance(document["authentication"].get("enabled", False), bool)
    assert document.get("captcha_solver_id") in {None, *solvers}
    limits = document["limits"]
    for name in ("max_duration", "max_items"):
        assert limits.get(name) is None or limits[name] >= 0
    assert limits.get("max_cost") is None or float(limits["max_cost"]) < float("inf")
    for rule in document["mime_type_rules"]:
        assert isinstance(rule["save"], bool)
    assert isinstance(run_rules(document["mime_type_rules"], "text/html")["save"], bool)
    if document["proxy_rules"]:
        run_rules(document["proxy_rules"], "http://test1.com/")
        for index, rule in enumerate(document["proxy_rules"]):
            url = rule.get("proxy_url")
            if url is None:
                assert index == len(document["proxy_rules"]) - 1
                continue
            assert urlsplit(url.strip()).scheme in SCHEMES
            host_of(url.strip())
    assert document["robots_txt"]["usage"] in {"OBEY", "INVERT", "IGNORE"}
    normalization = document["url_normalization"]
    assert isinstance(normalization.get("enabled", True), bool)
    assert all(isinstance(name, str) for name in normalization.get("strip_parameters", []))
    for one in [[seed] for seed in SEEDS] if seeds is None else [seeds]:
        run_rules(document["url_rules"], "http://test1.com/", seeds=one)
    for rule in document["url_rules"]:
        cost = 1.0 + rule["amount"] if rule["action"] == "ADD" else 1.0 * rule["amount"]
        assert not math.isnan(cost)
        assert rule["action"] in {"ADD", "MULTIPLY"}
    assert document["user_agents"]
    for agent in document["user_agents"]:
        assert agent["name"].strip()
        agent["name"].format(VERSION="2.0.0-dev")


def next_event(base: datetime, number: int, unit: str) -> datetime:
    if unit == "MONTHS":
        month = base.month + number - 1
        year, month = int(base.year + month / 12), month % 12 + 1
        day = min(base.day, calendar.monthrange(year, month)[1])
        return base.replace(year=year, month=month, day=day)
    if unit == "YEARS":
        day = 28 if (base.month, base.day) == (2, 29) else base.day
        return base.replace(year=base.year + number, day=day)
    return base + timedelta(**{unit.lower(): number})


def run_schedule(document: Any, policies: dict[str, Any], now: datetime | None = None) -> None:
    """Do with a schedule what the crawler does; raises if its process would end."""
    now = datetime.now(UTC) if now is None else now
    for name in ("schedule_name", "enabled", "created_at", "updated_at", "timing", "tags"):
        assert name in document
    assert document["timing"] in {"AFTER_PREVIOUS_JOB_FINISHED", "REGULAR_INTERVAL"}
    assert document["num_units"] > 0
    next_event(now + timedelta(minutes=2), document["num_units"], document["time_unit"])
    assert document["seeds"]
    for seed in document["seeds"]:
        assert urlsplit(seed).scheme in {"http", "https"}
        host = host_of(seed)
        host.encode("ascii")
        if ":" not in host:
            host.encode("ascii").decode("idna").encode("ascii")
    count = document["job_count"] + 1
    text = now.strftime("%Y-%m-%dT%H:%M:%S")
    document["job_name"].format(COUNT=count, TIME=int(now.timestamp()), DATE=text)
    assert isinstance(document["tags"], list)
    if document["enabled"]:
        assert document["policy_id"] in policies


def run_domain_login(document: Any) -> None:
    """Do with a domain login what the crawler does."""
    assert re.fullmatch(r"[a-z0-9._:-]+", document["domain"])
    assert urlsplit(document["login_url"]).scheme in {"http", "https"}
    host_of(document["login_url"])
    assert document["login_test"] is None or isinstance(document["login_test"], str)
    for user in document["users"]:
        assert user["username"]
        assert user["password"]
        assert isinstance(user["working"], bool)


def run_captcha_solver(document: Any) -> None:
    """Do with a CAPTCHA solver what a login does, and show it as Starbelly's own API does."""
    assert document["name"].strip()
    assert document["api_key"].strip()
    host_of(document["service_url"])
    assert document["characters"] in {"ALPHANUMERIC", "ALPHA_ONLY"}, "what both of them know"
    for name in ("require_phrase", "case_sensitive", "require_math"):
        assert isinstance(document[name], bool)
    least, most = (document.get(name, 0) for name in ("min_length", "max_length"))
    assert 0 <= least <= 2**31 - 1
    assert 0 <= most <= 2**31 - 1
    assert most == 0 or least <= most
    assert document["type"] == "antigate"
