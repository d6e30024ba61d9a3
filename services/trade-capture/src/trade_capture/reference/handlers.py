"""HR's events: trade-capture keeps for itself which people the firm knows."""

from backoffice_events.contracts.hr import (
    EmployeeChanged,
    EmployeeHired,
    EmployeeLicensed,
    EmployeePutOnLeave,
    EmployeeTerminated,
)
from backoffice_events.messaging import Batch, ConsumerSpec, Projection, bulk
from trade_capture.reference import repository
from trade_capture.reference.tables import employee

_KIND = "employees"
_NEWER = "(employee_id) DO UPDATE SET version = excluded.version, revision = excluded.revision"


async def take_employees(batch: Batch) -> None:
    """Keep the latest version of each employee; a version that was overtaken changes nothing."""
    versions: dict[str, int] = {}
    for received in batch.events:
        known = received.event.employee
        versions[known.employee_id] = max(known.version, versions.get(known.employee_id, 0))
    revision = await repository.lock_kind(batch.connection, _KIND)
    rows = [
        {"employee_id": key, "version": version, "revision": revision} for key, version in versions.items()
    ]
    unless_overtaken = f"{_NEWER} WHERE employee.version < excluded.version"
    await bulk.insert(batch.connection, employee, rows, on_conflict=unless_overtaken)
    await repository.set_revision(batch.connection, _KIND, revision)


EMPLOYEES = ConsumerSpec(
    group="trade-capture.employees",
    contracts=(EmployeeHired, EmployeeChanged, EmployeeLicensed, EmployeePutOnLeave, EmployeeTerminated),
    handle=take_employees,
    projections=(
        Projection("employees", ("employee_id",), "SELECT employee_id, version FROM {schema}.employee"),
    ),
)
