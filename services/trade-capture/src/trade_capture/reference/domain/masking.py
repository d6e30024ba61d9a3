"""What others are shown of our reference data."""

from msgspec.structs import replace

from trade_capture.reference.domain.records import SettlementInstruction

_SHOWN = 4
_HIDDEN_AT_LEAST = 4


def masked(instruction: SettlementInstruction) -> SettlementInstruction:
    """Return an instruction without its account numbers: a trade brings settlement those that it needs."""
    return replace(
        instruction,
        safekeeping_account=_masked(instruction.safekeeping_account),
        cash_account=_masked(instruction.cash_account),
    )


def _masked(account: str) -> str:
    hidden = len(account) - _SHOWN
    return "*" * hidden + account[hidden:] if hidden >= _HIDDEN_AT_LEAST else "*" * len(account)
