"""Ids of what outsiders say: the same words always have the same, so that nothing counts twice after a restart."""

from datetime import UTC, datetime
from hashlib import blake2b

_48_BITS = (1 << 48) - 1


def lasting_id(name: str, milliseconds: int) -> str:
    """Return the id that belongs to a name for ever, shaped as a UUID (version 8 of RFC 9562).

    It begins with a time, as version 7 does, so that ids rise and the readers' indexes stay dense; the rest is the
    name's hash. milliseconds: since 1970, of what the name is about, and part of its words: the time at which
    something is said would be another after a restart.
    """
    time, digest = f"{milliseconds & _48_BITS:012x}", blake2b(name.encode(), digest_size=9).hexdigest()
    return f"{time[:8]}-{time[8:]}-8{digest[:3]}-8{digest[3:6]}-{digest[6:]}"


def milliseconds(moment: datetime) -> int:
    """Return a stated moment as milliseconds since 1970; where it names no time zone, any reader takes it for UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
