"""`python -m backoffice_cli.traces.receiver PORT`: takes spans (OTLP over HTTP, protobuf) and gives out traces.

POST /v1/traces     as OpenTelemetry's exporters send
GET  /traces/KEY    the spans of a trace as JSON; KEY: a trace id, or a key on Kafka, such as a trade id
"""

import signal
import sys
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import unquote

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from backoffice_cli.stack.ports import LOOPBACK
from backoffice_cli.traces.spans import Span, Traces

_MOST_BYTES: Final = 16 * 2**20
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"


def spans_of(body: bytes) -> Iterator[Span]:
    """Yield the spans of a request. Raises DecodeError when it is none."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _text(resource.resource.attributes, "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    service=service,
                    name=span.name,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    key=_text(span.attributes, "messaging.kafka.message.key"),
                    statement=_statement(span),
                )


def _statement(span: OtlpSpan) -> str:
    """Return the SQL of a call to the database; its name where there is none, as for a connection."""
    to_database = span.kind == OtlpSpan.SPAN_KIND_CLIENT
    return (_text(span.attributes, "db.statement") or span.name) if to_database else ""


def _text(attributes: Iterable[KeyValue], name: str) -> str:
    return next((each.value.string_value for each in attributes if each.key == name), "")


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection. traces: what is kept; the server's."""

    protocol_version = "HTTP/1.1"
    traces: Traces

    def do_POST(self) -> None:
        """Take spans in."""
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/v1/traces" or not 0 < length <= _MOST_BYTES:
            self.close_connection = True
            self._answer(404 if self.path != "/v1/traces" else 413)
            return
        try:
            self.traces.add(spans_of(self.rfile.read(length)))
        except DecodeError:
            self._answer(400)
        else:
            self._answer(200, ExportTraceServiceResponse().SerializeToString(), _PROTOBUF)

    def do_GET(self) -> None:
        """Give out a trace."""
        if self.path == "/livez":
            self._answer(200)
        elif self.path.startswith("/traces/"):
            spans = self.traces.of(unquote(self.path.removeprefix("/traces/")))
            self._answer(200, msgspec.json.encode(spans))
        else:
            self._answer(404)

    def _answer(self, status: int, body: bytes = b"", content_type: str = _JSON) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""


def server(port: int) -> ThreadingHTTPServer:
    """Return a receiver that listens on loopback."""
    handler = type("Handler", (_Handler,), {"traces": Traces()})
    receiver = ThreadingHTTPServer((LOOPBACK, port), handler)
    receiver.daemon_threads = True
    return receiver


def main(port: int) -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server(port) as receiver:
        receiver.serve_forever(poll_interval=60)


if __name__ == "__main__":
    main(int(sys.argv[1]))
