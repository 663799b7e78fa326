"""Keys that an issuer of JWTs could have, and the tokens that they sign."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import get_default_algorithms

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

A_DAY_S = 86_400
SECRET = bytes(range(32, 96))
"""64 bytes, enough for every HMAC."""


@cache
def private_key(algorithm: str) -> PrivateKey:
    """The one key of an algorithm, the same in each run; but RSA's, which are all alike."""
    match algorithm:
        case "ES256":
            return ec.derive_private_key(256, ec.SECP256R1())
        case "ES384":
            return ec.derive_private_key(384, ec.SECP384R1())
        case "ES512":
            return ec.derive_private_key(521, ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
        case "Ed448":
            return ed448.Ed448PrivateKey.from_private_bytes(bytes(57))
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(algorithm: str) -> bytes:
    """The public key as an operator has it."""
    key = private_key(algorithm).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(algorithm: str) -> bytes:
    """The private key, which only the issuer has."""
    return private_key(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def jwk(algorithm: str, **members: object) -> dict[str, Any]:
    """The public key as a JWK."""
    handler = get_default_algorithms()[algorithm]
    text = handler.to_jwk(private_key(algorithm).public_key())
    return {**json.loads(text), **members}


def jwks(*keys: object) -> bytes:
    """A set of keys, as a file holds it."""
    return json.dumps({"keys": keys}).encode()


def claims(**more: object) -> dict[str, object]:
    """What a good token claims; a None leaves a claim out."""
    all_ = {"sub": "ann", "exp": int(time.time()) + A_DAY_S, "scope": "openid read", **more}
    return {name: value for name, value in all_.items() if value is not None}


def signed(algorithm: str = "ES256", *, kid: object = None, **more: Any) -> str:
    """A token that is signed by the key of an algorithm."""
    key: Any = SECRET if algorithm.startswith("HS") else private_key(algorithm)
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**more), key, algorithm, headers=headers)
