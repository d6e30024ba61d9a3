"""Questions about confirmations: lists by filter, and what each came to."""

from typing import Any

from sqlalchemy import Select, and_, case, exists, or_, select

from trade_capture.confirmation.schemas import ConfirmationFilters
from trade_capture.confirmation.tables import confirmation
from trade_capture.trades.repository import trade_join

_later = confirmation.alias("later")
_trade = trade_join()

_superseded = exists().where(
    and_(
        *(
            _later.c[name] == confirmation.c[name]
            for name in ("source_system", "trade_reference", "counterparty_lei", "confirmation_reference")
        ),
        _later.c.version > confirmation.c.version,
    )
)
_speaks = and_(
    _trade.c.status == "CAPTURED",
    _trade.c.confirmation_status != "UNCONFIRMED",
    or_(
        _trade.c.counterparty_lei == confirmation.c.counterparty_lei,
        _trade.c.confirmation_reference == confirmation.c.confirmation_reference,
    ),
)
_status = case((_superseded, "SUPERSEDED"), (_speaks, _trade.c.confirmation_status), else_="ALLEGED")


def filtered(filters: ConfirmationFilters) -> Select[Any]:
    """Return the query of the confirmations that pass every filter, each with what it came to."""
    same_execution = and_(
        _trade.c.source_system == confirmation.c.source_system,
        _trade.c.trade_reference == confirmation.c.trade_reference,
    )
    query = select(
        confirmation,
        _status.label("status"),
        _trade.c.trade_id,
        _trade.c.version.label("trade_version"),
    ).select_from(confirmation.outerjoin(_trade, same_execution))
    equal = filters.model_dump(exclude_none=True, exclude={"status"})
    query = query.where(*(confirmation.c[name] == value for name, value in equal.items()))
    return query if filters.status is None else query.where(_status == filters.status)
