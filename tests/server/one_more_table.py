"""`python -m tests.server.one_more_table`: `graphql-api` with entries for more tables."""

from __future__ import annotations

import sys

from graphql_api import tables
from tests.unit.schema.bookmark import BOOKMARKS
from tests.unit.schema.toy_tables import PICTURES, VISITS

if __name__ == "__main__":
    tables.TABLES += (PICTURES, VISITS, BOOKMARKS)  # before anything else imports them

    from graphql_api.cli import main

    sys.exit(main())
