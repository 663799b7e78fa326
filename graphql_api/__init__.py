"""Live GraphQL over a Starbelly crawler's RethinkDB."""
