"""Ids of what outsiders say: the same words always have the same, so that nothing counts twice after a restart."""

from hashlib import blake2b


def lasting_id(name: str) -> str:
    """Return the id that belongs to a name for ever, shaped as a UUID (version 8)."""
    digest = blake2b(name.encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"
