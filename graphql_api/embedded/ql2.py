"""The numbers of the wire protocol, with the names that RethinkDB's `ql2.proto` gives them.

Only the terms that the embedded server offers are here: any other number, whether a RethinkDB
knows it or not, is answered "Unrecognized TermType", as a server answers a newer driver.
"""

from __future__ import annotations

from enum import IntEnum

VERSION_V1_0 = 0x34C2BDC3
SERVER_VERSION = "2.4.4"


class QueryType(IntEnum):
    """The first element of a query."""

    START = 1
    CONTINUE = 2
    STOP = 3
    NOREPLY_WAIT = 4
    SERVER_INFO = 5


class ResponseType(IntEnum):
    """The field `t` of a response."""

    SUCCESS_ATOM = 1
    SUCCESS_SEQUENCE = 2
    SUCCESS_PARTIAL = 3
    WAIT_COMPLETE = 4
    SERVER_INFO = 5
    CLIENT_ERROR = 16
    COMPILE_ERROR = 17
    RUNTIME_ERROR = 18


class ResponseNote(IntEnum):
    """An element of the field `n` of a response."""

    SEQUENCE_FEED = 1
    ATOM_FEED = 2
    ORDER_BY_LIMIT_FEED = 3
    INCLUDES_STATES = 5


class TermType(IntEnum):
    """The first element of a term."""

    DATUM = 1
    MAKE_ARRAY = 2
    MAKE_OBJ = 3
    VAR = 10
    ERROR = 12
    IMPLICIT_VAR = 13
    DB = 14
    TABLE = 15
    GET = 16
    EQ = 17
    NE = 18
    LT = 19
    LE = 20
    GT = 21
    GE = 22
    NOT = 23
    ADD = 24
    SUB = 25
    MUL = 26
    DIV = 27
    MOD = 28
    SLICE = 30
    GET_FIELD = 31
    HAS_FIELDS = 32
    PLUCK = 33
    WITHOUT = 34
    MERGE = 35
    MAP = 38
    FILTER = 39
    ORDER_BY = 41
    DISTINCT = 42
    COUNT = 43
    NTH = 45
    COERCE_TO = 51
    TYPE_OF = 52
    UPDATE = 53
    DELETE = 54
    REPLACE = 55
    INSERT = 56
    DB_CREATE = 57
    DB_DROP = 58
    DB_LIST = 59
    TABLE_CREATE = 60
    TABLE_DROP = 61
    TABLE_LIST = 62
    FUNCALL = 64
    BRANCH = 65
    OR = 66
    AND = 67
    FUNC = 69
    SKIP = 70
    LIMIT = 71
    ASC = 73
    DESC = 74
    INDEX_CREATE = 75
    INDEX_DROP = 76
    INDEX_LIST = 77
    GET_ALL = 78
    INFO = 79
    IS_EMPTY = 86
    DEFAULT = 92
    CONTAINS = 93
    KEYS = 94
    MATCH = 97
    ISO8601 = 99
    TO_ISO8601 = 100
    EPOCH_TIME = 101
    TO_EPOCH_TIME = 102
    NOW = 103
    LITERAL = 137
    SYNC = 138
    INDEX_STATUS = 139
    INDEX_WAIT = 140
    SUM = 145
    AVG = 146
    MIN = 147
    MAX = 148
    CHANGES = 152
    ARGS = 154
    BINARY = 155
    POINT = 159
    BRACKET = 170
    WAIT = 177
    MINVAL = 180
    MAXVAL = 181
    BETWEEN = 182
    VALUES = 186
    GRANT = 188
