"""Keys as settings hold them, drawn and read.

Apart from what works with keys, so that drawing one imports neither database nor messaging.
"""

import base64
import binascii
import secrets

SEED_BYTES = 32


def new_seed() -> str:
    """Return a new private key as settings hold it: 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(SEED_BYTES)).decode()


def seed_bytes(text: str) -> bytes:
    """Return a private key's bytes. Raises ValueError, without the text, when it is not 32 bytes in base64."""
    try:
        seed = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"must be {SEED_BYTES} random bytes in base64, as `openssl rand -base64 32` prints")
    return seed


def new_key_ring() -> str:
    """Return a new ring of one key, as settings hold it."""
    return f"1:{new_seed()}"
