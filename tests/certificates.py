"""Certificates for tests, of an authority that exists in memory only."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """Issues certificates for 127.0.0.1, and makes clients that trust them."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def issue(self, directory: Path, name: str = "server") -> tuple[Path, Path]:
        """The files of a new certificate, and of its key."""
        issued = self._ca.issue_cert("127.0.0.1", "localhost")
        chain, key = directory / f"{name}.crt", directory / f"{name}.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return chain, key

    def write(self, file: Path) -> Path:
        """Write this authority's own certificate, for clients that read it from a file."""
        file.write_bytes(self._ca.cert_pem.bytes())
        return file

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self._ca.cert_pem.bytes().decode())
