from notes_service import metadata

from backoffice_chassis.migrations import run_env

run_env(metadata)
