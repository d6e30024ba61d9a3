"""Why a value cannot be read. No message holds a value or a key."""

from backoffice_events.messaging.failures import MissingMeansError


class MissingKeyError(MissingMeansError):
    """The key is not there: it was not given to this process, or was destroyed."""


class UnreadableError(Exception):
    """The value was changed, or belongs to another place or key."""
