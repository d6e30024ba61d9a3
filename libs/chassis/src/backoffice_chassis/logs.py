"""Structured logs: JSON lines for machines, coloured lines for people, the same fields in both.

Every line carries the service, and while a span is current its trace id. Names and bank data never go into a log: log
ids, and the business key (trade id, employee id) by which a person finds the rest.
"""

import logging
import sys
from typing import Any

import structlog
from opentelemetry import trace
from structlog.types import EventDict, ExcInfo, Processor

from backoffice_chassis.settings import ServiceSettings


def configure(service: str, settings: ServiceSettings) -> None:
    """Send every log line of the process, the libraries' own included, to stderr in the format asked for."""
    shared = _shared(service)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(settings.log_format),
            ],
        )
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    _quieten()


def _shared(service: str) -> list[Processor]:
    def add_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        _add_trace,
    ]


def _add_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if "trace_id" in event:
        return event  # the line is about an event of another trace than the batch that it came in
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _rendering(log_format: str) -> list[Processor]:
    if log_format == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [
        structlog.processors.ExceptionRenderer(_without_values),
        structlog.processors.JSONRenderer(default=str),
    ]


def _without_values(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """Return an exception as JSON has it: no variables, and of its text the line before what a database or a validator
    adds, which quotes rows and fields.
    """
    return _first_lines(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)(exc_info))


def _first_lines(stacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **stack,
            "exc_value": stack["exc_value"].partition("\n")[0],
            "exceptions": [_first_lines(each) for each in stack["exceptions"]],
        }
        for stack in stacks
    ]


def _quieten() -> None:
    """Leave out what says nothing: one line for each probe, each poll, each HTTP request to the issuer."""
    for name in ("uvicorn", "uvicorn.error", "httpx", "httpcore", "aiokafka", "alembic.runtime.plugins"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
