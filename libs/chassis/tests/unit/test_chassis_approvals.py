"""One person proposes, another one decides: by person, once, in time."""

from datetime import UTC, datetime, timedelta

import pytest

from backoffice_chassis.approvals.domain import (
    Approval,
    DecisionRefusedError,
    Status,
    decide,
    expire,
    withdraw,
)

pytestmark = pytest.mark.unit

NOW = datetime(2024, 6, 3, 9, 30, tzinfo=UTC)
PROPOSED = Approval(
    approval_id="1",
    kind="test",
    object_id=None,
    terms={},
    reason=None,
    status=Status.PROPOSED,
    proposed_by="mary",
    proposed_at=NOW,
    expires_at=NOW + timedelta(days=1),
)


@pytest.mark.parametrize("status", [Status.APPROVED, Status.REJECTED])
def test_another_person_decides(status: Status) -> None:
    decided = decide(PROPOSED, status, "chen", NOW)
    assert (decided.status, decided.decided_by, decided.decided_at) == (status, "chen", NOW)


@pytest.mark.parametrize("status", [Status.APPROVED, Status.REJECTED])
def test_nobody_decides_on_what_they_proposed(status: Status) -> None:
    with pytest.raises(DecisionRefusedError) as refused:
        decide(PROPOSED, status, "mary", NOW)
    assert refused.value.code == "four-eyes"


def test_who_proposed_takes_it_back_and_nobody_else() -> None:
    assert withdraw(PROPOSED, "mary", NOW).status is Status.WITHDRAWN
    with pytest.raises(DecisionRefusedError) as refused:
        withdraw(PROPOSED, "chen", NOW)
    assert refused.value.code == "not-yours"


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PROPOSED])
def test_what_is_decided_stays_decided(status: Status) -> None:
    done = expire(PROPOSED, NOW) if status is Status.EXPIRED else decide(PROPOSED, status, "chen", NOW)
    for again in (lambda: decide(done, Status.APPROVED, "otto", NOW), lambda: withdraw(done, "mary", NOW)):
        with pytest.raises(DecisionRefusedError) as refused:
            again()
        assert refused.value.code == "decided-already"


def test_nobody_decides_once_the_deadline_has_come() -> None:
    decide(PROPOSED, Status.APPROVED, "chen", PROPOSED.expires_at - timedelta(microseconds=1))
    with pytest.raises(DecisionRefusedError) as refused:
        decide(PROPOSED, Status.APPROVED, "chen", PROPOSED.expires_at)
    assert refused.value.code == "approval-expired"
