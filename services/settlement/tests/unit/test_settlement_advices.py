"""What the CSD's advices do to an instruction, and which of them cannot be true."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import settlement_samples as a
from msgspec.structs import replace

from backoffice_events.iso20022 import InvalidDocumentError
from settlement.advices.domain import (
    CancellationAdvice,
    Cash,
    Confirmation,
    ContradictionError,
    EarlyError,
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
        latest_day=date(2024, 6, 6),
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
        direction="DBIT",
        in_face_amount=False,
        settled_quantity=Decimal(quantity),
        settled_amount=Decimal(amount),
        effective_date=a.SETTLEMENT_DATE,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # tests vary single fields by name


def part(
    quantity: int, amount: str, *, after: tuple[int, str] = (0, "0"), of: str = "19404.50", **changes: object
) -> Confirmation:
    """Return the confirmation of a part of 100, with its running totals. after: what settled before."""
    left = 100 - after[0] - quantity
    return confirmation(
        quantity,
        amount,
        **{  # type: ignore[arg-type]  # as above
            "partial": "PAIN" if left else "PARC",
            "previously_settled_quantity": Decimal(after[0]),
            "remaining_quantity": Decimal(left),
            "previously_settled_amount": usd(after[1]),
            "remaining_amount": usd(Decimal(of) - Decimal(after[1]) - Decimal(amount)),
            **changes,
        },
    )


def usd(amount: str | int | Decimal) -> Cash:
    return Cash(Decimal(amount), "USD", "DBIT")


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


def test_a_confirmation_is_read_with_its_running_totals() -> None:
    document = a.part("i1", "40", "7761.8", before=("60", "11642.7"), reference="P2").document
    assert read_confirmation(document) == confirmation(
        40,
        "7761.8",
        csd_reference="P2",
        partial="PARC",
        previously_settled_quantity=Decimal(60),
        remaining_quantity=Decimal(0),
        previously_settled_amount=Cash(Decimal("11642.7"), "USD", "DBIT"),
        remaining_amount=Cash(Decimal(0), "USD", "DBIT"),
    )


def test_a_confirmation_is_read_with_the_intended_date_and_the_direction_of_the_cash() -> None:
    document = a.confirmation("i1", intended=a.TRADE_DATE, direction="CRDT").document
    assert read_confirmation(document) == confirmation(settlement_date=a.TRADE_DATE, direction="CRDT")


def test_quantities_in_different_measures_are_refused() -> None:
    document = a.part("i1", "40", "7761.8").document.replace(b"<Unit>60</Unit>", b"<FaceAmt>60</FaceAmt>")
    with pytest.raises(InvalidDocumentError, match="RmngToBeSttldQty as FaceAmt"):
        read_confirmation(document)


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


@pytest.mark.parametrize("code", ["REJT", "CAND"])
def test_an_instructions_end_is_never_stale(code: str) -> None:
    """Two machines of the CSD need not agree on the time; nothing comes after the end."""
    one = instruction(failing=True)
    apply_status(one, StatusAdvice("i1", Status("PPRC"), Status("NMAT", "CMIS")), LATER)

    assert apply_status(one, StatusAdvice("i1", Status(code, "SAFE"), Status("MACH")), NOON)
    assert (one.processing_status, one.processing_reason, one.matching_status) == (code, "SAFE", "NMAT")
    assert not one.live
    assert not one.failing


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

    assert apply_confirmation(one, part(60, "11642.70", csd_reference="P1"))
    assert (one.remaining_quantity, one.remaining_amount) == (Decimal(40), Decimal("7761.80"))
    assert one.failing
    assert one.settled_on is None
    assert apply_confirmation(one, part(40, "7761.80", after=(60, "11642.70"), csd_reference="P2"))
    assert one.settled
    assert not one.failing


def test_the_same_confirmation_twice_settles_once() -> None:
    one = instruction()
    first = part(60, "11642.70", csd_reference="P1")

    assert apply_confirmation(one, first)
    assert not apply_confirmation(one, first)
    assert one.settled_quantity == Decimal(60)


def test_the_same_part_under_another_reference_is_refused() -> None:
    one = instruction()
    apply_confirmation(one, part(60, "11642.70", csd_reference="P1"))
    with pytest.raises(ContradictionError, match="previously settled quantity is 0 to the CSD and 60 to us"):
        apply_confirmation(one, part(30, "5821.35", csd_reference="P2"))


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ("partial", "PrtlSttlm"),
        ("previously_settled_quantity", "PrevslySttldQty"),
        ("remaining_quantity", "RmngToBeSttldQty"),
        ("previously_settled_amount", "PrevslySttldAmt"),
        ("remaining_amount", "RmngToBeSttldAmt"),
    ],
)
def test_a_part_without_its_running_totals_is_refused(left_out: str, named: str) -> None:
    one = instruction()
    with pytest.raises(ContradictionError, match=f"running totals: {named} missing"):
        apply_confirmation(one, replace(part(60, "11642.70"), **{left_out: None}))
    assert one.settled_quantity == Decimal(0)


@pytest.mark.parametrize(
    ("changes", "theirs"),
    [
        ({"settled_quantity": Decimal(61)}, "61 for 11642.70 on 2024-06-04"),
        ({"settled_amount": Decimal(1)}, "60 for 1 on 2024-06-04"),
        ({"effective_date": date(2024, 6, 5)}, "60 for 11642.70 on 2024-06-05"),
    ],
)
def test_a_reference_that_comes_again_with_something_else_is_refused(
    changes: dict[str, object], theirs: str
) -> None:
    one = instruction()
    first = part(60, "11642.70", csd_reference="P1")
    apply_confirmation(one, first)
    with pytest.raises(
        ContradictionError, match=f"P1 confirms {theirs}; it was taken as 60 for 11642.70 on 2024-06-04"
    ):
        apply_confirmation(one, replace(first, **changes))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("closed", ["REJT", "CAND"])
def test_a_confirmation_heard_again_after_the_remainder_was_closed_is_no_news(closed: str) -> None:
    one = instruction()
    first = part(60, "11642.70", csd_reference="P1")
    apply_confirmation(one, first)
    one.processing_status = closed
    assert not apply_confirmation(one, first)


@pytest.mark.parametrize(
    ("quantity", "amount", "why"),
    [
        (1, "19404.50", "is not pro rata of 19404.50 for 100, which is 194.0[45]"),
        (30, "0.00", "0.00 USD paid for 30 so far is not pro rata of 19404.50 for 100, which is 5821.35"),
        (30, "5821.37", "5821.37 USD paid for 30 so far"),
        (30, "5821.33", "5821.33 USD paid for 30 so far"),
        (30, "5821.351", "5821.351 USD is no multiple of the minor unit 0.01"),
    ],
)
def test_a_part_is_paid_for_pro_rata_in_the_minor_unit(quantity: int, amount: str, why: str) -> None:
    one = instruction()
    with pytest.raises(ContradictionError, match=why):
        apply_confirmation(one, part(quantity, amount))
    assert one.settled_quantity == Decimal(0)


@pytest.mark.parametrize(
    ("amount", "paid"), [("1001", "334"), ("1001.000", "333.667"), ("1001.0000", "333.6667")]
)
def test_the_minor_unit_is_the_currencys(amount: str, paid: str) -> None:
    """Yen have none, dinars have three: our own amount tells."""
    one = instruction(quantity=Decimal(3), amount=Decimal(amount))
    rest = Decimal(amount) - Decimal(paid)
    totals = {"remaining_quantity": Decimal(2), "remaining_amount": usd(rest)}
    assert apply_confirmation(one, part(1, paid, **totals))  # type: ignore[arg-type]  # as above
    assert one.remaining_amount == rest


@pytest.mark.parametrize(
    ("side", "movement", "direction"), [("BUY", "RECE", "CRDT"), ("SELL", "DELI", "DBIT")]
)
def test_cash_that_goes_the_wrong_way_is_refused(side: str, movement: str, direction: str) -> None:
    wrong = confirmation(movement=movement, direction=direction)
    with pytest.raises(ContradictionError, match=f"credit or debit of the settled amount {direction} is not"):
        apply_confirmation(instruction(side=side), wrong)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"settled_quantity": Decimal(101)}, "over-settlement"),
        ({"settled_amount": Decimal("19404.51")}, "over-settlement"),
        ({"settled_quantity": Decimal(0)}, "more than zero"),
        ({"settled_quantity": Decimal(-1)}, "more than zero"),
        ({"settled_amount": Decimal(1)}, "is left"),
        ({"settled_amount": Decimal("19404.49321")}, "is left"),
        ({"direction": "CRDT"}, "credit or debit of the settled amount CRDT is not ours, DBIT"),
        ({"settlement_date": date(2024, 6, 3)}, "date 2024-06-03 is not ours, 2024-06-04"),
        ({"movement": "DELI"}, "movement"),
        ({"isin": "US5949181045"}, "ISIN"),
        ({"currency": "EUR"}, "currency"),
        ({"in_face_amount": True}, "face amount"),
        ({"effective_date": date(2024, 6, 3)}, "before the intended"),
        ({"previously_settled_quantity": Decimal(10)}, "previously settled quantity"),
        ({"previously_settled_amount": usd(10)}, "previously settled amount"),
        ({"previously_settled_amount": Cash(Decimal(0), "USD", "CRDT")}, "previously settled amount CRDT"),
        ({"previously_settled_amount": Cash(Decimal(0), "EUR", "DBIT")}, "previously settled amount EUR"),
        ({"remaining_quantity": Decimal(10)}, "remaining quantity"),
        ({"remaining_amount": usd(10)}, "remaining amount"),
        ({"remaining_amount": Cash(Decimal(0), "USD", "CRDT")}, "remaining amount CRDT"),
        ({"remaining_amount": Cash(Decimal(0), "EUR", "DBIT")}, "remaining amount EUR"),
        ({"partial": "PAIN"}, "PAIN"),
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


@pytest.mark.parametrize(
    ("latest", "effective"),
    [(None, date(2024, 6, 4)), (date(2024, 6, 4), date(2024, 6, 5)), (date(2024, 6, 4), date(2024, 6, 14))],
)
def test_a_confirmation_of_a_day_that_has_not_opened_is_early(latest: date | None, effective: date) -> None:
    one = instruction(latest_day=latest)
    with pytest.raises(EarlyError) as early:
        apply_confirmation(one, confirmation(effective_date=effective))
    assert early.value.effective_date == effective
    assert (one.settled_quantity, one.parts) == (Decimal(0), {})


def test_a_confirmation_of_a_day_out_of_sight_is_refused() -> None:
    with pytest.raises(
        ContradictionError, match="2024-06-15 has not come: the latest business day on US is 2024-06-04"
    ):
        apply_confirmation(
            instruction(latest_day=date(2024, 6, 4)), confirmation(effective_date=date(2024, 6, 15))
        )


def test_what_contradicts_us_is_refused_at_once_however_early_it_is() -> None:
    with pytest.raises(ContradictionError, match="ISIN"):
        apply_confirmation(instruction(latest_day=None), confirmation(isin="US5949181045"))


def test_the_last_part_leaves_nothing() -> None:
    with pytest.raises(ContradictionError, match="PARC cannot leave 40 remaining"):
        apply_confirmation(instruction(), part(60, "11642.70", partial="PARC"))


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
