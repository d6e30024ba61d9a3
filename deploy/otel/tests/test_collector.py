"""The real collector, with the configuration that is deployed, between a platform that trades, a store of traces and a
real Prometheus.

Run by `make collector`, which builds both.
"""

import gzip
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from backoffice_cli.bench import flow
from backoffice_cli.bench.trades import Cast, trades
from backoffice_cli.platform import Stack, every_page
from backoffice_cli.reconciliation.push import push
from backoffice_cli.reconciliation.report import Report
from backoffice_cli.stack import children
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.control import bring_down, bring_up, run_simulators
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.stack.ports import LOOPBACK, draw_ports
from backoffice_cli.traces.publishing import publication_traced
from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.contracts.settlement import InstructionSettled

pytestmark = pytest.mark.e2e

CONFIG = Path(__file__).parents[1] / "collector.yaml"
ON_THE_ROAD = {"front-office", "trade-capture", "compliance", "settlement", "ledger"}
TRADES, UNSEEN, RATE = 20, 600, 60
MOST_SECONDS = 120
LINES_OF_AN_OUTAGE = 60
"""What one process may log while the collector is away and UNSEEN trades pass: three lines a batch that is given up."""


@dataclass
class Store:
    """What takes traces, as a trace store does. taken: bodies, by path."""

    server: ThreadingHTTPServer
    taken: defaultdict[str, list[bytes]]

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.server.server_port}"

    def resources(self) -> Iterator[Any]:
        for body in list(self.taken["/v1/traces"]):
            yield from ExportTraceServiceRequest.FromString(body).resource_spans

    def spans(self) -> "list[Span]":
        return [
            Span(_text(resource.resource.attributes, "service.name"), span)
            for resource in self.resources()
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def trace_of(self, key: str) -> "list[Span]":
        """Return the spans of the trace of what has this key on Kafka."""
        spans = self.spans()
        ids = {each.trace_id for each in spans if each.key == key and each.service == "trade-capture"}
        return [each for each in spans if each.trace_id in ids]


@dataclass
class Span:
    service: str
    sent: Any
    trace_id: str = field(init=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.trace_id = self.sent.trace_id.hex()
        self.key = _text(self.sent.attributes, "messaging.kafka.message.key")


def _text(attributes: Any, name: str) -> str:
    return next((str(each.value.string_value) for each in attributes if each.key == name), "")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taken: defaultdict[str, list[bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken[self.path].append(
            gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        )
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    taken: defaultdict[str, list[bytes]] = defaultdict(list)
    with ThreadingHTTPServer((LOOPBACK, 0), type("H", (_Handler,), {"taken": taken})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        yield Store(server, taken)
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def prometheus(folder: Path) -> Iterator[str]:
    """Return the address of a Prometheus that takes what is written to it."""
    [port] = draw_ports(1)
    (folder / "prometheus.yml").write_text("{}")
    command = (
        Path(os.environ["PROGRAMS"]) / "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/figures",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-remote-write-receiver",
    )
    log = folder / "prometheus.log"
    process = children.spawn(command, log=log)
    wait_until(
        lambda: answers(f"http://{LOOPBACK}:{port}/-/ready", httpx.codes.OK), lambda: children.tail(log)
    )
    yield f"{LOOPBACK}:{port}"
    children.stop([(process, signal.SIGTERM)])


@dataclass
class Collector:
    """The collector as deployed; only where it listens and where its stores are is this machine's."""

    program: Path
    config: Path
    environment: dict[str, str]
    url: str
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = (self.program, f"--config={self.config}")
        self.process = children.spawn(command, log=self.log, env={**os.environ, **self.environment})
        wait_until(self._answers, lambda: children.tail(self.log))

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, children.tail(self.log)
        return answers(self.url, httpx.codes.NOT_FOUND)

    def kill(self) -> None:
        assert self.process is not None
        children.stop([(self.process, signal.SIGKILL)], patience_seconds=10)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="backoffice-collector-"))
    made.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def collector(folder: Path, store: Store, prometheus: str) -> Iterator[Collector]:
    config = yaml.safe_load(CONFIG.read_text())
    [port] = draw_ports(1)
    config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = f"{LOOPBACK}:{port}"
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}  # its own port would be everybody's
    path = folder / "collector.yaml"
    path.write_text(yaml.safe_dump(config))
    started = Collector(
        Path(os.environ["PROGRAMS"]) / "otelcol",
        path,
        {"TRACES": store.address, "PROMETHEUS": prometheus},
        f"http://{LOOPBACK}:{port}",
        folder / "collector.log",
    )
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="module")
def platform(folder: Path, collector: Collector) -> Iterator[Stack]:
    """Return a platform whose services send to the collector, and trace every request and event."""
    told = {"BACKOFFICE_OTLP_ENDPOINT": collector.url, "BACKOFFICE_TRACE_SAMPLE_RATIO": "1"}
    try:
        with pytest.MonkeyPatch.context() as shell:
            for name, value in told.items():
                shell.setenv(name, value)
            bring_up(folder / "state", print)
        running = Stack.running(folder / "state")
        flow.prepare(running, print)
        run_simulators(running.folder, flow.SWITCHES)
        with publication_traced(collector.url, ALWAYS_ON):  # once: a process has one provider of traces
            yield Stack.running(folder / "state")
    finally:
        bring_down(folder / "state")


def new_trades(platform: Stack, number: int) -> list[TradeExecuted]:
    day = flow.prepare(platform, print)
    return list(trades(Cast.shipped(repository_root() / "data"), day, flow.new_run(), number))


def traded(platform: Stack, number: int, rate: int | None = None) -> list[str]:
    """Publish trades, each of which begins a trace, wait until all are booked, and return their keys."""
    made = new_trades(platform, number)
    flow.through(platform, made, number, rate)
    return [trade.key() for trade in made]


def answers(url: str, status: int) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == status
    except httpx.HTTPError:
        return False


def wait_until(holds: Callable[[], bool], told: Callable[[], object]) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.2)


