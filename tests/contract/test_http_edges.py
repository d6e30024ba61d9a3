"""Every route of every service, sent what its OpenAPI document describes and what it does not: never a 5xx.

Schemathesis makes the requests. Some hundred for each service run always; BACKOFFICE_FUZZ_CASES=10000 asks for more.
"""

import asyncio
import math
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from backoffice_chassis import Role, Service
from backoffice_chassis.testing import app_for, as_caller
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.testing import Migrated

pytestmark = pytest.mark.integration

CASES: Final = int(os.environ.get("BACKOFFICE_FUZZ_CASES", "150"))
EVERYBODY: Final = as_caller("fuzz", *Role)

Operation = schemathesis.APIOperation[Any, Any, Any, Any]


@pytest.fixture(params=SERVICES, ids=lambda entry: entry.name)
async def service(
    request: pytest.FixtureRequest, build: Callable[..., Service], migrated_database: Migrated, kafka: str
) -> Service:
    url = await migrated_database(request.param.migrations)
    return build(
        request.param, database_url=url, kafka_bootstrap_servers=kafka, max_requests_per_second=1_000_000
    )


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """Serve a service in a thread of its own, for Schemathesis waits for its answers; return the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    serving: list[uvicorn.Server] = []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(service, listener, serving)))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for server in serving:
            server.should_exit = True
        thread.join()


async def _serve(service: Service, listener: socket.socket, serving: list[uvicorn.Server]) -> None:
    async with app_for(service) as app:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        serving.append(server)
        await server.serve([listener])


def test_whatever_is_sent_the_answer_is_below_500_and_says_what_is_wrong(service: Service) -> None:
    with listening(service) as address:
        document = schemathesis.openapi.from_url(f"{address}/openapi.json", wait_for_schema=30)
        operations = [each.ok() for each in document.get_all_operations() if isinstance(each, Ok)]
        cases = CASES
        for tried, operation in enumerate(sorted(operations, key=number_of_inputs)):
            cases -= try_out(operation, math.ceil(cases / (len(operations) - tried)))
        assert cases <= 0


def number_of_inputs(operation: Operation) -> int:
    """Return how much an operation may be told. What takes little runs out of cases, and others get its share."""
    return len(list(operation.iter_parameters())) + len(operation.body)


def try_out(operation: Operation, cases: int) -> int:
    """Send an operation so many requests, as described and otherwise, or all that there are; return how many."""
    sent = 0

    @settings(
        max_examples=cases,
        derandomize="BACKOFFICE_FUZZ_CASES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    def send(case: Any) -> None:
        nonlocal sent
        sent += 1
        answer = case.call(headers=EVERYBODY)
        case.validate_response(answer, checks=[not_a_server_error])
        kind = (answer.headers.get("content-type") or [""])[0]
        assert answer.status_code < 400 or kind == "application/problem+json", (answer.status_code, kind)

    send()
    return sent
