"""A client that has used its share of the processor waits or is refused; others are served."""

from __future__ import annotations

import httpx
import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.server.client import GraphQLErrors, connected
from tests.server.running import running, settings_for

NO_BUDGET = 1e-9
QUERY = {"query": "{ __typename }"}
ANSWER = {"data": {"__typename": "Query"}}


async def test_connection_over_its_budget_is_refused_and_another_is_served(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(
        starbelly, max_cpu_per_connection=NO_BUDGET, cpu_burst_s=NO_BUDGET, max_cpu_wait_s=0
    )
    async with running(settings) as server:
        for _ in range(2):
            async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
                first = await http.post("/graphql", json=QUERY)
                assert first.json() == ANSWER
                second = await http.post("/graphql", json=QUERY)
                assert second.status_code == 429
                assert second.headers["retry-after"] == "1"
                (error,) = second.json()["errors"]
                assert error["extensions"] == {"code": "RATE_LIMITED"}
                assert (await http.get("/healthz")).status_code == 200, "a probe needs no budget"


async def test_operation_over_the_budget_is_an_error_and_the_socket_lives_on(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(
        starbelly, max_cpu_per_connection=NO_BUDGET, cpu_burst_s=NO_BUDGET, max_cpu_wait_s=0
    )
    async with running(settings) as server, connected(server.ws) as client:
        for _ in range(2):
            with pytest.raises(GraphQLErrors) as caught:
                await client.execute("{ __typename }")
            (error,) = caught.value.errors
            assert error["extensions"] == {"code": "RATE_LIMITED"}


async def test_connections_of_one_address_share_a_budget(starbelly: DatabaseURL) -> None:
    settings = settings_for(
        starbelly,
        max_cpu_per_address=NO_BUDGET,
        cpu_burst_s=NO_BUDGET,
        max_cpu_wait_s=0,
        trusted_proxy=["127.0.0.1"],
    )

    async def status(address: str) -> int:
        async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
            headers = {"X-Forwarded-For": address}
            return (await http.post("/graphql", json=QUERY, headers=headers)).status_code

    async with running(settings) as server:
        assert await status("203.0.113.7") == 200
        assert await status("203.0.113.7") == 429
        assert await status("203.0.113.8") == 200
        assert await status("2001:db8::1") == 200
        assert await status("2001:db8::2") == 429, "a client with one address of a /64 has all"


async def test_client_that_waits_for_its_budget_is_served_then(starbelly: DatabaseURL) -> None:
    settings = settings_for(
        starbelly, max_cpu_per_connection=1.0, cpu_burst_s=NO_BUDGET, max_cpu_wait_s=3600
    )
    async with running(settings) as server, connected(server.ws) as client:
        for _ in range(20):
            assert await client.execute("{ __typename }") == ANSWER
