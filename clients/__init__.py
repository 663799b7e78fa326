"""Packages for clients, and what makes their parts that follow from `schema.graphql`."""
