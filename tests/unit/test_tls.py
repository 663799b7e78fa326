from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from graphql_api.errors import ConfigurationError
from graphql_api.tls import Certificate
from tests.certificates import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def touch(file: Path) -> None:
    """Let a file look changed, also to a file system that counts in seconds."""
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 2_000_000_000))


def test_certificate_and_key_may_be_one_file(authority: Authority, tmp_path: Path) -> None:
    chain, key = authority.issue(tmp_path)
    chain.write_bytes(chain.read_bytes() + key.read_bytes())
    Certificate(chain, None)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^certificate \S+gone.crt: No such file"):
        Certificate(tmp_path / "gone.crt", None)


def test_key_of_another_certificate_is_reported(authority: Authority, tmp_path: Path) -> None:
    chain, _ = authority.issue(tmp_path, "a")
    _, key = authority.issue(tmp_path, "b")
    with pytest.raises(ConfigurationError, match="another certificate's"):
        Certificate(chain, key)


def test_what_is_no_certificate_is_reported(tmp_path: Path) -> None:
    chain = tmp_path / "server.crt"
    chain.write_text("certainly not")
    with pytest.raises(ConfigurationError, match="not a certificate and its private key in PEM"):
        Certificate(chain, None)


def test_no_passphrase_is_asked_for(authority: Authority, tmp_path: Path) -> None:
    chain, key = authority.issue(tmp_path)
    encrypted = load_pem_private_key(key.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    key.write_bytes(encrypted)
    with pytest.raises(ConfigurationError, match="encrypted"):
        Certificate(chain, key)


def test_renewal_that_cannot_be_used_is_reported_once_and_changes_nothing(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chain, key = authority.issue(tmp_path)
    certificate = Certificate(chain, key)
    chain.write_text("half of a certifi")
    touch(chain)
    assert not certificate.refresh()
    assert not certificate.refresh()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == (
        f"certificate {chain} and {key}: not a certificate and its private key in PEM; what it "
        "held before stays in force"
    )
