"""Our messages are ISO 20022's own: python-iso20022's full models are the oracle, in both directions."""

import importlib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import settlement_samples as a
from msgspec.structs import replace
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer

from backoffice_chassis.secrecy.accounts import without_accounts
from backoffice_events.contracts.vocabulary import InstrumentType, Side
from backoffice_events.iso20022 import InvalidDocumentError, MessageType, read
from settlement.advices.messages import read_cancellation_advice, read_confirmation, read_status_advice
from settlement.instructions.domain import Instruction
from settlement.instructions.messages import cancellation_document, instruction_document, plain

pytestmark = pytest.mark.unit

CONTEXT = XmlContext()
PARSER = XmlParser(context=CONTEXT, config=ParserConfig(fail_on_unknown_properties=True))


def full_model(message: MessageType) -> Any:
    module = importlib.import_module(f"python_iso20022.sese.{message.value.replace('.', '_')}.models")
    return getattr(module, message.value.title().replace(".", ""))


def as_model(document: bytes, message: MessageType) -> Any:
    return PARSER.from_bytes(document, full_model(message))


def back(model: Any, message: MessageType) -> bytes:
    serializer = XmlSerializer(context=CONTEXT)
    text = serializer.render(model, ns_map={None: message.namespace})
    # The library names a document's root after its class; in the standard it is Document.
    name = type(model).__name__
    return text.replace(f"<{name}", "<Document").replace(f"</{name}", "</Document").encode()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", InstrumentType)
def test_an_instruction_is_a_full_sese_023(side: Side, kind: InstrumentType) -> None:
    trade = a.trade(side=side, instrument_type=kind, quantity=Decimal("1000.50"))
    document = instruction_document("0123456789abcdef0123456789abcdef", trade)

    message = as_model(document, MessageType.INSTRUCTION).scties_sttlm_tx_instr
    assert message.tx_id == "0123456789abcdef0123456789abcdef"
    params = message.sttlm_tp_and_addtl_params
    assert params.scties_mvmnt_tp.value == ("RECE" if side is Side.BUY else "DELI")
    assert params.pmt.value == "APMT"
    assert message.fin_instrm_id.isin == trade.isin
    assert message.trad_dtls.sttlm_dt.dt.dt.to_date() == trade.settlement_date
    quantity = message.qty_and_acct_dtls.sttlm_qty.qty
    in_face, in_units = (quantity.face_amt, quantity.unit)
    assert (in_face if kind is InstrumentType.BOND else in_units) == Decimal("1000.5")
    assert (in_units if kind is InstrumentType.BOND else in_face) is None
    assert message.sttlm_amt.amt.value == trade.net_amount
    assert message.sttlm_amt.amt.ccy == "USD"
    assert message.sttlm_amt.cdt_dbt_ind.value == ("DBIT" if side is Side.BUY else "CRDT")


def test_the_counterparty_delivers_what_we_buy_and_receives_what_we_sell() -> None:
    for side in Side:
        document = instruction_document("i", a.trade(side=side))
        message = as_model(document, MessageType.INSTRUCTION).scties_sttlm_tx_instr
        ours, theirs = message.rcvg_sttlm_pties, message.dlvrg_sttlm_pties
        if side is Side.SELL:
            ours, theirs = theirs, ours
        assert ours.pty1.id.any_bic == a.PARTIES.agent_bic
        assert ours.pty1.sfkpg_acct.id == a.PARTIES.safekeeping_account
        assert theirs.pty1.id.any_bic == a.PARTIES.counterparty_agent_bic
        assert theirs.pty2.id.any_bic == a.PARTIES.counterparty_bic
        assert ours.dpstry.id.any_bic == theirs.dpstry.id.any_bic == a.PARTIES.place_of_settlement


def test_text_is_escaped_and_comes_back_as_it_was() -> None:
    parties = replace(a.PARTIES, cash_account='<A&B>"1"')
    document = instruction_document("i", a.trade(settlement_parties=parties))

    message = as_model(document, MessageType.INSTRUCTION).scties_sttlm_tx_instr
    assert message.qty_and_acct_dtls.csh_acct.prtry == '<A&B>"1"'


