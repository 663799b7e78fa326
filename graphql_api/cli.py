"""The command line: from its first step on, a signal ends the program in one way.

An error is one line on stderr; a traceback is a bug of this program. `exit_codes` lists how a
command ends.
"""

from __future__ import annotations

import os
import signal
import sys

from graphql_api.exit_codes import FAILED, INTERRUPTED, MISUSED, OK


def main(argv: list[str] | tuple[str, ...] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments; those of the process if absent.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if argv is None else argv
    is_server = bool(arguments) and arguments[0] in {"serve", "embedded"}
    _end_at_signals(OK if is_server else INTERRUPTED)
    # Only now: an import takes a while, in which a signal must not raise an exception.
    from graphql_api.argument_parser import complain
    from graphql_api.commands import run
    from graphql_api.errors import ConfigurationError, GraphQLAPIError

    try:
        run(arguments)
    except GraphQLAPIError as error:
        complain(str(error))
        return MISUSED if isinstance(error, ConfigurationError) else FAILED
    return OK


def _end_at_signals(code: int) -> None:
    """End with this code at SIGINT or SIGTERM, until a server handles them in its own way.

    At once, for there is nothing to clean up before a server runs. An exception would be raised
    wherever the program stands: in a callback of an import, which drops it with a traceback, or in
    `__set_name__`, which makes another of it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(code))
