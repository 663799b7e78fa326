"""RethinkDB behind the feeds: connections, changefeeds, reads, and creating the tables.

The only package that imports the `rethinkdb` driver. Nothing of the driver leaves it: documents are
plain JSON, errors are those of `graphql_api.errors`, and every wait has a time limit.
"""
