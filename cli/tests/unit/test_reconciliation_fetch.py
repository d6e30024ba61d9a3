"""How the sides are fetched: page after page, and more of a trade only where the books need explaining."""

import asyncio
from decimal import Decimal

import httpx
import msgspec
import pytest

from backoffice_cli.reconciliation.fetch import every, one
from backoffice_cli.reconciliation.records import Messaging, Repair
from backoffice_cli.stack.errors import StackError

pytestmark = pytest.mark.unit


def client(*answers: httpx.Response) -> tuple[httpx.AsyncClient, list[httpx.Request]]:
    """Return a client that is given these answers in turn, and the requests that it makes."""
    asked: list[httpx.Request] = []
    rest = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return next(rest)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service"), asked


def page(*references: str, cursor: str | None) -> httpx.Response:
    items = [
        {"source_system": "EQ", "trade_reference": name, "source_version": 1, "status": "OPEN", "more": 1}
        for name in references
    ]
    return httpx.Response(200, json={"items": items, "next_cursor": cursor})


def test_every_page_is_read_to_the_last() -> None:
    http, asked = client(page("T-1", "T-2", cursor="next"), page("T-3", cursor=None))
    found = asyncio.run(every(http, "/control/repairs", Repair, latest="true"))
    assert [repair.trade_reference for repair in found] == ["T-1", "T-2", "T-3"]
    assert [dict(request.url.params) for request in asked] == [
        {"limit": "1000", "latest": "true"},
        {"limit": "1000", "latest": "true", "cursor": "next"},
    ]


def test_a_document_is_read_as_far_as_it_is_compared() -> None:
    http, _ = client(
        httpx.Response(
            200, json={"outbox_pending": 1, "dead_letters": 2, "parked": 3, "outbox_oldest_seconds": 0.5}
        )
    )
    assert asyncio.run(one(http, "/messaging/status", Messaging)) == Messaging(1, 2, 3)


def test_a_service_that_says_when_to_ask_again_is_asked_again() -> None:
    busy = [httpx.Response(status, headers={"Retry-After": "0"}) for status in (503, 429)]
    http, asked = client(*busy, page("T-1", cursor="next"), busy[0], page("T-2", cursor=None))
    found = asyncio.run(every(http, "/control/repairs", Repair))
    assert [repair.trade_reference for repair in found] == ["T-1", "T-2"]
    assert [request.url.params.get("cursor") for request in asked] == [None, None, None, "next", "next"]


def test_a_service_that_is_not_available_for_long_is_given_up_in_its_own_words() -> None:
    problem = {"title": "Not available for the moment", "detail": "The database can't be reached."}
    answers = [httpx.Response(503, headers={"Retry-After": "0"}, json=problem) for _ in range(4)]
    http, asked = client(*answers)
    with pytest.raises(StackError, match="The database can't be reached"):
        asyncio.run(one(http, "/control-totals", Messaging))
    assert len(asked) == 4


def test_a_refusal_is_told_in_the_services_own_words() -> None:
    problem = {"title": "Not allowed", "detail": "This needs one of the roles: auditor."}
    http, _ = client(httpx.Response(403, json=problem))
    with pytest.raises(StackError, match="This needs one of the roles"):
        asyncio.run(one(http, "/control-totals", Messaging))


def test_an_answer_without_a_field_that_is_compared_is_no_silent_zero() -> None:
    http, _ = client(httpx.Response(200, json={"outbox_pending": 1}))
    with pytest.raises(msgspec.ValidationError, match="dead_letters"):
        asyncio.run(one(http, "/messaging/status", Messaging))


def test_amounts_keep_every_digit() -> None:
    class Amount(msgspec.Struct):
        amount: Decimal

    http, _ = client(httpx.Response(200, json={"amount": "0.1000000001"}))
    assert asyncio.run(one(http, "/x", Amount)).amount == Decimal("0.1000000001")
