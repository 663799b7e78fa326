"""Verification of JSON Web Tokens, which an identity provider issues, with a key file.

What an algorithm is used for is decided by the key, never by the token: a public key checks
signatures of its own kind only, so it cannot be taken for a shared secret; and there is no key for
`none`. `kid` chooses among the keys of a set and is compared, nothing else; `jku`, `x5u` and `jwk`,
by which a token would bring its own key, are ignored, and a token with `crit` is refused.

A token must have `exp`, and is valid until then by this machine's clock. The leeway is for `nbf`
and `iat`: the clock of the issuer may be a little ahead.

Sources: RFC 7515, 4.1; RFC 7517, 4; RFC 7518, 3; RFC 7519, 4.1; RFC 8725, 3.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import jwt
import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from jwt.algorithms import HMACAlgorithm

from graphql_api.auth.principal import InvalidTokenError, Principal
from graphql_api.errors import ConfigurationError
from graphql_api.scopes import Scope

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HMAC = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The algorithms, and how many bytes of a secret each needs (RFC 7518, 3.2)."""
_MIN_RSA_BITS = 2048
ALGORITHMS = frozenset({*_RSA, *_CURVES.values(), *_HMAC, "EdDSA"})

_SCOPE_CLAIMS = ("scope", "scp", "scopes")
_MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class Key:
    """A key that checks signatures.

    Attributes:
        kid: Its name in its set, if it has one.
        algorithms: Those for which it may be used, at least one.
        fingerprint: Differs from that of every other key, and does not reveal the key.
        material: The key itself.
    """

    kid: str | None
    algorithms: tuple[str, ...]
    fingerprint: str
    material: PublicKey | bytes = field(repr=False, compare=False)

    @property
    def identity(self) -> str:
        """Its text: the same on every server that has it, and another one when it is changed."""
        return " ".join((self.kid or "", *self.algorithms, self.fingerprint))

    @classmethod
    def of(
        cls, material: object, *, allowed: frozenset[str] = ALGORITHMS, kid: str | None = None
    ) -> Key:
        """A key, with the algorithms that fit it and are allowed.

        Raises:
            ConfigurationError: It is too weak, or there are none.
        """
        if isinstance(material, bytes):
            fitting = _of_secret(material)
            identity = material
        else:
            fitting = _of_public_key(material)
            assert isinstance(material, PublicKey)
            identity = material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        algorithms = tuple(name for name in fitting if name in allowed)
        if not algorithms:
            raise ConfigurationError(
                f"the key is for {', '.join(fitting)}, and none of these is allowed"
            )
        return cls(kid, algorithms, hashlib.sha256(identity).hexdigest(), material)


