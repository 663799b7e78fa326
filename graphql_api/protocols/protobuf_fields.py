"""Fields of protobuf messages that are made of parts: a large value is copied once.

Source: protobuf.dev, Encoding, "Length-Delimited Records".
"""

from __future__ import annotations

from google.protobuf.message import Message

_LENGTH_DELIMITED = 2


def field(kind: type[Message], name: str, *content: bytes) -> tuple[bytes, ...]:
    """A field of bytes, text or a message, in parts: what is before the content, and the content.

    Args:
        kind: The message that has the field.
        name: The field.
        content: Its value as it is encoded, in parts.
    """
    tag = kind.DESCRIPTOR.fields_by_name[name].number << 3 | _LENGTH_DELIMITED
    return _varint(tag), _varint(sum(map(len, content))), *content


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*made, number))
