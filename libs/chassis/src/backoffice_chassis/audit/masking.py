"""Personal and bank data never reach the audit log in clear: a field of such a name is replaced by a keyed hash.

The same value of the same service gives the same mask, so that an auditor sees that it changed, or changed back, and
can check a value that they know of with who holds the key; nobody reads it out of the log, and without the key it
cannot be guessed by trial either.
"""

import hashlib
import hmac
from typing import Any

from backoffice_chassis.audit.canonical import canonical

MASKED = frozenset({"given_name", "family_name", "date_of_birth", "safekeeping_account", "cash_account"})
"""Names of fields that hold a person's name or birth date, or an account at a bank or custodian."""


class Masks:
    """Masks by one service's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def apply(self, value: Any) -> Any:
        """Return a plain document with what is personal masked, at whatever depth."""
        if isinstance(value, dict):
            return {name: self._field(name, each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.apply(each) for each in value]
        return value

    def _field(self, name: str, value: Any) -> Any:
        if name not in MASKED or value is None:
            return self.apply(value)
        seen = hmac.digest(self._key, canonical({"field": name, "value": value}), hashlib.sha256)
        return f"masked:{seen.hex()[:32]}"
