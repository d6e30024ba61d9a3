"""The key with which a service signs its audit log: Ed25519 (RFC 8032). Its public half names it.

Whoever can write to the database cannot sign, so a row that was changed or slipped in behind the service's back shows.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backoffice_chassis.audit.masking import Masks
from backoffice_chassis.key_text import seed_bytes

ENTRY = b"backoffice audit entry\n"
HEAD = b"backoffice audit tree head\n"
"""What is signed begins with what it is, so that neither passes for the other."""


class Signer:
    """Signs what one service writes into its audit log, and masks what is personal in it."""

    def __init__(self, seed: str) -> None:
        raw = seed_bytes(seed)
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public_key = self._key.public_key().public_bytes_raw().hex()
        self.masks = Masks(hmac.digest(raw, b"backoffice audit masks", hashlib.sha256))

    def sign(self, kind: bytes, data: bytes) -> str:
        """Return the signature, in hex."""
        return self._key.sign(kind + data).hex()


def is_signed(public_key: str, signature: str, kind: bytes, data: bytes) -> bool:
    """Return whether the holder of a key signed this."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), kind + data)
    except (ValueError, InvalidSignature):
        return False
    return True
