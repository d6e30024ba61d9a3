"""Keeps the copies of reference data up to date."""

from backoffice_events.contracts.hr import (
    EmployeeChanged,
    EmployeeHired,
    EmployeeLicensed,
    EmployeePutOnLeave,
    EmployeeTerminated,
)
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.messaging import Batch, ConsumerSpec, Projection
from compliance.reference import repository
from compliance.reference.domain import Instrument
from compliance.screening import repository as screening
from compliance.screening.domain import Counterparty

_EMPLOYEE_EVENTS = (
    EmployeeHired,
    EmployeeChanged,
    EmployeeLicensed,
    EmployeePutOnLeave,
    EmployeeTerminated,
)


async def on_reference(batch: Batch) -> None:
    """Take in instruments, and counterparties that then wait to be screened."""
    changes = [received.event for received in batch.events]
    instruments = [_instrument(change) for change in changes if isinstance(change, InstrumentChanged)]
    parties = [_counterparty(change) for change in changes if isinstance(change, CounterpartyChanged)]
    await repository.save_instruments(batch.connection, instruments)
    await screening.save_counterparties(batch.connection, parties)


async def on_employees(batch: Batch) -> None:
    """Take in employees."""
    changes = [received.event for received in batch.events]
    people = [change.employee for change in changes if isinstance(change, _EMPLOYEE_EVENTS)]
    await repository.save_employees(batch.connection, people)


def _instrument(change: InstrumentChanged) -> Instrument:
    return Instrument(
        isin=change.isin,
        mic=change.mic,
        version=change.version,
        instrument_type=change.instrument_type,
        currency=change.currency,
        reference_price=change.reference_price,
        price_date=change.price_date,
    )


def _counterparty(change: CounterpartyChanged) -> Counterparty:
    return Counterparty(
        lei=change.lei, version=change.version, name=change.name, bic=change.bic, country=change.country
    )


_INSTRUMENTS = Projection("instruments", ("isin", "mic"), "SELECT * FROM {schema}.instrument")
_COUNTERPARTIES = Projection(
    "counterparties", ("lei",), "SELECT lei, version, name, bic, country FROM {schema}.counterparty"
)
_EMPLOYEES = Projection("employees", ("employee_id",), "SELECT * FROM {schema}.employee")

CONSUMERS = (
    ConsumerSpec(
        group="compliance.reference",
        contracts=(InstrumentChanged, CounterpartyChanged),
        handle=on_reference,
        projections=(_INSTRUMENTS, _COUNTERPARTIES),
    ),
    ConsumerSpec(
        group="compliance.employees",
        contracts=_EMPLOYEE_EVENTS,
        handle=on_employees,
        projections=(_EMPLOYEES,),
    ),
)
