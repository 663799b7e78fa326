"""`python -m tests.server.four_tables`: `graphql-api` with an entry for a fourth table."""

from __future__ import annotations

import sys

from graphql_api import tables
from tests.unit.schema.captcha_solver import CAPTCHA_SOLVERS

if __name__ == "__main__":
    tables.TABLES += (CAPTCHA_SOLVERS,)  # before anything else imports them

    from graphql_api.cli import main

    sys.exit(main())
