"""The server's side of SCRAM-SHA-256.

RethinkDB reports errors outside of SCRAM, by codes of its own, and compares the attributes of the
client's last message in alphabetical order.

Source: RFC 5802, RFC 7677; src/clustering/administration/auth/scram_authenticator.cc.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from graphql_api.embedded.errors import HandshakeError
from graphql_api.embedded.users import unknown_user_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql_api.embedded.users import Credentials

NONCE_LENGTH = 15

_INVALID_ENCODING = (10, "Invalid encoding")
_EXTENSIONS = (11, "Extensions not supported")
_WRONG_PASSWORD = (12, "Wrong password")
_CHANNEL_BINDING = (15, "Channel binding is not supported")
_UNKNOWN_USER = (17, "Unknown user")
_USERNAME_ENCODING = (18, "Invalid username encoding")
_EMPTY_USERNAME = (18, "Empty username")
_OTHER_ERROR = (20, "Other error")


class ScramServer:
    """One authentication: `first_reply`, then `final_reply`.

    Attributes:
        user: The name that the client gave.
    """

    def __init__(self, users: Mapping[str, Credentials]) -> None:
        self._users = users
        self.user = ""
        self._known = False
        self._credentials = unknown_user_credentials()
        self._nonce = ""
        self._client_first_bare = ""
        self._server_first = ""

    def first_reply(self, message: str) -> str:
        """Return the server-first-message for a client-first-message.

        An unknown user gets one too, and is refused only after the next message.

        Raises:
            HandshakeError: The message is malformed, or asks for what is not supported.
        """
        if not message.startswith("n,"):
            raise HandshakeError(*_CHANNEL_BINDING)
        end_of_header = message.find(",", 2)
        if end_of_header < 0:
            raise HandshakeError(*_INVALID_ENCODING)
        self._client_first_bare = message[end_of_header + 1 :]
        attributes = _attributes(self._client_first_bare, known="nr")
        self.user = _username(attributes["n"])
        credentials = self._users.get(self.user)
        if credentials is not None:
            self._known = True
            self._credentials = credentials
        nonce = base64.b64encode(os.urandom(NONCE_LENGTH)).decode("ascii")
        self._nonce = attributes["r"] + nonce
        salt = base64.b64encode(self._credentials.salt).decode("ascii")
        self._server_first = f"r={self._nonce},s={salt},i={self._credentials.iterations}"
        return self._server_first

    def final_reply(self, message: str) -> str:
        """Return the server-final-message for a client-final-message.

        Raises:
            HandshakeError: The user is unknown, the password wrong, or the message malformed.
        """
        if not self._known:
            raise HandshakeError(*_UNKNOWN_USER)
        attributes = _attributes(message, known="crp")
        if attributes["c"] != "biws":
            raise HandshakeError(*_INVALID_ENCODING)
        without_proof = message.partition(",p=")[0]
        auth_message = f"{self._client_first_bare},{self._server_first},{without_proof}".encode()
        client_key = _hmac(self._credentials.salted_password, b"Client Key")
        stored_key = hashlib.sha256(client_key).digest()
        signature = _hmac(stored_key, auth_message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if not hmac.compare_digest(attributes["p"].encode(), base64.b64encode(proof)):
            raise HandshakeError(*_WRONG_PASSWORD)
        if attributes["r"] != self._nonce:
            raise HandshakeError(*_OTHER_ERROR)
        server_key = _hmac(self._credentials.salted_password, b"Server Key")
        return f"v={base64.b64encode(_hmac(server_key, auth_message)).decode('ascii')}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _attributes(message: str, *, known: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for part in message.split(","):
        name, equals, value = part.partition("=")
        if not equals or len(name) != 1 or name in attributes:
            raise HandshakeError(*_INVALID_ENCODING)
        attributes[name] = value
    if "m" in attributes:
        raise HandshakeError(*_EXTENSIONS)
    if set(attributes) != set(known):
        raise HandshakeError(*_INVALID_ENCODING)
    return attributes


def _username(saslname: str) -> str:
    """The user name that a `saslname` stands for to RethinkDB.

    It skips the character after an escaped comma or equals sign, so that a user whose name has
    one before its end cannot log in; nor here, or what works here would not work there.
    """
    name, rest = "", saslname
    while rest:
        before, equals, after = rest.partition("=")
        name += before
        if equals:
            character = {"2C": ",", "3D": "="}.get(after[:2])
            if character is None:
                raise HandshakeError(*_USERNAME_ENCODING)
            name += character
        rest = after[3:]
    if not name:
        raise HandshakeError(*_EMPTY_USERNAME)
    return name
