"""What is seen of each HTTP request: a span, its duration by route, a log line."""

import time
from typing import Any, Final

import structlog
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice_chassis import metrics

log = structlog.get_logger(__name__)

NOT_OBSERVED: Final = frozenset({"/livez", "/readyz", "/metrics"})
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS: Final = _READS | {"POST", "PUT", "PATCH", "DELETE"}

_tracer = trace.get_tracer("backoffice_chassis.http")


class Observing:
    """ASGI middleware. Names follow OpenTelemetry's HTTP conventions; a path counts under its route's template,
    so that neither ids nor made-up paths multiply the series.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and take note of it."""
        if scope["type"] != "http" or scope["path"] in NOT_OBSERVED:
            await self._app(scope, receive, send)
            return
        request = _Observed(scope)
        context = propagate.extract(
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        )
        with _tracer.start_as_current_span(request.method, context, SpanKind.SERVER) as span:
            try:
                await self._app(scope, receive, request.watching(send))
            finally:
                request.finish(span)


class _Observed:
    def __init__(self, scope: Scope) -> None:
        self.method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        self._scope = scope
        self._began = time.perf_counter()
        self._status = 500

    def watching(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
            await send(message)

        return sending

    def finish(self, span: trace.Span) -> None:
        seconds = time.perf_counter() - self._began
        route = getattr(self._scope.get("route"), "path_format", None)
        attributes: dict[str, Any] = {
            metrics.METHOD: self.method,
            metrics.STATUS: self._status,
        }
        if route is not None:
            attributes[metrics.ROUTE] = route
            span.update_name(f"{self.method} {route}")
        span.set_attributes(attributes)
        if self._status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        metrics.REQUEST_SECONDS.record(seconds, attributes)
        write = log.debug if self.method in _READS else log.info
        write("request", method=self.method, route=route, status=self._status, ms=round(seconds * 1000, 1))
