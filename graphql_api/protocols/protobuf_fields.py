"""Fields of protobuf messages that are made of parts: a large value is not copied.

Source: protobuf.dev, Encoding, "Length-Delimited Records".
"""

from __future__ import annotations

from itertools import chain

from google.protobuf.message import Message

from graphql_api.execution.parts import Parts, parts_of

_LENGTH_DELIMITED = 2


def field(kind: type[Message], name: str, *content: bytes | Parts) -> Parts:
    """A field of bytes, text or a message, in parts: what is before the content, and the content.

    Args:
        kind: The message that has the field.
        name: The field.
        content: Its value as it is encoded, in parts.
    """
    tag = kind.DESCRIPTOR.fields_by_name[name].number << 3 | _LENGTH_DELIMITED
    parts = chain.from_iterable(map(parts_of, content))
    return Parts((_varint(tag), _varint(sum(map(len, content))), *parts))


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*made, number))
