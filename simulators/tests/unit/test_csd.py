"""The CSD's book: what it says, when, and that a restart or another batching changes nothing."""

import importlib
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

from backoffice_events.contracts.csd import CsdCancellationAdvised, CsdSettlementConfirmed, CsdStatusAdvised
from backoffice_events.iso20022 import MessageType, read
from simulators.csd.behaviour import Behaviour, Phase, Rates, later
from simulators.csd.depository import Depository, Said

pytestmark = pytest.mark.unit

PLACE, MONDAY = "DTCYUS33XXX", date(2024, 6, 3)
ALL = Decimal(1)
TYPES = {
    CsdStatusAdvised: MessageType.STATUS_ADVICE,
    CsdSettlementConfirmed: MessageType.CONFIRMATION,
    CsdCancellationAdvised: MessageType.CANCELLATION_ADVICE,
}
PARSER = XmlParser(config=ParserConfig(fail_on_unknown_properties=True))


def instruction(
    key: str = "i1",
    *,
    day: date = MONDAY,
    quantity: str = "100",
    amount: str = "1000.01",
    movement: str = "RECE",
) -> bytes:
    side = f"<Dpstry><Id><AnyBIC>{PLACE}</AnyBIC></Id></Dpstry><Pty1><Id><AnyBIC>CHASUS33XXX</AnyBIC></Id></Pty1>"
    return (
        f'<Document xmlns="{MessageType.INSTRUCTION.namespace}"><SctiesSttlmTxInstr><TxId>{key}</TxId>'
        f"<SttlmTpAndAddtlParams><SctiesMvmntTp>{movement}</SctiesMvmntTp><Pmt>APMT</Pmt></SttlmTpAndAddtlParams>"
        f"<TradDtls><TradId>T</TradId><TradDt><Dt><Dt>2024-05-31</Dt></Dt></TradDt><SttlmDt><Dt><Dt>{day}</Dt></Dt>"
        "</SttlmDt></TradDtls><FinInstrmId><ISIN>US0378331005</ISIN></FinInstrmId><QtyAndAcctDtls><SttlmQty><Qty>"
        f"<Unit>{quantity}</Unit></Qty></SttlmQty><SfkpgAcct><Id>S</Id></SfkpgAcct><CshAcct><Prtry>C</Prtry></CshAcct>"
        "</QtyAndAcctDtls><SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>"
        f"<DlvrgSttlmPties>{side}</DlvrgSttlmPties><RcvgSttlmPties>{side}</RcvgSttlmPties>"
        f'<SttlmAmt><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd></SttlmAmt></SctiesSttlmTxInstr></Document>'
    ).encode()


def request(key: str = "i1") -> bytes:
    return (
        f'<Document xmlns="{MessageType.CANCELLATION_REQUEST.namespace}"><SctiesTxCxlReq>'
        f"<AcctOwnrTxId><SctiesSttlmTxId><TxId>{key}</TxId><SctiesMvmntTp>RECE</SctiesMvmntTp><Pmt>APMT</Pmt></SctiesSttlmTxId></AcctOwnrTxId>"
        "<CxlRsn><Cd><Cd>CANI</Cd></Cd></CxlRsn></SctiesTxCxlReq></Document>"
    ).encode()


def csd(said: frozenset[str] = frozenset(), seed: str = "1", **rates: Decimal) -> Depository:
    depository = Depository(Behaviour(Rates(**rates), seed), said)
    depository.learn_place(PLACE, "US")
    return depository


def words(said: list[Said]) -> list[str]:
    """Return what was said, in short."""
    return [word(one) for one in said]


def word(said: Said) -> str:
    message = read(said.advice.document, TYPES[type(said.advice)])
    if isinstance(said.advice, CsdSettlementConfirmed):
        day = message.component("TradDtls").date("FctvSttlmDt")
        return f"settled {message.component('QtyAndAcctDtls').number('SttldQty')} on {day}"
    chosen = {block: message.choice(block) for block in ("PrcgSts", "MtchgSts", "SttlmSts")}
    return ", ".join(
        f"{status} {message.component(block).component(status).text_or_none('Rsn') or ''}".strip()
        for block, status in chosen.items()
        if status is not None
    )


