"""The exceptions of the embedded server.

EmbeddedError
├── DataFileError         the data file cannot be opened, or is not one of ours
├── PasswordFileError     the password file cannot be made, read or trusted
├── ListenError           the address cannot be listened on
│   └── AddressInUseError another program listens there
├── HandshakeError        a client is refused before it may send a query
└── ReqlError             the answer to a query is an error

The first three are for the operator: their text is one line that says what is wrong, where, and
what to do. The last two are sent to the client, with RethinkDB's own codes and wording.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class EmbeddedError(Exception):
    """Base class of every exception that the embedded server raises."""


class DataFileError(EmbeddedError):
    """The data file is in use, not ours, of a newer version, or cannot be read or written."""


class PasswordFileError(EmbeddedError):
    """The password file cannot be made or read, or others than its owner can read it."""


class ListenError(EmbeddedError):
    """The address is not one of this machine's, or may not be listened on."""


class AddressInUseError(ListenError):
    """Another program listens on the address that the server was to listen on."""


class HandshakeError(EmbeddedError):
    """A handshake that ends in a refusal.

    Attributes:
        code: RethinkDB's `error_code`; 10 to 20 are authentication errors.
        message: RethinkDB's text.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ErrorType(IntEnum):
    """The field `e` of a runtime error (ql2.proto, `Response.ErrorType`)."""

    INTERNAL = 1000000
    RESOURCE_LIMIT = 2000000
    QUERY_LOGIC = 3000000
    NON_EXISTENCE = 3100000
    OP_FAILED = 4100000
    OP_INDETERMINATE = 4200000
    USER = 5000000
    PERMISSION_ERROR = 6000000


class ErrorStage(Enum):
    """When an error was found; it decides the field `t` of the reply."""

    CLIENT = 16
    COMPILE = 17
    RUNTIME = 18


Backtrace = tuple["int | str", ...]
"""The way from the root of a query to the term at fault: argument numbers and optarg names."""


class ReqlError(EmbeddedError):
    """The error that a query is answered with.

    Attributes:
        type: The class of error; a reply shows it for runtime errors only.
        backtrace: Where in the query; `None` until the term that raised it adds its own place.
        stage: Whether the client's frame, the compilation or the run is at fault.
        empty: True for `r.error()` without an argument, which `default` treats specially.
    """

    def __init__(
        self,
        type_: ErrorType,
        message: str | Callable[[], str],
        backtrace: Backtrace | None = None,
        *,
        stage: ErrorStage = ErrorStage.RUNTIME,
        empty: bool = False,
    ) -> None:
        super().__init__()
        self.type = type_
        self._message = message
        self.backtrace = backtrace
        self.stage = stage
        self.empty = empty

    @property
    def message(self) -> str:
        """RethinkDB's text; made now, if it was given as what makes it."""
        if not isinstance(self._message, str):
            self._message = self._message()
        return self._message

    def __str__(self) -> str:
        return self.message


def logic_error(message: str, backtrace: Backtrace | None = None) -> ReqlError:
    """Return an error of the query itself (`ReqlQueryLogicError` in the drivers)."""
    return ReqlError(ErrorType.QUERY_LOGIC, message, backtrace)


def non_existence_error(message: str | Callable[[], str]) -> ReqlError:
    """Return an error about something that is not there; `default` catches it."""
    return ReqlError(ErrorType.NON_EXISTENCE, message)


def op_failed_error(message: str, backtrace: Backtrace | None = None) -> ReqlError:
    """Return an error about databases, tables and indexes (`ReqlOpFailedError`)."""
    return ReqlError(ErrorType.OP_FAILED, message, backtrace)


def resource_error(message: str, backtrace: Backtrace | None = None) -> ReqlError:
    """Return an error about a limit that was exceeded."""
    return ReqlError(ErrorType.RESOURCE_LIMIT, message, backtrace)


def client_error(message: str) -> ReqlError:
    """Return an error about the client's use of the protocol."""
    return ReqlError(ErrorType.QUERY_LOGIC, message, (), stage=ErrorStage.CLIENT)


def compile_error(message: str, backtrace: Backtrace = ()) -> ReqlError:
    """Return an error about a query that cannot be compiled."""
    return ReqlError(ErrorType.QUERY_LOGIC, message, backtrace, stage=ErrorStage.COMPILE)
