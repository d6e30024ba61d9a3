"""Set-based reads and writes of the copies of instruments and employees."""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import ARRAY, Text, any_, bindparam, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.hr import Employee
from backoffice_events.contracts.vocabulary import InstrumentType
from backoffice_events.messaging import bulk
from compliance.reference.domain import Instrument
from compliance.reference.tables import employee, instrument

_employees = msgspec.json.Decoder(Employee)

_INSTRUMENTS = select(instrument).where(instrument.c.isin == any_(bindparam("isins", type_=ARRAY(Text))))
_EMPLOYEES = select(employee.c.employee_id, cast(employee.c.record, Text).label("record")).where(
    employee.c.employee_id == any_(bindparam("ids", type_=ARRAY(Text)))
)


async def save_instruments(connection: AsyncConnection, instruments: Sequence[Instrument]) -> None:
    """Keep the newest version of each instrument."""
    latest: dict[tuple[str, str], Instrument] = {}
    for copy in instruments:
        known = latest.get((copy.isin, copy.mic))
        if known is None or known.version <= copy.version:
            latest[copy.isin, copy.mic] = copy
    await bulk.insert(
        connection,
        instrument,
        [msgspec.structs.asdict(latest[key]) for key in sorted(latest)],
        on_conflict="(isin, mic) DO UPDATE SET version = excluded.version,"
        " instrument_type = excluded.instrument_type, currency = excluded.currency,"
        " reference_price = excluded.reference_price, price_date = excluded.price_date"
        " WHERE instrument.version < excluded.version",
    )


async def save_employees(connection: AsyncConnection, employees: Sequence[Employee]) -> None:
    """Keep the newest version of each employee."""
    latest: dict[str, Employee] = {}
    for copy in employees:
        if copy.employee_id not in latest or latest[copy.employee_id].version <= copy.version:
            latest[copy.employee_id] = copy
    rows = [
        {"employee_id": key, "version": latest[key].version, "record": latest[key]} for key in sorted(latest)
    ]
    await bulk.insert(
        connection,
        employee,
        rows,
        on_conflict="(employee_id) DO UPDATE SET version = excluded.version, record = excluded.record"
        " WHERE employee.version < excluded.version",
    )


async def instruments(
    connection: AsyncConnection, isins: Collection[str]
) -> dict[tuple[str, str], Instrument]:
    """Return the known instruments of these ISINs, by ISIN and market."""
    rows = await connection.execute(_INSTRUMENTS, {"isins": list(isins)})
    return {
        (row.isin, row.mic): Instrument(
            isin=row.isin,
            mic=row.mic,
            version=row.version,
            instrument_type=InstrumentType(row.instrument_type),
            currency=row.currency,
            reference_price=row.reference_price,
            price_date=row.price_date,
        )
        for row in rows
    }


async def employees(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Employee]:
    """Return the known employees of these ids."""
    rows = await connection.execute(_EMPLOYEES, {"ids": list(ids)})
    return {row.employee_id: _employees.decode(row.record) for row in rows}
