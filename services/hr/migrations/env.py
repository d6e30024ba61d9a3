"""Alembic's entry: the chassis runs the revisions in `versions`."""

from backoffice_chassis.migrations import run_env
from hr.metadata import metadata

run_env(metadata)
