from backoffice_chassis.migrations import run_env
from compliance.metadata import metadata

run_env(metadata)