def run_days(depository: Depository, days: int, first: date = MONDAY) -> list[Said]:
    said = []
    for number in range(days):
        for phase in Phase:
            said += depository.turn("US", later(first, number), phase)
    return said


def test_without_faults_everything_matches_and_settles_on_its_date() -> None:
    depository = csd()
    assert words(depository.instruct("i1", instruction())) == ["AckdAccptd, Mtchd"]
    assert words(depository.turn("US", MONDAY - timedelta(days=3), Phase.OPEN)) == []
    assert words(depository.turn("US", MONDAY, Phase.OPEN)) == ["settled 100 on 2024-06-03"]


def test_what_is_due_already_settles_at_once_while_the_day_is_open() -> None:
    depository = csd()
    depository.turn("US", MONDAY, Phase.OPEN)
    assert words(depository.instruct("i1", instruction())) == [
        "AckdAccptd, Mtchd",
        "settled 100 on 2024-06-03",
    ]

    depository.turn("US", MONDAY, Phase.CLOSED)
    assert words(depository.instruct("i2", instruction("i2"))) == ["AckdAccptd, Mtchd"]
    assert words(depository.turn("US", date(2024, 6, 4), Phase.OPEN)) == ["settled 100 on 2024-06-04"]


def test_an_instruction_waits_until_its_place_of_settlement_has_a_calendar() -> None:
    depository = Depository(Behaviour(Rates(), "1"))
    depository.turn("US", MONDAY, Phase.OPEN)
    assert words(depository.instruct("i1", instruction())) == ["AckdAccptd, Mtchd"]
    assert words(depository.learn_place(PLACE, "US")) == ["settled 100 on 2024-06-03"]


def test_somebody_short_is_pending_then_failing_then_settles_days_later() -> None:
    depository = csd(failing=ALL)
    said = words(depository.instruct("i1", instruction()) + run_days(depository, 6))

    assert said[0] == "AckdAccptd, Mtchd"
    assert said[1][:3] == "Pdg"
    assert said[2][:4] == "Flng"
    assert said[1][4:] == said[2][5:]
    assert said[1][4:] in {"CLAC", "MONY"}
    assert said[3] > "settled 100 on 2024-06-03"


def test_a_part_settles_on_the_date_and_the_rest_later() -> None:
    depository = csd(partial=ALL)
    said = depository.instruct("i1", instruction()) + run_days(depository, 6)
    parts = [one for one in said if isinstance(one.advice, CsdSettlementConfirmed)]
    first, second = (read(one.advice.document, MessageType.CONFIRMATION) for one in parts)

    assert first.component("AddtlParams").text("PrtlSttlm") == "PAIN"
    former = second.component("AddtlParams")
    assert former.text("PrtlSttlm") == "PARC"
    assert former.text("PrvsPrtlConfId") == first.component("TxIdDtls").text("MktInfrstrctrTxId")
    before, after = first.component("QtyAndAcctDtls"), second.component("QtyAndAcctDtls")
    assert before.number("SttldQty") + after.number("SttldQty") == 100
    assert first.number("SttldAmt") + second.number("SttldAmt") == Decimal("1000.01")
    assert after.number("PrevslySttldQty") == before.number("SttldQty")
    assert before.number("RmngToBeSttldAmt") == second.number("SttldAmt")


@pytest.mark.parametrize("amount", ["1000", "1000.5", "999.99"])
def test_a_part_is_paid_for_to_the_cent_however_round_the_whole_is(amount: str) -> None:
    """Our messages leave zeros at the end out: they say nothing of the currency's minor unit."""
    depository = csd(partial=ALL)
    depository.instruct("i1", instruction(quantity="7", amount=amount))
    (first,) = [one for one in run_days(depository, 1) if isinstance(one.advice, CsdSettlementConfirmed)]
    part = read(first.advice.document, MessageType.CONFIRMATION)
    settled = part.component("QtyAndAcctDtls").number("SttldQty")
    share = Decimal(amount) * settled / 7
    assert abs(part.number("SttldAmt") - share) <= Decimal("0.005")


def test_one_unit_cannot_settle_in_parts() -> None:
    depository = csd(partial=ALL)
    said = depository.instruct("i1", instruction(quantity="1")) + run_days(depository, 6)
    assert sum(isinstance(one.advice, CsdSettlementConfirmed) for one in said) == 1