class Keys:
    """The keys of one file, which check tokens.

    Args:
        keys: At least one.
        audience: What a token's `aud` must hold; a token with one is refused, if absent.
        issuer: What its `iss` must be; any, if absent.
        leeway_s: How far in the future its `nbf` and `iat` may be.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        *,
        audience: str | None = None,
        issuer: str | None = None,
        leeway_s: float = 0.0,
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._leeway_s = leeway_s

    @property
    def grants(self) -> frozenset[Hashable]:
        """The grant of each key: a token rests on the key that has signed it."""
        return frozenset(self._keys)

    def verify(self, token: str, now_s: float) -> Principal:
        """The principal of a token."""
        try:
            header = _header(token)
        except jwt.InvalidTokenError as error:
            raise _invalid(error) from error
        kid = header.get("kid")
        reason: Exception = jwt.InvalidKeyError()
        for key in self._keys:
            if header.get("alg") in key.algorithms and (None in (kid, key.kid) or kid == key.kid):
                try:
                    return _principal(self._claims(token, key), key, now_s)
                except jwt.InvalidSignatureError as error:
                    reason = error
                except Exception as error:
                    raise _invalid(error) from error
        raise _invalid(reason) from reason

    def _claims(self, token: str, key: Key) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.material,
            algorithms=[*key.algorithms],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway_s,
            options={"require": ["exp"]},
        )
        return claims


def _header(token: str) -> Mapping[str, Any]:
    """The header of a token, which names its key.

    Only this part is decoded: `jwt.decode` decodes and checks all parts, with the key.

    Raises:
        jwt.InvalidTokenError: It has none, or a `kid` that is no text.
    """
    part = token.partition(".")[0]
    try:
        header = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError as error:
        raise jwt.DecodeError from error
    if not isinstance(header, dict):
        raise jwt.DecodeError
    if not isinstance(header.get("kid", ""), str):
        raise jwt.InvalidTokenError
    return header


def allowed_algorithms(names: Collection[str]) -> frozenset[str]:
    """The algorithms that an operator names; all, if none is named.

    Raises:
        ConfigurationError: One of them is unknown, as `none` is.
    """
    for name in names:
        if name not in ALGORITHMS:
            known = ", ".join(sorted(ALGORITHMS))
            raise ConfigurationError(f"--jwt-algorithm: there are {known}; `none` is none of them")
    return frozenset(names) or ALGORITHMS


def keys_of_key_file(data: bytes, *, allowed: frozenset[str] = ALGORITHMS) -> list[Key]:
    """The key of a file that holds a public key (PEM) or a shared secret (anything else).

    Raises:
        ConfigurationError: It holds none that can be used.
    """
    text = data.strip()
    if b"PRIVATE KEY" in text:
        raise ConfigurationError(
            "it holds a private key, which belongs to the issuer alone; give the public one"
        )
    if text.startswith(b"{"):
        raise ConfigurationError("it holds JSON; a set of keys is for --jwt-jwks")
    if not text.startswith(b"-----BEGIN"):
        # The last byte of a binary key may be the same as the end of a line.
        without_lf = data.removesuffix(b"\n")
        secret = without_lf.removesuffix(b"\r")
        for part in (data, without_lf, secret):
            _refuse_public_key(part)
        return [Key.of(secret, allowed=allowed)]
    try:
        material = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("it holds no public key that can be read") from error
    return [Key.of(material, allowed=allowed)]


def keys_of_jwks(data: bytes, *, allowed: frozenset[str] = ALGORITHMS) -> list[Key]:
    """The keys of a JSON Web Key Set; those that are not for signatures are left out.

    Raises:
        ConfigurationError: It is none, holds a private key, or none that can be used.
    """
    try:
        members = orjson.loads(data)["keys"]
        found = [member for member in members if _is_for_signatures(member)]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError("it is no JSON Web Key Set") from error
    keys: list[Key] = []
    problems: list[str] = []
    for member in found:
        try:
            keys.append(_key_of_jwk(member, allowed))
        except ConfigurationError as error:
            problems.append(str(error))
    if not keys:
        raise ConfigurationError("; ".join(problems) or "it has no key for signatures")
    return keys


def _is_for_signatures(member: Mapping[str, Any]) -> bool:
    return member.get("use", "sig") == "sig" and "verify" in member.get("key_ops", ("verify",))


def _key_of_jwk(member: Mapping[str, Any], allowed: frozenset[str]) -> Key:
    if "d" in member:
        raise ConfigurationError("it holds a private key, which belongs to the issuer alone")
    kid = member.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise ConfigurationError("a 'kid' is no string")
    if member.get("alg") is not None:
        allowed = allowed & {str(member["alg"])}
    try:
        # Without `alg`: the library takes it for what it is to do with the key.
        material = jwt.PyJWK({k: v for k, v in member.items() if k != "alg"}).key
    except Exception as error:
        raise ConfigurationError("a key cannot be read, or is of an unknown kind") from error
    return Key.of(material, allowed=allowed, kid=kid)


def _of_secret(secret: bytes) -> tuple[str, ...]:
    _refuse_public_key(secret)
    fitting = tuple(name for name, length in _HMAC.items() if len(secret) >= length)
    if not fitting:
        raise ConfigurationError(
            f"the secret has {len(secret)} bytes, and needs {_HMAC['HS256']} random ones at least "
            "(openssl rand -base64 48)"
        )
    return fitting


def _refuse_public_key(secret: bytes) -> None:
    """Issuers show their public keys as bare base64, too: as a secret, everybody would have it."""
    try:
        for data in (secret, _from_base64(secret)):
            HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(data)
    except jwt.InvalidKeyError as error:
        raise ConfigurationError(
            "it holds neither a public key in PEM (-----BEGIN PUBLIC KEY-----) nor a secret"
        ) from error


def _from_base64(data: bytes) -> bytes:
    """Decode base64; other data are returned as they are."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True) or data
    except binascii.Error:
        return data


def _of_public_key(key: object) -> tuple[str, ...]:
    if isinstance(key, RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            raise ConfigurationError(
                f"the RSA key has {key.key_size} bits, and needs {_MIN_RSA_BITS} at least"
            )
        return _RSA
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return (_CURVES[key.curve.name],)
    if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return ("EdDSA",)
    raise ConfigurationError("the key is of a kind that signs no JWT")


def _principal(claims: Mapping[str, Any], key: Key, now_s: float) -> Principal:
    expires_at_s = float(claims["exp"])
    if not now_s < expires_at_s:  # the library allows for the leeway
        raise jwt.ExpiredSignatureError
    subject = claims.get("sub") or "somebody"
    name = ascii(subject)[1:-1][:_MAX_NAME]  # whatever it holds, in a log it is one line
    return Principal(f"JWT of {name}", _scopes(claims), expires_at_s, grant=key)


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """The scopes that are ours; an issuer has others, too."""
    granted: set[object] = set()
    for claim in _SCOPE_CLAIMS:
        granted.update(_texts(claims.get(claim)))
    return frozenset(scope for scope in Scope if scope.value in granted)


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return value.split()
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _invalid(error: Exception) -> InvalidTokenError:
    # By the name of the error, for its text may repeat the token's. Whatever a forged token makes
    # of the library, it is not a valid one.
    return InvalidTokenError(f"JWT: {type(error).__name__}")
