"""A small RethinkDB for one process: strict, honest, and enough for this API's own needs.

    async with EmbeddedServer(Path("starbelly.db"), password="…") as server:
        ...  # connect with any RethinkDB driver to server.host, server.port, as `admin`

What it does, it does as RethinkDB 2.4 does, down to the wording of errors; a term that it does not
have is answered as RethinkDB answers one that it does not know. From bytes to bytes:

    connection ▶ handshake, scram                     who is it
    connection ▶ frames ▶ query ▶ compiler ▶ term     what is asked
                                    terms.*           what each term does
                 catalog ▶ storage                    what was written
                 changefeed ▶ stream_cache ▶ frames   which clients receive it

It imports nothing of this project outside its own folder.
"""

from graphql_api.embedded.errors import (
    AddressInUseError,
    DataFileError,
    EmbeddedError,
    ListenError,
    PasswordFileError,
)
from graphql_api.embedded.password_file import load_or_create_password
from graphql_api.embedded.server import EmbeddedServer

__all__ = [
    "AddressInUseError",
    "DataFileError",
    "EmbeddedError",
    "EmbeddedServer",
    "ListenError",
    "PasswordFileError",
    "load_or_create_password",
]
