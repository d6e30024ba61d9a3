"""A value under a data key: AES-256-GCM, bound to the place where it stands. Text that says how it is to be read.

`enc1:<data key's id>:<nonce, ciphertext and tag in base64url>`. The data key's row says by which version of the
operator's key it is wrapped.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import TypeGuard
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backoffice_chassis.secrecy.errors import UnreadableError
from backoffice_chassis.secrecy.ring import NONCE_BYTES

PREFIX = "enc1:"
DATA_KEY_BITS = 256
KEY_ID_ENDS = len(PREFIX) + 36
"""Where the data key's id ends in an encrypted value."""


class DataKey:
    """Encrypts values. Nonces are random: one key is good for 2^32 values (NIST SP 800-38D, 8.3)."""

    def __init__(self, key_id: str, key: bytes) -> None:
        self.key_id = key_id
        self._cipher = AESGCM(key)

    def seal(self, value: bytes, place: Sequence[str]) -> str:
        """Return a value encrypted. place: table, column and row, or their like; it opens nowhere else."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, value, _binding(place))
        return f"{PREFIX}{self.key_id}:{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, place: Sequence[str]) -> bytes:
        """Return the value. Raises UnreadableError when it was changed, moved, or is another key's."""
        try:
            raw = base64.urlsafe_b64decode(sealed.removeprefix(f"{PREFIX}{self.key_id}:"))
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _binding(place))
        except (InvalidTag, binascii.Error, ValueError):
            raise UnreadableError(
                f"{'.'.join(place[:2])} of {'/'.join(place[2:])} does not open under key {self.key_id}: "
                "it was changed, or moved from elsewhere."
            ) from None


def is_sealed(stored: object) -> TypeGuard[str | bytes]:
    """Return whether what a column holds is an encrypted value."""
    if isinstance(stored, bytes):
        return stored.startswith(PREFIX.encode())
    return isinstance(stored, str) and stored.startswith(PREFIX)


def key_id_of(sealed: str) -> str:
    """Return the id of the data key that a value is under. Raises UnreadableError when it names none."""
    try:
        return str(UUID(sealed.removeprefix(PREFIX).partition(":")[0]))
    except ValueError:
        raise UnreadableError("An encrypted value names no data key: it was changed.") from None


def _binding(place: Sequence[str]) -> bytes:
    """Return the place as a JSON array, a third as long as `json.dumps` takes for it."""
    return f"[{', '.join(map(encode_basestring_ascii, place))}]".encode()
