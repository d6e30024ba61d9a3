"""Alembic's entry point."""

from backoffice_chassis.migrations import run_env
from ledger.metadata import metadata

run_env(metadata)
