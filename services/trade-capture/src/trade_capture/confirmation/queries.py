"""Questions about confirmations: lists by filter, and what each came to."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, or_, select, true

from backoffice_chassis import Scope
from trade_capture.confirmation.schemas import ConfirmationFilters
from trade_capture.confirmation.tables import confirmation
from trade_capture.reference.scope import in_scope
from trade_capture.trades.repository import same_key, trade_join

_later = confirmation.alias("later")
_own = confirmation.alias("own")
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
# While the trade's own counterparty has said nothing, another speaks: as `confirmation.domain.candidates` has it.
_nobodys_own = ~exists().where(same_key(_own, _trade), _own.c.counterparty_lei == _trade.c.counterparty_lei)
_speaks = and_(
    _trade.c.status == "CAPTURED",
    _trade.c.confirmation_status != "UNCONFIRMED",
    or_(
        _trade.c.counterparty_lei == confirmation.c.counterparty_lei,
        and_(_trade.c.confirmation_reference == confirmation.c.confirmation_reference, _nobodys_own),
    ),
)
_status = case((_superseded, "SUPERSEDED"), (_speaks, _trade.c.confirmation_status), else_="ALLEGED")


def confirmation_in_scope(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a confirmation is of a trade in scope; one of no trade is the whole firm's."""
    if scope.whole_firm:
        return true()
    own = trade_join()
    return exists().where(same_key(own, confirmation), in_scope(scope, own.c.book))


def filtered(filters: ConfirmationFilters, scope: Scope) -> Select[Any]:
    """Return the query of the confirmations in scope that pass every filter, each with what it came to."""
    query = select(
        confirmation,
        _status.label("status"),
        _trade.c.trade_id,
        _trade.c.version.label("trade_version"),
    ).select_from(confirmation.outerjoin(_trade, same_key(_trade, confirmation)))
    query = query.where(confirmation_in_scope(scope))
    equal = filters.model_dump(exclude_none=True, exclude={"status"})
    query = query.where(*(confirmation.c[name] == value for name, value in equal.items()))
    return query if filters.status is None else query.where(_status == filters.status)
