"""`python -m graphql_api` is `graphql-api`."""

import sys

from graphql_api.cli import main

sys.exit(main())
