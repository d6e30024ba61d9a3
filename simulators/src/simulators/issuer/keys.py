"""The issuer's signing key, made once and kept in its state folder."""

import contextlib
import hashlib
import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ALGORITHM = "ES256"


class SigningKey:
    """An ECDSA key on P-256. key_id: its thumbprint (RFC 7638), so a new key has a new id."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        self.key_id = _thumbprint(public)
        self.public_jwk: dict[str, Any] = {**public, "kid": self.key_id, "use": "sig", "alg": ALGORITHM}

    @classmethod
    def kept_in(cls, folder: Path) -> "SigningKey":
        """Return the key kept in a folder; the first call makes it, readable by its owner alone."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "signing-key.pem"
        if not path.exists():
            _create(path)
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{path} holds no EC key: remove it and a new one is made")
        return cls(private)

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed JWT."""
        return jwt.encode(claims, self._private, ALGORITHM, headers={"kid": self.key_id, "typ": "at+jwt"})


def _create(path: Path) -> None:
    """Write a new key whole or not at all; of two at once the first wins."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(pem)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _thumbprint(public: dict[str, Any]) -> str:
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
