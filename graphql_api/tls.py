"""The server's certificate, read again when it is renewed."""

from __future__ import annotations

import ssl
from pathlib import Path

from graphql_api.errors import ConfigurationError
from graphql_api.watched_file import WatchedFiles


class Certificate(WatchedFiles[ssl.SSLContext]):
    """The certificate that the server shows to its clients, and the private key to it.

    Attributes:
        value: The context of the listening socket. It is the same object for ever: a renewed
            certificate is loaded into it, and counts for the connections that come after that.

    Args:
        chain: The certificate and those above it, in PEM.
        key: The private key, in PEM; in the same file, if absent.

    Raises:
        ConfigurationError: They cannot be read, do not belong together, or the key is encrypted.
    """

    def __init__(self, chain: Path, key: Path | None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.options |= ssl.OP_NO_RENEGOTIATION  # costs the server more than the client

        def load(*_: bytes) -> ssl.SSLContext:
            # The library takes paths alone. These have just been read, and so do not block; if they
            # have changed since, their versions are other ones at the next look.
            try:
                # Half a file must not leave half a certificate in the context that is used.
                for loaded in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
                    loaded.load_cert_chain(chain, key, password=_refuse_passphrase)
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                raise ConfigurationError(_reason(error)) from error
            return context

        paths = [chain] if key is None else [chain, key]
        super().__init__(paths, load, name="certificate")


def _refuse_passphrase() -> str:
    # By default OpenSSL asks for it on the terminal, and blocks the start until it is given.
    raise ValueError("the private key is encrypted; give one without a passphrase")


def _reason(error: OSError | ValueError) -> str:
    match error:
        case ssl.SSLError(reason="KEY_VALUES_MISMATCH"):
            return "the private key is another certificate's"
        case ssl.SSLError():
            return "not a certificate and its private key in PEM"
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)
