"""Every query of a dashboard returns data: a real Prometheus watches a platform that trades, settles and reconciles.

Kafka and PostgreSQL are asked as in Compose, by a collector and by postgres_exporter. Run by `make dashboards`, which
builds all of them.
"""

import asyncio
import math
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from backoffice_cli.auditor.evidence.databases import superuser_url
from backoffice_cli.commands.reconcile import run as reconcile
from backoffice_cli.demo.run import prepare_firm, prepare_stack, settle, trade
from backoffice_cli.platform import Platform
from backoffice_cli.reconciliation.push import push
from backoffice_cli.stack import children
from backoffice_cli.stack.control import bring_down
from backoffice_cli.stack.databases import provision_monitoring
from backoffice_cli.stack.ports import LOOPBACK, draw_ports
from observability.dashboards import DASHBOARDS
from observability.dashboards.render import SERVICES
from observability.registry import SCRAPED, declared

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "deploy" / "prometheus"
TRADES, RATE = 300, 30
MOST_SECONDS = 120
OF_PROMETHEUS = {"le", "otel_scope_name"} | SCRAPED


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that watches. since: when it began to."""

    url: str
    since: float

    def get(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=60, trust_env=False)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def drawn(self, expression: str) -> list[float]:
        """Return every figure that a panel over the whole time would draw."""
        found = self.get("query_range", query=expression, start=self.since, end=time.time(), step=5)
        values = [float(value) for series in found["result"] for _, value in series["values"]]
        return [value for value in values if not math.isnan(value)]

    def wait_for(self, expression: str) -> None:
        """Return once it has seen this."""
        deadline = time.monotonic() + MOST_SECONDS
        while not self.drawn(expression):
            assert time.monotonic() < deadline, f"{expression} is never shown"
            time.sleep(1)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="backoffice-dashboards-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    try:
        yield prepare_stack(folder / "state", print)
    finally:
        bring_down(folder / "state")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def prometheus(platform: Platform) -> Iterator[Prometheus]:
    """Start Prometheus with the configuration of deploy/, which finds the services of this platform."""
    folder = platform.folder.parent / "prometheus"
    folder.mkdir()
    shutil.copytree(CONFIG / "rules", folder / "rules")
    config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "5s"}
    port, exporter = draw_ports(2)
    addresses = {name: platform.url(name).removeprefix("http://") for name in SERVICES}
    addresses["postgres"] = f"{LOOPBACK}:{exporter}"
    for scrape in config["scrape_configs"]:
        scrape["static_configs"] = [{"targets": [addresses[scrape["job_name"]]]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-otlp-receiver",
        "--web.enable-remote-write-receiver",
    ]
    with running(command, folder / "log") as process:
        started = Prometheus(f"http://{LOOPBACK}:{port}", time.time())
        _until_it_answers(started, process, folder / "log")
        with kafka_asked(platform, started), postgres_asked(platform, exporter):
            yield started


def program(name: str) -> str:
    """Return where a program is that was built for this."""
    return str(Path(os.environ["PROMETHEUS"]) / name)


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end of the block."""
    told = {**os.environ, **environment}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=told) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def kafka_asked(platform: Platform, prometheus: Prometheus) -> Iterator[None]:
    """Run the collector that asks Kafka, as Compose does but for where things are and who signs in."""
    config = yaml.safe_load((ROOT / "deploy" / "otel" / "kafka.yaml").read_text())
    asking = config["receivers"]["kafka_metrics"]
    asking |= {"brokers": platform.brokers.bootstrap_servers.split(","), "collection_interval": "1s"}
    del asking["auth"]
    [exporter] = config["exporters"].values()
    exporter["endpoint"] = f"{prometheus.url}/api/v1/write"
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    told = platform.folder.parent / "kafka.yaml"
    told.write_text(yaml.safe_dump(config))
    with running([program("otelcol"), f"--config={told}"], told.with_suffix(".log")):
        yield


@contextmanager
def postgres_asked(platform: Platform, port: int) -> Iterator[None]:
    """Run postgres_exporter as the role that sees statistics alone."""
    admin, password = superuser_url(platform, "postgres"), secrets.token_urlsafe(16)
    asyncio.run(provision_monitoring(admin, password))
    command = [program("postgres_exporter"), f"--web.listen-address={LOOPBACK}:{port}"]
    where = admin.rpartition("@")[2]
    with running(
        command,
        platform.folder.parent / "postgres_exporter.log",
        DATA_SOURCE_URI=f"{where}?sslmode=disable",
        DATA_SOURCE_USER="monitoring",
        DATA_SOURCE_PASS=password,
    ):
        yield


def _until_it_answers(prometheus: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, children.tail(log)
        try:
            if httpx.get(f"{prometheus.url}/-/ready", timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError(children.tail(log))


@pytest.fixture(scope="module")
def watched(platform: Platform, prometheus: Prometheus) -> Prometheus:
    """Trade, settle and reconcile under Prometheus' eyes. It sees the open day's trades before the day is rolled: they
    are measured every 30 seconds alone.
    """
    prepare_firm(platform, "1", print)
    trade(platform, TRADES, RATE, "1")
    prometheus.wait_for('backoffice_trade_capture_trades{measure="captured"} > 0')
    settle(platform)
    push(reconcile(platform), f"{prometheus.url}/api/v1/otlp")
    for told in (
        "backoffice_reconcile_findings",
        "backoffice_settlement_fails",
        "backoffice_compliance_cases",
    ):
        prometheus.wait_for(told)
    return prometheus


@pytest.mark.parametrize(
    ("panel", "service"),
    [
        pytest.param(panel, service, id=f"{dashboard.uid} {panel.title} {service}")
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for service in (SERVICES[:4] if dashboard.for_each_service else ("",))
    ],
)
def test_every_query_of_every_panel_returns_data(watched: Prometheus, panel: Any, service: str) -> None:
    empty = [
        query.expression
        for query in panel.queries
        if not watched.drawn(query.expression.replace("$service", service))
    ]
    assert empty == []


def test_nothing_in_what_asks_kafka_is_about_to_go(watched: Prometheus, platform: Platform) -> None:
    told = (platform.folder.parent / "kafka.log").read_text()
    assert [line for line in told.splitlines() if "deprecated" in line.lower()] == []


def test_what_the_services_tell_is_what_is_declared(watched: Prometheus, platform: Platform) -> None:
    known = {metric.exposed_name: set(metric.exposed_labels) for metric in declared()}
    told = watched.get("series", **{"match[]": '{__name__=~"backoffice_.*|messaging_.*|http_.*|db_.*"}'})
    seen = set()
    for series in told:
        name = series.pop("__name__")
        name = next(
            (
                name[: -len(end)]
                for end in ("_bucket", "_sum", "_count")
                if name.endswith(end) and name not in known
            ),
            name,
        )
        seen.add(name)
        assert series.keys() - OF_PROMETHEUS <= known[name], name
    only_in_trouble = {
        "backoffice_messaging_batch_retries_total",
        "backoffice_messaging_parked_total",
        "backoffice_messaging_parked_waiting",
        "backoffice_messaging_dead_letters_total",
        "backoffice_messaging_dead_letters_open",
    }
    assert known.keys() - seen - only_in_trouble == set()


def test_every_rule_is_evaluated_without_an_error(watched: Prometheus) -> None:
    rules = [rule for group in watched.get("rules")["groups"] for rule in group["rules"]]
    assert rules
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
