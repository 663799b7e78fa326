"""`python -m tests.server.one_more_table`: `graphql-api` with an entry for one more table."""

from __future__ import annotations

import sys

from graphql_api import tables
from tests.unit.schema.bookmark import BOOKMARKS

if __name__ == "__main__":
    tables.TABLES += (BOOKMARKS,)  # before anything else imports them

    from graphql_api.cli import main

    sys.exit(main())
