"""Identifiers that the platform draws for itself."""

import uuid_utils


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562) as text: unique everywhere, and rising with time so that indexes stay dense."""
    return str(uuid_utils.uuid7())
