"""Table feeds: one changefeed per table, shared by all queries and subscriptions of that table."""
