"""The messaging tables, the same in every service's database."""

from collections.abc import Collection
from dataclasses import dataclass

from backoffice_cli.auditor.evidence.databases import Connection, Rows

_OUTBOX = "SELECT seq, id, aggregatetype, aggregateid, type, created_at FROM outbox ORDER BY seq"

_INBOX = """
    SELECT consumer, event_id, received_at FROM inbox
    WHERE consumer = ANY($1::text[]) AND event_id = ANY($2::uuid[])
"""

_DEAD_LETTERS = "SELECT * FROM dead_letter ORDER BY seq"

_ACTIONS = "SELECT dead_letter_id, action, outcome, actor, at FROM dead_letter_action ORDER BY seq"

_PARKED = "SELECT * FROM parked_event ORDER BY seq"


@dataclass(frozen=True, slots=True)
class MessagingRows:
    """Rows by table. inbox: as far as it knows the events asked for."""

    outbox: Rows
    inbox: Rows
    dead_letters: Rows
    actions: Rows
    parked: Rows


async def read_messaging(
    connection: Connection, consumers: Collection[str], inbox_ids: Collection[str]
) -> MessagingRows:
    """Read what waits, what was refused, and which of these events each consumer took."""
    return MessagingRows(
        outbox=await connection.fetch(_OUTBOX),
        inbox=await connection.fetch(_INBOX, list(consumers), list(inbox_ids)),
        dead_letters=await connection.fetch(_DEAD_LETTERS),
        actions=await connection.fetch(_ACTIONS),
        parked=await connection.fetch(_PARKED),
    )
