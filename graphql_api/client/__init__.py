"""A client: a table of a server, kept live over as many connections as it takes.

    async with LiveTable("http://127.0.0.1:8000", "policies") as policies:
        print(policies.rows)
        async for change in policies:
            print(change.kind, change.key)

| name | what |
|---|---|
| `LiveTable` | the rows of a table, and each change of them |
| `live_rows` | the rows again after each change |
| `Change`, `Row` | what they give |
| `SubscriptionError` | a table that cannot be followed |
"""

from graphql_api.client.failures import SubscriptionError
from graphql_api.client.held_rows import Change
from graphql_api.client.live_table import LiveTable, live_rows
from graphql_api.client.table import Row

__all__ = ["Change", "LiveTable", "Row", "SubscriptionError", "live_rows"]
