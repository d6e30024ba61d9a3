"""W3C trace context as events carry it."""

from opentelemetry import trace


def current_traceparent() -> str | None:
    """Return the context of the span that we are in, None outside of one."""
    context = trace.get_current_span().get_span_context()
    return traceparent(context) if context.is_valid else None


def traceparent(context: trace.SpanContext) -> str:
    """Return a context as the header has it."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def is_sampled(header: str) -> bool:
    """Tell whether the trace of such a header is recorded."""
    return header[-1] in "13579bdf"
