"""The messaging tables, as migration steps that every service takes."""

from typing import Any, Protocol

from backoffice_events.messaging.tables import metadata


class Operations(Protocol):
    """The part of `alembic.op` that is used here."""

    def get_bind(self) -> Any:
        """Return the connection that the migration runs on."""

    def execute(self, statement: str) -> None:
        """Execute a statement."""


def upgrade_0001(op: Operations) -> None:
    """Create outbox, inbox, dead_letter, dead_letter_action and parked_event."""
    metadata.create_all(op.get_bind(), checkfirst=False)


def upgrade_0002(op: Operations) -> None:
    """Let the outbox be vacuumed at full speed, as `tables` has it since."""
    op.execute("ALTER TABLE outbox SET (autovacuum_vacuum_cost_delay = 0)")


TABLE_NAMES = tuple(metadata.tables)
"""Names of the messaging tables, for grants and for autogenerate filters."""
