from __future__ import annotations

import pytest

from graphql_api.errors import DatabaseError
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.rethink.writer import RethinkWriter
from graphql_api.tables import TABLES


async def test_reason_of_a_refusal_does_not_quote_the_document(database: DatabaseURL) -> None:
    """The demo logs it."""
    await initialise(database, TABLES)
    writer = RethinkWriter(database)
    await writer.insert("domain_login", {"domain": "a", "users": [{"password": "hunter2"}]})
    with pytest.raises(DatabaseError, match="cannot be changed") as raised:
        await writer.update("domain_login", "a", {"domain": "b"})
    assert "hunter2" not in str(raised.value)