def test_unmatched_then_matched_then_settled() -> None:
    depository = csd(unmatched=ALL)
    said = words(depository.instruct("i1", instruction()) + run_days(depository, 4))
    assert said[0].startswith("AckdAccptd, Umtchd ")
    assert said[1] == "Mtchd"
    assert said[2].startswith("settled 100")


def test_a_slow_day_ends_well() -> None:
    depository = csd(delayed=ALL)
    said = words(depository.instruct("i1", instruction()) + run_days(depository, 1))
    assert said[0].startswith("PdgPrcg ")
    assert said[1:] == ["AckdAccptd, Mtchd", "settled 100 on 2024-06-03"]


def test_what_is_rejected_never_settles() -> None:
    depository = csd(rejected=ALL)
    said = words(depository.instruct("i1", instruction()) + run_days(depository, 6))
    assert len(said) == 1
    assert said[0].startswith("Rjctd ")


@pytest.mark.parametrize("document", [b"<x", b"", instruction("other")])
def test_what_is_no_instruction_is_rejected_under_its_key(document: bytes) -> None:
    assert words(csd().instruct("i1", document)) == ["Rjctd OTHR"]


def test_what_has_not_settled_can_be_cancelled_and_then_does_not_settle() -> None:
    depository = csd()
    depository.instruct("i1", instruction())
    assert words(depository.cancel("i1", request())) == ["Canc CANI", "Canc CANI"]
    assert run_days(depository, 3) == []


def test_a_cancellation_is_denied_when_it_settled_and_unknown_when_it_never_was() -> None:
    depository = csd()
    depository.turn("US", MONDAY, Phase.OPEN)
    depository.instruct("i1", instruction())
    assert words(depository.cancel("i1", request())) == ["Dnd DSET"]
    assert words(depository.cancel("i9", request("i9"))) == ["Rjctd REFE"]


def test_the_rest_of_a_partial_settlement_can_be_cancelled() -> None:
    depository = csd(partial=ALL)
    depository.instruct("i1", instruction())
    depository.turn("US", MONDAY, Phase.OPEN)
    assert words(depository.cancel("i1", request()))[0] == "Canc CANI"
    assert run_days(depository, 6, date(2024, 6, 4)) == []


def test_it_may_deny_a_cancellation_for_no_good_reason() -> None:
    depository = csd(cancellation_denied=ALL)
    depository.instruct("i1", instruction())
    assert words(depository.cancel("i1", request())) == ["Dnd OTHR"]
    assert words(depository.turn("US", MONDAY, Phase.OPEN)) == ["settled 100 on 2024-06-03"]


def test_the_same_message_twice_is_answered_once() -> None:
    depository = csd()
    depository.instruct("i1", instruction())
    assert depository.instruct("i1", instruction()) == []
    depository.cancel("i1", request())
    assert depository.cancel("i1", request()) == []


def test_an_event_id_is_a_uuid_and_names_one_act_of_one_instruction() -> None:
    depository = csd()
    depository.turn("US", MONDAY, Phase.OPEN)
    said = depository.instruct("i1", instruction()) + depository.instruct("i2", instruction("i2"))
    ids = [one.event_id for one in said]
    assert len(set(ids)) == 4
    assert all([len(part) for part in each.split("-")] == [8, 4, 4, 4, 12] for each in ids)


def test_rates_beyond_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1"):
        Rates(failing=Decimal("0.6"), partial=Decimal("0.5"))


def test_what_was_rejected_before_a_restart_stays_rejected_under_other_rates() -> None:
    said = csd(rejected=ALL).instruct("i1", instruction())
    after = csd(frozenset(one.event_id for one in said))

    assert after.instruct("i1", instruction()) == []
    assert run_days(after, 3) == []


def full_model(message: MessageType) -> Any:
    module = importlib.import_module(f"python_iso20022.sese.{message.value.replace('.', '_')}.models")
    return getattr(module, message.value.title().replace(".", ""))


