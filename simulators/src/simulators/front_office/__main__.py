"""`python -m simulators.front_office [--trades 5000] [--rate 500] [--amends 0.01] …`: replay the tape, then leave."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterator

from aiokafka.errors import KafkaError
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from pydantic import ValidationError
from pydantic_settings import CliApp

from backoffice_chassis.settings import KafkaSettings
from backoffice_chassis.telemetry import start_tracing
from backoffice_events.brokers import Brokers
from simulators.front_office.desk import NobodyThereError
from simulators.front_office.replay import replay
from simulators.front_office.settings import FrontOfficeSettings


async def _main(settings: FrontOfficeSettings, brokers: Brokers) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await replay(settings, brokers, stop)


@contextlib.contextmanager
def _tracing(settings: FrontOfficeSettings) -> Iterator[None]:
    """Let reports begin traces, as a front office that uses OpenTelemetry would; nothing to do without a collector."""
    if settings.otlp_endpoint is None:
        yield
        return
    sampler = TraceIdRatioBased(float(settings.trace_ratio))
    tracing = start_tracing("front-office", settings.otlp_endpoint, sampler)
    try:
        yield
    finally:
        tracing.shutdown()


def main() -> None:
    """Replay, and print how many records were published. Exit code 2: wrong settings; 1: nothing to go on with."""
    try:
        settings = CliApp.run(FrontOfficeSettings)
        with _tracing(settings):
            published = asyncio.run(_main(settings, KafkaSettings().brokers))
    except (ValidationError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    except (NobodyThereError, KafkaError, OSError) as error:
        sys.stderr.write(f"front office: {error}\n")
        raise SystemExit(1) from None
    sys.stdout.write(json.dumps({"published": published, "record": str(settings.record)}) + "\n")


if __name__ == "__main__":
    main()