def is_whole(spans: Sequence[Span]) -> bool:
    """Tell whether the last journal is booked, and everybody has sent the spans in between."""
    booked = any(
        each.service == "ledger" and each.sent.name.endswith(InstructionSettled.event_type) for each in spans
    )
    return booked and len(roots(spans)) == 1


def roots(spans: Sequence[Span]) -> list[Span]:
    known = {each.sent.span_id for each in spans}
    return [each for each in spans if each.sent.parent_span_id not in known]


def whole(store: Store, keys: Sequence[str]) -> list[list[Span]]:
    """Return the traces of these trades, once all have arrived."""
    found: list[list[Span]] = []

    def arrived() -> bool:
        found[:] = [store.trace_of(key) for key in keys]
        return all(is_whole(spans) for spans in found)

    wait_until(arrived, lambda: [Counter(each.service for each in spans) for spans in found])
    return found


@pytest.fixture(scope="module")
def arrived(platform: Stack, collector: Collector, store: Store) -> list[list[Span]]:
    return whole(store, traded(platform, TRADES))


def test_the_collector_takes_the_configuration_as_it_is_deployed() -> None:
    program = Path(os.environ["PROGRAMS"]) / "otelcol"
    checked = subprocess.run(
        [program, "validate", f"--config={CONFIG}"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_nothing_in_the_configuration_is_about_to_go(arrived: object, collector: Collector) -> None:
    warnings = [line for line in collector.log.read_text().splitlines() if "deprecated" in line.lower()]
    assert warnings == []


def test_the_trace_of_each_trade_arrives_whole(arrived: list[list[Span]]) -> None:
    for spans in arrived:
        [root] = roots(spans)
        assert (root.service, root.sent.name.split()[0]) == ("front-office", "publish")
        assert {each.service for each in spans} == ON_THE_ROAD
        assert len({each.trace_id for each in spans}) == 1


def test_each_process_says_who_it_is(arrived: object, store: Store) -> None:
    told = {
        (
            _text(each.resource.attributes, "service.namespace"),
            _text(each.resource.attributes, "service.name"),
        )
        for each in store.resources()
    }
    assert told == {("backoffice", name) for name in ON_THE_ROAD | {entry.name for entry in SERVICES}}


def test_no_span_holds_an_account_a_name_or_a_token(platform: Stack, arrived: object, store: Store) -> None:
    secret = set(accounts(platform)) | set(names(platform)) | {platform.token("operations")["access_token"]}
    assert len(secret) > 20
    wait_until(lambda: any("/employees" in text for text in texts(store)), lambda: "no request is traced")
    written = "\n".join(texts(store))
    assert [each for each in secret if each in written] == []
    assert "eyJ" not in written, "a token begins so"
    assert "INSERT INTO" in written


def accounts(platform: Stack) -> Iterator[str]:
    with platform.client("trade-capture", "operations") as client:
        for each in every_page(client, "/reference/settlement-instructions"):
            yield from (
                value for name, value in each.items() if name.endswith("_account") and isinstance(value, str)
            )


def names(platform: Stack) -> Iterator[str]:
    with platform.client("hr", "hr") as client:
        for each in every_page(client, "/employees"):
            yield f"{each['given_name']} {each['family_name']}"


def texts(store: Store) -> Iterator[str]:
    """Return every text of everything that was sent: names, attributes, events, states."""
    for resource in store.resources():
        yield from _texts(resource)


def _texts(message: Message) -> Iterator[str]:
    for _, value in message.ListFields():
        for each in value if hasattr(value, "append") else [value]:
            if isinstance(each, str):
                yield each
            elif isinstance(each, Message):
                yield from _texts(each)


def test_the_result_of_a_reconciliation_reaches_prometheus(collector: Collector, prometheus: str) -> None:
    push(Report(unaccounted=2), collector.url)
    findings = 'backoffice_reconcile_findings{job="reconcile"}'
    wait_until(lambda: shown(prometheus, findings) != [], lambda: children.tail(collector.log))
    told = {each["metric"]["kind"]: each["value"][1] for each in shown(prometheus, findings)}
    assert told == {"breaks": "0", "unaccounted": "2", "duplicates": "0", "outbox": "0"}
    assert shown(prometheus, "time() - backoffice_reconcile_finished_seconds < 600") != []


def shown(prometheus: str, expression: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"http://{prometheus}/api/v1/query", params={"query": expression}, timeout=60, trust_env=False
    )
    assert answer.is_success, answer.text
    return list(answer.json()["data"]["result"])


def test_trades_pass_while_the_collector_is_away_and_are_traced_again_when_it_is_back(
    platform: Stack, collector: Collector, store: Store, arrived: object
) -> None:
    before = {entry.name: lines_of(platform, entry.name) for entry in SERVICES}
    collector.kill()
    traded(platform, UNSEEN, RATE)
    with pytest.raises(StackError):
        push(Report(), collector.url)
    collector.start()
    whole(store, traded(platform, 1))
    told = {entry.name: lines_of(platform, entry.name) - before[entry.name] for entry in SERVICES}
    assert max(told.values()) <= LINES_OF_AN_OUTAGE, told


def lines_of(platform: Stack, service: str) -> int:
    return len((platform.folder / "logs" / f"{service}.log").read_text().splitlines())
