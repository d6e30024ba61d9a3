"""A trace reaches the database: each statement of a sampled trace is a span of it."""

from decimal import Decimal

import pytest
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from backoffice_chassis import ServiceSettings
from backoffice_chassis.telemetry import Telemetry
from backoffice_cli.stack.testing import PostgresServer

pytestmark = pytest.mark.integration


async def test_a_statement_is_a_span_of_the_trace_that_it_runs_in(postgres: PostgresServer) -> None:
    settings = ServiceSettings(
        database_url=postgres.url("postgres", "postgres"),
        issuer_url="http://issuer",
        otlp_endpoint="http://collector:4318",
        trace_sample_ratio=Decimal(1),
    )
    exporter, tracing = InMemorySpanExporter(), TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    engine = create_async_engine(str(settings.database_url))
    Telemetry(settings, tracing, MeterProvider()).trace_statements(engine)
    try:
        with tracing.get_tracer("t").start_as_current_span("request") as request:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 41 + 1"))
    finally:
        SQLAlchemyInstrumentor().uninstrument()
        await engine.dispose()
    statements = {(span.attributes or {}).get("db.statement"): span for span in exporter.get_finished_spans()}
    assert statements["SELECT 41 + 1"].context.trace_id == request.get_span_context().trace_id
