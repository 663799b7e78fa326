"""Whatever bytes come, the parsers stay whole: `python -m tests.fuzz` looks for some that do not.

A target takes bytes and raises if what came of them breaks a rule. An input is made of lines: JSON
has no need of line breaks, so every sequence of messages can be said so.
"""
