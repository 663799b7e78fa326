"""Does the server stay as it is, however long it runs? `python -m tests.soak` looks."""
