"""When the cap on dead letters stops a consumer, and when it does not."""

import pytest

from backoffice_events.messaging.breaker import DeadLetterCap, DeadLetterCapError

pytestmark = pytest.mark.unit


def test_a_few_events_stop_nothing_however_bad() -> None:
    cap = DeadLetterCap(window=10)
    cap.count(seen=9, condemned=9)
    with pytest.raises(DeadLetterCapError, match="10 of the last 10"):
        cap.count(seen=1, condemned=1)


def test_a_batch_larger_than_the_window_counts_as_a_whole() -> None:
    cap = DeadLetterCap(window=10)
    cap.count(seen=100, condemned=50)
    with pytest.raises(DeadLetterCapError, match="51 of the last 100"):
        cap.count(seen=100, condemned=51)


def test_what_came_long_before_does_not_excuse_a_flood() -> None:
    cap = DeadLetterCap(window=10)
    cap.count(seen=1_000, condemned=0)
    for _ in range(9):
        cap.count(seen=1, condemned=1)
    with pytest.raises(DeadLetterCapError, match="10 of the last 10"):
        cap.count(seen=1, condemned=1)


def test_good_events_alone_never_stop_a_consumer() -> None:
    cap = DeadLetterCap(window=10, share=0.0)
    cap.count(seen=5, condemned=0)
    cap.count(seen=10, condemned=0)


def test_a_batch_in_which_all_wait_behind_others_says_nothing() -> None:
    cap = DeadLetterCap(window=2)
    cap.count(seen=0, condemned=0)
    cap.count(seen=2, condemned=1)
    cap.count(seen=0, condemned=0)
