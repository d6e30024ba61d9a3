"""The conversation with the CSD over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import select

from backoffice_chassis import Principal, Router, Unit, not_found, scoped
from backoffice_chassis.http.vocabulary import Code
from settlement.history.tables import SEALED, status_event
from settlement.instructions.tables import instruction
from settlement.permissions import READ_SETTLEMENTS
from settlement.processes.scoping import trade_in_scope

Reader = Annotated[Principal, scoped(READ_SETTLEMENTS)]

router = Router(prefix="/instructions", tags=["instructions"])


class MessageView(BaseModel):
    """One ISO 20022 message. kind: what it did, as in the settlement's history."""

    message: str = Field(description="ISO 20022 message identifier.")
    kind: str
    occurred_at: datetime
    document: str


@router.get("/{instruction_id}/messages")
async def list_messages(instruction_id: Code, unit: Unit, principal: Reader) -> list[MessageView]:
    """List every message sent and received about an instruction, in order."""
    known = select(instruction.c.trade_id).where(
        instruction.c.instruction_id == instruction_id,
        trade_in_scope(instruction.c.trade_id, principal.scope),
    )
    trade_id = (await unit.connection.execute(known)).scalar_one_or_none()
    if trade_id is None:
        raise not_found("instruction", instruction_id)
    query = select(status_event).where(
        status_event.c.trade_id == trade_id,
        status_event.c.instruction_id == instruction_id,
        status_event.c.document.is_not(None),
    )
    rows = await unit.connection.execute(query.order_by(status_event.c.status_event_id))
    return [
        MessageView(
            message=row["details"]["message"],
            kind=row["kind"],
            occurred_at=row["occurred_at"],
            document=row["document"].decode("utf-8", errors="backslashreplace"),
        )
        for row in await SEALED.open(unit.connection, rows)
    ]
