"""Which JWTs are taken, and whose keys: every known trick is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st
from jwt.utils import base64url_decode

from graphql_api.auth.jwt import (
    ALGORITHMS,
    Key,
    Keys,
    allowed_algorithms,
    keys_of_jwks,
    keys_of_key_file,
)
from graphql_api.auth.principal import InvalidTokenError, Principal
from graphql_api.errors import ConfigurationError
from graphql_api.scopes import Scope
from tests.for_each import for_each
from tests.unit.auth.signing import (
    SECRET,
    claims,
    jwk,
    jwks,
    private_key,
    private_pem,
    public_pem,
    signed,
)

ES256 = Keys(keys_of_key_file(public_pem("ES256")))


def verify(keys: Keys, token: str) -> Principal:
    return keys.verify(token, time.time())


def refused(keys: Keys, token: str) -> str:
    """Why a token is refused, as the log has it; nothing of the token is in it."""
    with pytest.raises(InvalidTokenError) as caught:
        verify(keys, token)
    text = str(caught.value)
    assert text.startswith("JWT: ")
    assert not any(part in text for part in token.split(".") if len(part) > 3)
    return text.removeprefix("JWT: ")


def forged(header: object, payload: object, signature: bytes = b"") -> str:
    """A token word for word."""
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def hmac_forged(key: bytes, **header: object) -> str:
    """A token that is signed by whatever bytes, as a library would refuse to do it."""
    unsigned = forged({"alg": "HS256", **header}, claims()).rstrip(".")
    return forged(
        {"alg": "HS256", **header}, claims(), hmac.digest(key, unsigned.encode(), hashlib.sha256)
    )


# What is taken.


@for_each("algorithm", sorted(ALGORITHMS))
def test_each_algorithm_is_taken_with_a_key_of_its_kind(algorithm: str) -> None:
    data = SECRET if algorithm.startswith("HS") else public_pem(algorithm)
    keys = Keys(keys_of_key_file(data))
    principal = verify(keys, signed(algorithm, exp=4_000_000_000))
    assert principal.name == "JWT of ann"
    assert principal.scopes == {Scope.READ}
    assert principal.expires_at_s == 4_000_000_000
    assert principal.grant in keys.grants


@for_each(
    ("given", "scopes"),
    [
        ({"scope": "read write logins"}, set(Scope)),
        ({"scope": None, "scp": "write"}, {Scope.WRITE}),
        ({"scope": None, "scp": ["read", "logins", 5]}, {Scope.READ, Scope.LOGINS}),
        ({"scope": None, "scopes": ["read"]}, {Scope.READ}),
        ({"scope": "READ read,write"}, set()),
        ({"scope": None}, set()),
        ({"scope": {"read": True}}, set()),
    ],
)
def test_scopes_are_those_that_the_token_names(given: dict[str, Any], scopes: set[Scope]) -> None:
    assert verify(ES256, signed(**given)).scopes == scopes


def test_payload_of_a_token_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []

    def counted(part: bytes) -> bytes:
        decoded.append(part)
        return base64url_decode(part)

    monkeypatch.setattr("jwt.api_jws.base64url_decode", counted)
    token = signed()
    verify(ES256, token)
    assert decoded.count(token.split(".")[1].encode()) == 1
    other = Keys([Key.of(private_key("ES384").public_key())])
    decoded.clear()
    refused(other, token)
    assert decoded == [], "no key fits, so nothing needs to be decoded"


def test_name_in_logs_is_one_short_line() -> None:
    name = verify(ES256, signed(sub="ann\nERROR \x1b[31m" + "x" * 500)).name
    assert name.isprintable()
    assert len(name) < 80
    assert verify(ES256, signed(sub=None)).name == "JWT of somebody"


def test_newline_at_the_end_of_a_secret_is_none_of_it() -> None:
    for end in (b"", b"\n", b"\r\n"):
        verify(Keys(keys_of_key_file(SECRET + end)), signed("HS512"))


# Time.


def test_expiry_is_strict_and_needed() -> None:
    now = int(time.time())
    keys = Keys(keys_of_key_file(public_pem("ES256")), leeway_s=60)
    keys.verify(signed(exp=now + 10), now + 9.9)
    for at_s in (now + 10.0, now + 10.1):
        with pytest.raises(InvalidTokenError, match="ExpiredSignatureError"):
            keys.verify(signed(exp=now + 10), at_s)
    assert refused(keys, signed(exp=None)) == "MissingRequiredClaimError"
    assert refused(keys, signed(exp=now - 1)) == "ExpiredSignatureError"


@for_each("exp", ["soon", [], "nan", float("nan"), float("inf"), 1e308, -1])
def test_odd_expiry_does_no_harm(exp: object) -> None:
    try:
        principal = verify(ES256, signed(exp=exp))
    except InvalidTokenError:
        return
    assert principal.expires_at_s == exp


@for_each("claim", ["nbf", "iat"])
def test_token_of_the_future_is_taken_within_the_leeway_only(claim: str) -> None:
    future: dict[str, Any] = {claim: int(time.time()) + 30}
    token = signed(**future)
    assert refused(ES256, token) == "ImmatureSignatureError"
    verify(Keys(keys_of_key_file(public_pem("ES256")), leeway_s=60), token)


# Audience and issuer.


def test_audience_and_issuer_must_be_those_that_are_asked_for() -> None:
    ours = Keys(keys_of_key_file(public_pem("ES256")), audience="api", issuer="https://id.example")
    good: dict[str, Any] = {"aud": "api", "iss": "https://id.example"}
    verify(ours, signed(**good))
    verify(ours, signed(**good | {"aud": ["other", "api"]}))
    assert refused(ours, signed(**good | {"aud": "other"})) == "InvalidAudienceError"
    assert refused(ours, signed(iss="https://id.example")) == "MissingRequiredClaimError"
    assert refused(ours, signed(**good | {"iss": "https://evil.example"})) == "InvalidIssuerError"
    assert refused(ours, signed(aud="api")) == "MissingRequiredClaimError"


def test_token_for_another_audience_is_refused_where_none_is_asked_for() -> None:
    assert refused(ES256, signed(aud="other")) == "InvalidAudienceError"


# Forgeries.


@for_each("alg", ["none", "None", "NONE", "nOnE", "", None, 5, ["ES256"]])
def test_unsigned_token_is_refused(alg: object) -> None:
    assert refused(ES256, forged({"alg": alg}, claims()))
    assert refused(ES256, forged({"alg": alg}, claims(), b"x"))


def test_header_without_an_algorithm_is_refused() -> None:
    assert refused(ES256, forged({}, claims()))


@for_each("algorithm", ["RS256", "ES256", "EdDSA"])
def test_public_key_is_never_a_shared_secret(algorithm: str) -> None:
    pem = public_pem(algorithm)
    der = (
        private_key(algorithm)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    in_set = jwk(algorithm)
    for keys in (Keys(keys_of_key_file(pem)), Keys(keys_of_jwks(jwks(in_set)))):
        for key in (pem, pem.strip(), der, json.dumps(in_set).encode(), b""):
            assert refused(keys, hmac_forged(key)) == "InvalidKeyError"


@for_each("algorithm", ["RS256", "ES256", "EdDSA"])
@for_each("encode", [bytes, base64.b64encode, base64.encodebytes])
def test_public_key_without_the_lines_of_pem_is_no_secret(
    algorithm: str, encode: Callable[[bytes], bytes]
) -> None:
    """As identity providers show it: all who have read it there could sign with it."""
    key = private_key(algorithm).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ConfigurationError, match="neither a public key in PEM"):
        keys_of_key_file(encode(der))


@for_each("last", [b"\n", b"\r"])
@for_each("line_end", [b"", b"\n", b"\r\n"])
def test_public_key_whose_last_byte_ends_a_line_is_no_secret(last: bytes, line_end: bytes) -> None:
    keys = (
        ed25519.Ed25519PrivateKey.from_private_bytes(number.to_bytes(32))
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for number in itertools.count()
    )
    der = next(key for key in keys if key.endswith(last))
    with pytest.raises(ConfigurationError, match="neither a public key in PEM"):
        keys_of_key_file(der + line_end)


def test_signature_of_another_key_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused(ES256, jwt.encode(claims(), other, "ES256")) == "InvalidSignatureError"
    head, _, signature = signed().split(".")
    body = forged({}, claims(scope="write")).split(".")[1]
    assert refused(ES256, f"{head}.{body}.{signature}") == "InvalidSignatureError"


def test_key_that_a_token_brings_along_is_ignored() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    own = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(other.public_key()))
    headers = {"jwk": own, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"}
    token = jwt.encode(claims(), other, "ES256", headers=headers)
    assert refused(ES256, token) == "InvalidSignatureError"


@for_each("kid", ["../../dev/null", "/etc/passwd", "' OR 1=1 --", "b", "", "A", "a\x00"])
def test_kid_is_compared_and_nothing_else(kid: str) -> None:
    keys = Keys(keys_of_jwks(jwks(jwk("ES256", kid="a"))))
    verify(keys, signed(kid="a"))
    verify(keys, signed())
    assert refused(keys, signed(kid=kid)) == "InvalidKeyError"
    assert refused(keys, hmac_forged(b"", kid=kid)) == "InvalidKeyError"


@for_each("kid", [5, ["a"], {"a": 1}])
def test_kid_that_is_no_text_is_refused(kid: object) -> None:
    keys = Keys(keys_of_jwks(jwks(jwk("ES256", kid="a"))))
    assert refused(keys, forged({"alg": "ES256", "kid": kid}, claims())) == "InvalidTokenError"


def test_critical_header_is_refused() -> None:
    token = jwt.encode(claims(), private_key("ES256"), "ES256", headers={"crit": ["x"], "x": 1})
    assert refused(ES256, token) == "InvalidTokenError"


@given(st.text(max_size=300))
@example("." * 10_000)
@example(".".join(["W" * 16_000] * 3))
@example("W1tbW1tbW1tbW1tbW1tbW1tb" * 600 + ".e30.AA")
@example(forged({"alg": "ES256", "b64": False}, claims()))
@example(forged({"alg": "ES256", "kid": "x" * 10_000}, claims(), b"x" * 64))
def test_rubbish_is_refused_whatever_it_is(token: str) -> None:
    with pytest.raises(InvalidTokenError):
        verify(ES256, token)


# Keys.


def test_key_of_a_set_is_used_for_what_it_says() -> None:
    rs = jwk("RS256", kid="r", alg="RS256", use="sig", key_ops=["verify"])
    keys = Keys(keys_of_jwks(jwks(rs, jwk("ES256", kid="e"))))
    verify(keys, signed("RS256", kid="r"))
    verify(keys, signed("ES256", kid="e"))
    verify(keys, signed("ES256"))
    assert refused(keys, signed("PS256", kid="r")) == "InvalidKeyError"
    assert refused(keys, signed("RS512")) == "InvalidKeyError"
    assert refused(keys, signed("ES256", kid="r")) == "InvalidKeyError"


def test_keys_that_are_not_for_signatures_are_left_out() -> None:
    good = jwk("ES256", kid="a")
    for other in (
        jwk("RS256", use="enc"),
        jwk("RS256", key_ops=["encrypt"]),
        {"kty": "OKP", "crv": "X25519", "x": jwk("EdDSA")["x"]},
        jwk("RS256", alg="RSA-OAEP"),
        {"kty": "quantum"},
        {"kid": 5, **jwk("RS256")},
    ):
        (key,) = keys_of_jwks(jwks(other, good))
        assert key.kid == "a"
        with pytest.raises(ConfigurationError):
            keys_of_jwks(jwks(other))


def test_secret_may_be_in_a_set() -> None:
    secret = base64.urlsafe_b64encode(SECRET).decode()
    keys = Keys(keys_of_jwks(jwks({"kty": "oct", "k": secret, "kid": "s", "alg": "HS256"})))
    verify(keys, signed("HS256", kid="s"))
    assert refused(keys, signed("HS512", kid="s")) == "InvalidKeyError"


def test_key_file_of_the_wrong_kind_is_refused_with_the_reason() -> None:
    for data, reason in (
        (private_pem("ES256"), "private key"),
        (public_pem("ES256").replace(b"M", b"!"), "no public key"),
        (jwks(jwk("ES256")), "--jwt-jwks"),
        (b"", "neither"),
        (b"x" * 31 + b"\n", "31 bytes"),
        (b"ssh-ed25519 " + b"A" * 60, "neither"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            keys_of_key_file(data)


def test_set_of_the_wrong_kind_is_refused_with_the_reason() -> None:
    private: dict[str, Any] = {**jwk("ES256"), "d": "AAAA"}
    short = {"kty": "oct", "k": "c2hvcnQ"}
    for data, reason in (
        (b"{", "no JSON Web Key Set"),
        (b"[]", "no JSON Web Key Set"),
        (b'{"keys": "abc"}', "no JSON Web Key Set"),
        (b'{"keys": []}', "no key for signatures"),
        (jwks(private), "private key"),
        (jwks(short), "5 bytes"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            keys_of_jwks(data)


def test_short_rsa_key_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    pem = weak.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ConfigurationError, match="1024 bits, and needs 2048"):
        keys_of_key_file(pem)


def test_curve_that_signs_no_jwt_is_refused() -> None:
    odd = ec.generate_private_key(ec.SECP256K1()).public_key()
    pem = odd.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ConfigurationError, match="signs no JWT"):
        keys_of_key_file(pem)


def test_secret_is_used_for_hashes_that_are_no_longer_than_it_is() -> None:
    (key,) = keys_of_key_file(SECRET[:47])
    assert key.algorithms == ("HS256",)


def test_only_allowed_algorithms_are_used() -> None:
    (key,) = keys_of_key_file(public_pem("RS256"), allowed=allowed_algorithms(["PS256", "ES256"]))
    assert key.algorithms == ("PS256",)
    assert refused(Keys([key]), signed("RS256")) == "InvalidKeyError"
    with pytest.raises(ConfigurationError, match="none of these is allowed"):
        keys_of_key_file(public_pem("ES256"), allowed=allowed_algorithms(["RS256"]))


@for_each("name", ["none", "HS1", "es256", ""])
def test_unknown_algorithm_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ConfigurationError, match="--jwt-algorithm"):
        allowed_algorithms([name])


def test_no_key_is_in_any_text() -> None:
    (key,) = keys_of_key_file(SECRET)
    assert repr(SECRET)[2:40] not in repr(key)
    assert key == Key.of(SECRET)
    assert key != Key.of(SECRET[::-1])
