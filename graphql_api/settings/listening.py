"""Settings of `serve`: where it listens, and under which names."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from graphql_api.settings.lists import Names
from graphql_api.settings.settings_group import About, SettingsGroup


class ListeningSettings(SettingsGroup):
    """Addresses to listen on, the certificate, and who may ask."""

    about: ClassVar = About("where it listens", "--host 127.0.0.1 --port 8001")

    host: Names = Field(
        ("127.0.0.1",),
        description="addresses to listen on; :: serves IPv4 too, unless an IPv4 address is given "
        "beside it",
        json_schema_extra={"metavar": "HOST"},
    )
    ipv6_only: bool = Field(False, description="serve only IPv6 on ::")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    tls_cert: Path | None = Field(
        None,
        description="serve HTTPS and WSS with this certificate and those above it, in PEM",
    )
    tls_key: Path | None = Field(
        None,
        description="private key of the certificate, without a passphrase; not needed if the "
        "certificate's file contains it",
    )
    allow_host: Names = Field(
        (),
        description="also answer requests to this host name; loopback names and --host are "
        "always answered",
        json_schema_extra={"metavar": "NAME"},
    )
    allow_origin: Names = Field(
        (),
        description="also answer requests from web pages of this origin, such as "
        "https://app.example.org",
        json_schema_extra={"metavar": "ORIGIN"},
    )
    trusted_proxy: Names = Field(
        (),
        description="address or network of a proxy whose X-Forwarded-For names the client",
        json_schema_extra={"metavar": "ADDRESS"},
    )

    @property
    def reachable_hosts(self) -> tuple[str, ...]:
        """The addresses to listen on that other machines can reach."""
        return tuple(host for host in self.host if not _is_loopback(host))

    @model_validator(mode="after")
    def _there_is_an_address(self) -> Self:
        if not self.host:
            raise ValueError("--host needs an address to listen on")
        return self

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("--tls-key needs --tls-cert, the certificate whose key it is")
        return self


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
