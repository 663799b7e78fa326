"""The server's certificate, read again when it is renewed."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from graphql_api.errors import ConfigurationError

log = logging.getLogger(__name__)


class Certificate:
    """What the server shows to its clients, and the private key to it.

    Args:
        chain: The certificate and those above it, in PEM.
        key: The private key, in PEM; in the same file, if absent.

    Raises:
        ConfigurationError: They cannot be read, do not belong together, or the key is encrypted.
    """

    def __init__(self, chain: Path, key: Path | None) -> None:
        self._chain = chain
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """For the listening socket; connections that are open keep what they began with."""
        self._seen = self._look()
        self._load()

    def reload_if_changed(self) -> None:
        """Take what has been renewed for the connections to come.

        What cannot be used is logged, and what was there before stays.
        """
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._load()
        except ConfigurationError as error:
            log.warning("the old certificate is kept: %s", error)
        else:
            log.info("took the certificate anew that is in %s", self._chain)

    def _load(self) -> None:
        try:
            # A file that is half written must not leave half of it in the context that is used.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
                context.load_cert_chain(self._chain, self._key, password=_refuse_passphrase)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            files = f"--tls-cert {self._chain}"
            if self._key is not None:
                files += f" with --tls-key {self._key}"
            raise ConfigurationError(f"{files} cannot be used: {_reason(error)}") from error

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_identity(file) for file in (self._chain, self._key) if file is not None]


def _identity(file: Path) -> tuple[int, int, int] | None:
    """What changes whenever a file's content does; None if it is not there."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _refuse_passphrase() -> str:
    # By default it would be asked for on a terminal that nobody watches.
    raise ValueError("the private key is encrypted; give one without a passphrase")


def _reason(error: OSError | ValueError) -> str:
    match error:
        case ssl.SSLError(reason="KEY_VALUES_MISMATCH"):
            return "the private key is another certificate's"
        case ssl.SSLError():
            return "not a certificate and its private key in PEM"
        case OSError():
            return (error.strerror or str(error)).lower()
        case _:
            return str(error)
