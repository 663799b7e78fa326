"""This server and its peers, measured side by side on the same work; see `__main__`."""
