"""`graphql-api watch`: a table as it is, and then each change, on a terminal or in a pipe."""
