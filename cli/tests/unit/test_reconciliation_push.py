"""A reconciliation's result reaches whoever takes OTLP, and a deaf ear is an error."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from backoffice_cli.reconciliation.push import findings, push
from backoffice_cli.reconciliation.report import Break, Report
from backoffice_cli.stack.errors import StackError

pytestmark = pytest.mark.unit

RESULT = Report(unaccounted=2, breaks=[Break("ledger", "T1", "1", "2")])


class _Collector(BaseHTTPRequestHandler):
    taken: list[bytes]

    def do_POST(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200 if self.path == "/v1/metrics" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    taken: list[bytes] = []
    with HTTPServer(("127.0.0.1", 0), type("C", (_Collector,), {"taken": taken})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()
        thread.join()


def test_findings_are_all_zero_when_all_sides_agree() -> None:
    assert Report().ok
    assert set(findings(Report()).values()) == {0}
    assert findings(RESULT) == {("breaks",): 1, ("unaccounted",): 2, ("duplicates",): 0, ("outbox",): 0}


def test_the_result_is_taken_as_one_figure_for_each_kind(collector: tuple[str, list[bytes]]) -> None:
    endpoint, taken = collector
    push(RESULT, f"{endpoint}/")
    [resource] = ExportMetricsServiceRequest.FromString(taken[0]).resource_metrics
    assert "backoffice" in str(resource.resource.attributes)
    sent = {each.name: each.gauge.data_points for scope in resource.scope_metrics for each in scope.metrics}
    found = {
        point.attributes[0].value.string_value: point.as_int
        for point in sent["backoffice.reconcile.findings"]
    }
    assert found == {"breaks": 1, "unaccounted": 2, "duplicates": 0, "outbox": 0}
    assert len(sent["backoffice.reconcile.finished"]) == 1


def test_a_result_that_is_not_taken_is_an_error(collector: tuple[str, list[bytes]]) -> None:
    endpoint, sent = collector
    with pytest.raises(StackError, match="does not take the result"):
        push(RESULT, f"{endpoint}/elsewhere")
    assert len(sent) == 1
