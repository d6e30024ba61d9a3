from backoffice_chassis.migrations import run_env
from settlement.advices import tables as advice_tables  # noqa: F401 - enters its table
from settlement.business_days import tables as business_day_tables  # noqa: F401
from settlement.exceptions import tables as exception_tables  # noqa: F401
from settlement.history import tables as history_tables  # noqa: F401
from settlement.instructions import tables as instruction_tables  # noqa: F401
from settlement.metadata import metadata
from settlement.processes import tables as process_tables  # noqa: F401

run_env(metadata)
