"""Exit codes of the commands."""

OK = 0
"""It is done; or a signal stopped a server, or a watch has no reader any more."""
FAILED = 1
MISUSED = 2
"""Wrong usage or configuration."""
INTERRUPTED = 130
"""A signal stopped a command that is no server, as it usually does a watch."""
