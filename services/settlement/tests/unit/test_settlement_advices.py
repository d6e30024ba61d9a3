"""What the CSD's advices do to an instruction, and which of them cannot be true."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import settlement_samples as a
from msgspec.structs import replace

from backoffice_events.iso20022 import InvalidDocumentError
from settlement.advices.domain import (
    CancellationAdvice,
    Confirmation,
    ContradictionError,
    Status,
    StatusAdvice,
    apply_cancellation,
    apply_confirmation,
    apply_status,
)
from settlement.advices.messages import read_cancellation_advice, read_confirmation, read_status_advice
from settlement.instructions.domain import Instruction

pytestmark = pytest.mark.unit

NOON = datetime(2024, 6, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)


def instruction(**changes: object) -> Instruction:
    one = Instruction(
        instruction_id="i1",
        trade_id="t1",
        number=1,
        trade_version=1,
        side="BUY",
        isin=a.ISIN,
        instrument_type="EQUITY",
        currency="USD",
        book="EQ-US",
        entity_lei="5493001KJTIIGC8Y1R12",
        counterparty_lei="784F5XWPLTWKTBV3E584",
        settlement_calendar="US",
        settlement_date=a.SETTLEMENT_DATE,
        quantity=Decimal(100),
        amount=Decimal("19404.50"),
    )
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def confirmation(quantity: int = 100, amount: str = "19404.50", **changes: object) -> Confirmation:
    whole = Confirmation(
        instruction_id="i1",
        csd_reference="CSD-1",
        movement="RECE",
        isin=a.ISIN,
        currency="USD",
        in_face_amount=False,
        settled_quantity=Decimal(quantity),
        settled_amount=Decimal(amount),
        effective_date=a.SETTLEMENT_DATE,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # tests vary single fields by name


@pytest.mark.parametrize(
    ("block", "code", "reason"),
    [
        (a.ACCEPTED, "PACK", None),
        ("<PrcgSts><PdgPrcg><Rsn><Cd><Cd>NEXT</Cd></Cd></Rsn></PdgPrcg></PrcgSts>", "PPRC", "NEXT"),
        (a.REJECTED, "REJT", "SAFE"),
        ("<PrcgSts><Rpr><NoSpcfdRsn>NORE</NoSpcfdRsn></Rpr></PrcgSts>", "REPR", None),
        (a.CANCELLED, "CAND", "CANI"),
        ("<PrcgSts><PdgCxl><Rsn><Cd><Cd>CONF</Cd></Cd></Rsn></PdgCxl></PrcgSts>", "CANP", "CONF"),
    ],
)
def test_each_processing_status_is_read_with_its_reason(block: str, code: str, reason: str | None) -> None:
    advice = read_status_advice(a.status_advice("i1", block).document)
    assert advice == StatusAdvice("i1", processing=Status(code, reason))


def test_processing_matching_and_settlement_status_are_read_apart() -> None:
    advice = read_status_advice(a.status_advice("i1", a.ACCEPTED + a.UNMATCHED + a.pending("LACK")).document)
    assert advice == StatusAdvice("i1", Status("PACK"), Status("NMAT", "CMIS"), Status("PEND", "LACK"))

    advice = read_status_advice(a.status_advice("i1", a.MATCHED + a.failing("CLAC")).document)
    assert advice == StatusAdvice("i1", None, Status("MACH"), Status("PENF", "CLAC"))


def test_a_confirmation_is_read_with_all_its_quantities() -> None:
    document = a.confirmation(
        "i1", reference="P2", quantity="40", amount="7761.8", previously="60", remaining="0", partial="PARC"
    ).document
    assert read_confirmation(document) == confirmation(
        40,
        "7761.8",
        csd_reference="P2",
        partial="PARC",
        previously_settled_quantity=Decimal(60),
        remaining_quantity=Decimal(0),
    )


def test_the_answer_to_a_cancellation_request_is_read() -> None:
    document = a.cancellation_advice("i1", "Dnd", "DSET").document
    assert read_cancellation_advice(document) == CancellationAdvice("i1", Status("DEND", "DSET"))


@pytest.mark.parametrize("bad", ["<Sttlm/>", a.MATCHED + a.ACCEPTED, "<SttlmSts><Sttld/></SttlmSts>"])
def test_what_the_guideline_does_not_know_is_refused(bad: str) -> None:
    with pytest.raises(InvalidDocumentError, match=r"sese\.024\.001\.12"):
        read_status_advice(a.status_advice("i1", bad).document)


@pytest.mark.parametrize("effective", ["12024-06-04", "-2024-06-04", "0000-06-04"])
def test_a_date_of_no_era_of_ours_is_refused(effective: str) -> None:
    document = a.confirmation("i1").document.replace(b"2024-06-04", effective.encode())
    with pytest.raises(InvalidDocumentError):
        read_confirmation(document)


def test_statuses_stand_apart_and_none_of_them_settles() -> None:
    one = instruction()
    advice = StatusAdvice("i1", Status("PACK"), Status("MACH"), Status("PEND", "LACK"))

    assert apply_status(one, advice, NOON)
    assert (one.processing_status, one.matching_status, one.settlement_status) == ("PACK", "MACH", "PEND")
    assert one.settlement_reason == "LACK"
    assert not one.settled


def test_an_older_status_is_stale_and_a_newer_one_replaces() -> None:
    one = instruction()
    apply_status(one, StatusAdvice("i1", matching=Status("MACH")), LATER)

    assert not apply_status(one, StatusAdvice("i1", matching=Status("NMAT", "CMIS")), NOON)
    assert one.matching_status == "MACH"
    assert apply_status(one, StatusAdvice("i1", matching=Status("NMAT", "DQUA")), LATER + timedelta(hours=1))
    assert (one.matching_status, one.matching_reason) == ("NMAT", "DQUA")


def test_an_older_status_of_another_kind_is_news() -> None:
    one = instruction()
    apply_status(one, StatusAdvice("i1", settlement=Status("PEND")), LATER)

    assert apply_status(one, StatusAdvice("i1", matching=Status("MACH")), NOON)
    assert one.matching_status == "MACH"


@pytest.mark.parametrize("closed", ["REJT", "CAND"])
def test_after_rejection_or_cancellation_no_status_counts(closed: str) -> None:
    one = instruction(processing_status=closed)
    assert not apply_status(one, StatusAdvice("i1", Status("PACK"), Status("MACH")), LATER)
    assert one.processing_status == closed


def test_after_settlement_no_status_counts() -> None:
    one = instruction(settled_quantity=Decimal(100))
    assert not apply_status(one, StatusAdvice("i1", settlement=Status("PENF", "LACK")), LATER)


def test_what_settled_in_part_cannot_become_unmatched() -> None:
    one = instruction(settled_quantity=Decimal(40), matching_status="MACH")
    assert not apply_status(one, StatusAdvice("i1", matching=Status("NMAT", "CMIS")), LATER)
    assert one.matching_status == "MACH"


def test_a_confirmation_settles_in_whole_and_ends_the_failing() -> None:
    one = instruction()
    one.fail()

    assert apply_confirmation(one, confirmation(effective_date=date(2024, 6, 6)))
    assert one.settled
    assert not one.failing
    assert one.failed_on == a.SETTLEMENT_DATE
    assert one.settled_on == date(2024, 6, 6)


def test_parts_add_up_to_the_whole_and_it_keeps_failing_until_then() -> None:
    one = instruction()
    one.fail()

    assert apply_confirmation(one, confirmation(60, "11642.70", csd_reference="P1", partial="PAIN"))
    assert (one.remaining_quantity, one.remaining_amount) == (Decimal(40), Decimal("7761.80"))
    assert one.failing
    assert one.settled_on is None
    assert apply_confirmation(one, confirmation(40, "7761.80", csd_reference="P2", partial="PARC"))
    assert one.settled
    assert not one.failing


def test_the_same_confirmation_twice_settles_once() -> None:
    one = instruction()
    part = confirmation(60, "11642.70", csd_reference="P1", partial="PAIN")

    assert apply_confirmation(one, part)
    assert not apply_confirmation(one, part)
    assert one.settled_quantity == Decimal(60)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"settled_quantity": Decimal(101)}, "over-settlement"),
        ({"settled_amount": Decimal("19404.51")}, "over-settlement"),
        ({"settled_quantity": Decimal(0)}, "more than zero"),
        ({"settled_quantity": Decimal(-1)}, "more than zero"),
        ({"settled_amount": Decimal(1)}, "is left"),
        ({"movement": "DELI"}, "movement"),
        ({"isin": "US5949181045"}, "ISIN"),
        ({"currency": "EUR"}, "currency"),
        ({"in_face_amount": True}, "face amount"),
        ({"effective_date": date(2024, 6, 3)}, "before the intended"),
        ({"previously_settled_quantity": Decimal(10)}, "previously settled quantity"),
        ({"previously_settled_amount": Decimal(10)}, "previously settled amount"),
        ({"remaining_quantity": Decimal(10)}, "remaining quantity"),
        ({"remaining_amount": Decimal(10)}, "remaining amount"),
        ({"partial": "PAIN"}, "PAIN"),
        ({"settled_quantity": Decimal(50), "partial": "PARC"}, "PARC"),
    ],
)
def test_a_confirmation_that_contradicts_what_we_know_changes_nothing(
    changes: dict[str, object], why: str
) -> None:
    one = instruction()
    with pytest.raises(ContradictionError, match=why):
        apply_confirmation(one, confirmation(**changes))  # type: ignore[arg-type]  # as above
    assert one.settled_quantity == Decimal(0)
    assert one.settled_amount == Decimal(0)


@pytest.mark.parametrize("closed", ["REJT", "CAND"])
def test_a_closed_instruction_does_not_settle(closed: str) -> None:
    with pytest.raises(ContradictionError, match=closed):
        apply_confirmation(instruction(processing_status=closed), confirmation())


def test_a_confirmed_cancellation_closes_the_instruction() -> None:
    one = instruction(cancellation_status="REQD")

    assert apply_cancellation(one, CancellationAdvice("i1", Status("CAND", "CANI")))
    assert (one.processing_status, one.cancellation_status) == ("CAND", "CAND")
    assert not one.live


@pytest.mark.parametrize("status", ["PACK", "CANP", "DEND", "REJT"])
def test_any_other_answer_leaves_the_instruction_live(status: str) -> None:
    one = instruction(cancellation_status="REQD")

    assert apply_cancellation(one, CancellationAdvice("i1", Status(status, "OTHR")))
    assert one.cancellation_status == status
    assert one.live


def test_the_answer_is_noted_though_a_status_advice_told_of_the_cancellation_before() -> None:
    one = instruction(cancellation_status="REQD")
    apply_status(one, StatusAdvice("i1", processing=Status("CAND", "CANI")), NOON)

    assert apply_cancellation(one, CancellationAdvice("i1", Status("CAND", "CANI")))
    assert one.cancellation_status == "CAND"
    assert not apply_cancellation(one, CancellationAdvice("i1", Status("DEND", "DCAN")))


def test_an_answer_to_a_request_never_made_is_refused() -> None:
    with pytest.raises(ContradictionError, match="ever requested"):
        apply_cancellation(instruction(), CancellationAdvice("i1", Status("CAND")))


def test_what_settled_in_whole_cannot_have_been_cancelled() -> None:
    one = instruction(cancellation_status="REQD", settled_quantity=Decimal(100))
    with pytest.raises(ContradictionError, match="settled in whole"):
        apply_cancellation(one, CancellationAdvice("i1", Status("CAND")))
    assert apply_cancellation(one, CancellationAdvice("i1", Status("DEND", "DSET")))