@pytest.mark.parametrize(
    "changes",
    [
        {"isin": "NOT-AN-ISIN"},
        {"currency": "usd"},
        {"currency": 'USD" x="1'},
        {"quantity": Decimal("123456789012345678.1")},
        {"net_amount": Decimal("-0.01")},
        {"net_amount": Decimal("0.000001")},
        {"settlement_parties": replace(a.PARTIES, cash_account="x" * 35)},
        {"settlement_parties": replace(a.PARTIES, safekeeping_account="")},
        {"settlement_parties": replace(a.PARTIES, agent_bic="nobic")},
        {"settlement_parties": replace(a.PARTIES, place_of_settlement="\x01")},
    ],
)
def test_terms_that_do_not_fit_make_no_message(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocumentError):
        instruction_document("i", a.trade(**changes))


def test_a_message_holds_nothing_of_those_before_it() -> None:
    one = a.trade()
    before = instruction_document("i", one)
    others = {
        name: f"OTHER-{name}" for name in ("safekeeping_account", "cash_account", "counterparty_account")
    }
    other = a.trade(isin="US5949181045", currency="EUR", settlement_parties=replace(a.PARTIES, **others))
    assert b"OTHER" in instruction_document("other", other)
    with pytest.raises(InvalidDocumentError):
        instruction_document("refused", a.trade(currency="usd"))

    assert instruction_document("i", one) == before


def test_a_cancellation_request_is_a_full_sese_020() -> None:
    instruction = Instruction(
        "i1",
        "t",
        1,
        1,
        "SELL",
        a.ISIN,
        "EQUITY",
        "USD",
        "B",
        "L",
        "C",
        "US",
        date(2024, 6, 4),
        Decimal(1),
        Decimal(1),
    )
    document = cancellation_document(instruction)

    read(document, MessageType.CANCELLATION_REQUEST)
    message = as_model(document, MessageType.CANCELLATION_REQUEST).scties_tx_cxl_req
    assert message.acct_ownr_tx_id.scties_sttlm_tx_id.tx_id == "i1"
    assert message.acct_ownr_tx_id.scties_sttlm_tx_id.scties_mvmnt_tp.value == "DELI"
    assert message.cxl_rsn.cd.cd.value == "CANI"


def documents() -> list[tuple[MessageType, bytes, Any]]:
    statuses = (
        a.ACCEPTED,
        a.MATCHED,
        a.UNMATCHED,
        a.REJECTED,
        a.CANCELLED,
        a.pending("LACK"),
        a.failing("CLAC"),
    )
    part = a.part("i", "40", "7761.8", before=("60", "11642.7"))
    return [
        *[
            (MessageType.STATUS_ADVICE, a.status_advice("i", s).document, read_status_advice)
            for s in statuses
        ],
        (MessageType.CONFIRMATION, a.confirmation("i").document, read_confirmation),
        (MessageType.CONFIRMATION, a.confirmation("i", unit="FaceAmt").document, read_confirmation),
        (MessageType.CONFIRMATION, part.document, read_confirmation),
        (MessageType.CANCELLATION_ADVICE, a.cancellation_advice("i").document, read_cancellation_advice),
        (
            MessageType.CANCELLATION_ADVICE,
            a.cancellation_advice("i", "Dnd", "DSET").document,
            read_cancellation_advice,
        ),
    ]


@pytest.mark.parametrize(("message", "document", "understand"), documents())
def test_what_the_library_writes_is_valid_to_us_and_means_the_same(
    message: MessageType, document: bytes, understand: Any
) -> None:
    written_by_library = back(as_model(document, message), message)

    assert written_by_library != document
    assert understand(written_by_library) == understand(document)


def test_our_instruction_written_by_the_library_is_valid_to_us() -> None:
    document = instruction_document("i", a.trade())
    read(back(as_model(document, MessageType.INSTRUCTION), MessageType.INSTRUCTION), MessageType.INSTRUCTION)


def test_a_trade_without_its_accounts_is_no_instruction() -> None:
    with pytest.raises(InvalidDocumentError, match="minLength"):
        instruction_document("i", without_accounts(a.trade()))


@pytest.mark.parametrize(
    ("number", "text"),
    [("100", "100"), ("100.500", "100.5"), ("1E+3", "1000"), ("0.000", "0"), ("19404.50", "19404.5")],
)
def test_numbers_are_written_plainly(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
