"""Key-encryption keys: the operator's, given to the process and never stored. They wrap data keys and nothing else."""

import os
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backoffice_chassis.key_text import seed_bytes
from backoffice_chassis.secrecy.errors import MissingKeyError, UnreadableError

NONCE_BYTES = 12
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as the database holds it. version: of the key that wrapped it."""

    key_id: str
    version: int
    wrapped: bytes


class KeyRing:
    """The keys by version. current: the version that wraps; the others only unwrap what they once wrapped."""

    def __init__(self, text: str) -> None:
        self._keys = {version: AESGCM(key) for version, key in parsed(text).items()}
        self.current = next(iter(self._keys))
        self.versions = frozenset(self._keys)

    def wrap(self, key_id: str, data_key: bytes) -> Wrapped:
        """Return a data key wrapped by the current key, bound to its id."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self.current].encrypt(nonce, data_key, _binding(key_id))
        return Wrapped(key_id, self.current, nonce + sealed)

    def unwrap(self, key: Wrapped) -> bytes:
        """Return a data key. Raises MissingKeyError, and UnreadableError for one that was changed or exchanged."""
        if key.version not in self._keys:
            raise MissingKeyError(
                f"Data key {key.key_id} is wrapped by key {key.version}, which BACKOFFICE_FIELD_KEYS lacks: "
                "give it back, or nobody reads what it protects."
            )
        nonce, sealed = key.wrapped[:NONCE_BYTES], key.wrapped[NONCE_BYTES:]
        try:
            return self._keys[key.version].decrypt(nonce, sealed, _binding(key.key_id))
        except (InvalidTag, ValueError):
            raise UnreadableError(
                f"Data key {key.key_id} does not unwrap: key {key.version} is another one, or the row was changed."
            ) from None


def parsed(text: str) -> dict[int, bytes]:
    """Return keys by version, the one that wraps first. Raises ValueError, without any key, for other text."""
    keys: dict[int, bytes] = {}
    for part in text.strip().split(","):
        version, separator, key = part.strip().partition(":")
        if not separator or not is_version(version):
            raise ValueError(
                "must look like `2:key,1:key`, the key that encrypts first, each with its version"
            )
        if int(version) in keys:
            raise ValueError(f"names version {version} twice")
        keys[int(version)] = seed_bytes(key)
    if len(set(keys.values())) != len(keys):
        raise ValueError("holds one key under two versions: draw a new one")
    return keys


def is_version(text: str) -> bool:
    """Return whether a text is the version of a key."""
    return _VERSION.fullmatch(text) is not None


def _binding(key_id: str) -> bytes:
    return b"backoffice data key\n" + key_id.encode()