@pytest.mark.parametrize("fault", ["rejected", "unmatched", "delayed", "failing", "partial", "none"])
def test_everything_it_says_is_a_full_iso_20022_message(fault: str) -> None:
    depository = csd(**({} if fault == "none" else {fault: ALL}))
    said = depository.instruct("i1", instruction(movement="DELI")) + run_days(depository, 6)
    said += depository.cancel("i1", request())
    for one in said:
        message = TYPES[type(one.advice)]
        read(one.advice.document, message)
        assert PARSER.from_bytes(one.advice.document, full_model(message)) is not None


FAULTY = {
    "rejected": Decimal("0.15"),
    "unmatched": Decimal("0.2"),
    "delayed": Decimal("0.15"),
    "failing": Decimal("0.2"),
    "partial": Decimal("0.2"),
    "cancellation_denied": Decimal("0.3"),
}
Act = tuple[str, Any]


def perform(depository: Depository, act: Act) -> list[Said]:
    what, value = act
    acts: dict[str, Callable[[], list[Said]]] = {
        "instruct": lambda: depository.instruct(value, instruction(value)),
        "cancel": lambda: depository.cancel(value, request(value)),
        "turn": lambda: depository.turn("US", *value),
    }
    return acts[what]()


@st.composite
def scripts(draw: st.DrawFn) -> list[Act]:
    """Return instructions, cancellations of some of them after, and six business days, in any order."""
    keys = [f"i{number}" for number in range(draw(st.integers(1, 8)))]
    lanes: list[list[Act]] = [
        [("instruct", key)] + ([("cancel", key)] if draw(st.booleans()) else []) for key in keys
    ]
    lanes.append([("turn", (later(MONDAY, number), phase)) for number in range(6) for phase in Phase])
    script: list[Act] = []
    while lanes:
        lane = draw(st.sampled_from(lanes))
        script.append(lane.pop(0))
        lanes = [each for each in lanes if each]
    return script


@settings(max_examples=60)
@given(scripts())
def test_the_same_script_is_told_the_same_way(script: list[Act]) -> None:
    one, other = csd(**FAULTY), csd(**FAULTY)
    assert [perform(one, act) for act in script] == [perform(other, act) for act in script]


@settings(max_examples=100)
@given(scripts(), st.data())
def test_a_restart_loses_nothing_and_says_nothing_twice_even_with_other_rates(
    script: list[Act], data: st.DataObject
) -> None:
    """Memory is the topics: at the crash, a part of what was said has reached the broker."""
    crash = data.draw(st.integers(0, len(script)))
    before = csd(**FAULTY)
    told = [said for act in script[:crash] for said in perform(before, act)]
    stored = told[: data.draw(st.integers(0, len(told)))]

    rates = data.draw(st.sampled_from([FAULTY, {}, {"rejected": ALL}, {"partial": ALL}, {"failing": ALL}]))
    after = csd(frozenset(one.event_id for one in stored), data.draw(st.sampled_from("12")), **rates)
    days = [act for act in script[:crash] if act[0] == "turn"]
    heard = [act for act in script[:crash] if act[0] != "turn"]
    told = stored + [said for act in (*days[-1:], *heard) for said in perform(after, act)]
    after.caught_up()
    told += [said for act in script[crash:] for said in perform(after, act)]
    told += run_days(after, 6, later(MONDAY, 6))

    ids = [one.event_id for one in told]
    assert len(ids) == len(set(ids))
    check_whole(script, told)


def check_whole(script: list[Act], told: list[Said]) -> None:
    """Every instruction came to one end: settled in whole, rejected, or cancelled and then silent."""
    ends: dict[str, str] = {}
    settled: dict[str, Decimal] = {key: Decimal(0) for what, key in script if what == "instruct"}
    for one in told:
        key = one.advice.message_id
        if isinstance(one.advice, CsdSettlementConfirmed):
            message = read(one.advice.document, MessageType.CONFIRMATION)
            quantities = message.component("QtyAndAcctDtls")
            assert quantities.number_or_none("PrevslySttldQty") in {None, settled[key]}
            settled[key] += quantities.number("SttldQty")
            assert key not in ends
        elif word(one).startswith("Canc") or (
            isinstance(one.advice, CsdStatusAdvised) and word(one).startswith("Rjctd")
        ):
            ends[key] = word(one)
    for key, quantity in settled.items():
        assert quantity <= 100
        assert quantity == 100 or key in ends, key
