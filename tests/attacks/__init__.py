"""Can one client harm the others? `python -m tests.attacks` tries."""
