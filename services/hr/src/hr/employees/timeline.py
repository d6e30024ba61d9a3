"""An employment as its statuses follow one another, each with the first day it holds on. Pure.

A record is in order of date, a day has one status, and it begins with a hiring. What is planned may be told in any
order: what is recorded now goes where its date belongs, and what was planned after it stays.
"""

from datetime import date, timedelta

from backoffice_events.contracts.hr import Employment, EmploymentStatus

Record = tuple[Employment, ...]

_DAY = timedelta(days=1)
_EMPLOYED = EmploymentStatus.EMPLOYED
_ON_LEAVE = EmploymentStatus.ON_LEAVE
_TERMINATED = EmploymentStatus.TERMINATED


class EmploymentRefusedError(ValueError):
    """The change contradicts what is on record. field: the input at fault. The message says why and what would do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def entry_on(record: Record, day: date) -> Employment | None:
    """Return the entry that holds on a day; None before the first hiring."""
    begun = [entry for entry in record if entry.effective_from <= day]
    return begun[-1] if begun else None


def status_on(record: Record, day: date) -> EmploymentStatus | None:
    """Return the status on a day; None before the first hiring."""
    entry = entry_on(record, day)
    return None if entry is None else entry.status


def employed_since(record: Record) -> date:
    """Return the first day of the latest employment; who was hired again without a gap never left."""
    return record[_latest_hiring(record)].effective_from


def with_rehiring(record: Record, hired_on: date) -> Record:
    """Return the record of somebody who left and is hired again; on the day after the last, they never left."""
    last = record[-1]
    entry = Employment(status=_EMPLOYED, effective_from=hired_on)
    if last == entry:
        return record
    if last.status is not _TERMINATED:
        raise EmploymentRefusedError(
            "hired_on", "only somebody who left can be hired again: a wrong first day is corrected instead"
        )
    if hired_on < last.effective_from:
        raise EmploymentRefusedError(
            "hired_on",
            f"must be {last.effective_from} or later: until then employed, unless the termination is brought forward",
        )
    return (*_before(record, hired_on), entry)


def with_first_day(record: Record, hired_on: date) -> Record:
    """Return the record with another first day of the latest employment: it was stated wrongly."""
    start = _latest_hiring(record)
    earlier, latest = record[:start], record[start:]
    if latest[0].effective_from == hired_on:
        return record
    if earlier and hired_on < earlier[-1].effective_from:
        raise EmploymentRefusedError(
            "hired_on", f"must be {earlier[-1].effective_from} or later: until then employed before"
        )
    happened = latest[1:] if latest[0].status is _EMPLOYED else latest
    if happened and happened[0].effective_from <= hired_on:
        begins = happened[0]
        raise EmploymentRefusedError(
            "hired_on",
            f"must be before {begins.effective_from}: {begins.status} from then on, and what happened stays on record",
        )
    return (*_before(earlier, hired_on), Employment(status=_EMPLOYED, effective_from=hired_on), *happened)


def with_leave(record: Record, first_day: date, last_day: date | None) -> Record:
    """Return the record with a leave, its last day included; what is planned after it stays.

    Without a last day it lasts until a return is recorded, or the employment ends.
    """
    over = None if last_day is None else day_after(last_day)
    if _has_leave(record, first_day, over):
        return record
    _refuse_unless_employed(record, first_day)
    later = tuple(entry for entry in record if entry.effective_from > first_day)
    planned = next((entry for entry in later if entry.status is not _EMPLOYED), None)
    if planned is not None and _reaches(planned, over):
        raise EmploymentRefusedError("last_day", _must_end_before(planned))
    leave = Employment(status=_ON_LEAVE, effective_from=first_day)
    return (*_before(record, first_day), leave, *_resumed(later, planned, over))


def with_return(record: Record, first_day: date) -> Record:
    """Return the record with the first day back from the latest leave that began by then.

    It takes the place of a return on record, earlier or later. Back on the leave's own first day, there was none.
    """
    entry = Employment(status=_EMPLOYED, effective_from=first_day)
    if entry in record:
        return record
    begun = [
        place
        for place, known in enumerate(record)
        if known.status is _ON_LEAVE and known.effective_from <= first_day
    ]
    if not begun:
        raise EmploymentRefusedError("first_day", f"no leave to come back from began by {first_day}")
    until, later = record[: begun[-1] + 1], record[begun[-1] + 1 :]
    if later and later[0].status is _EMPLOYED:
        later = later[1:]
    if later and later[0].effective_from <= first_day:
        raise EmploymentRefusedError(
            "first_day",
            f"must be before {later[0].effective_from}: on {first_day} there is no leave to come back from,"
            f" {later[0].status} from {later[0].effective_from} on",
        )
    return (*_before(until, first_day), entry, *later)


def with_termination(record: Record, last_day: date) -> Record:
    """Return the record that ends after `last_day`: what was planned for later does not take place.

    The termination that a record ends with may be brought forward or postponed; a leave that leads up to it does so
    still.
    """
    entry = Employment(status=_TERMINATED, effective_from=day_after(last_day))
    if record[-1] == entry:
        return record
    begun = tuple(known for known in record if known.effective_from <= last_day)
    if begun == record and record[-1].status is _TERMINATED:
        return (*record[:-1], entry)
    if not begun or begun[-1].status is _TERMINATED:
        raise EmploymentRefusedError(
            "last_day",
            f"the firm does not employ them on {last_day}: give a day of an employment, the next begins on"
            f" {record[len(begun)].effective_from}",
        )
    return (*begun, entry)


def day_after(last_day: date) -> date:
    """Return the day after a last one."""
    if last_day == date.max:
        raise EmploymentRefusedError("last_day", "must be earlier: leave it out where the end is not known")
    return last_day + _DAY


def _before(record: Record, day: date) -> Record:
    """Return the record up to a day: what would begin on the very day gives way, a day has one status."""
    return tuple(entry for entry in record if entry.effective_from < day)


def _latest_hiring(record: Record) -> int:
    """Return the place of the entry that the latest employment began with."""
    ended = [place for place, entry in enumerate(record[:-1]) if entry.status is _TERMINATED]
    return ended[-1] + 1 if ended else 0


def _has_leave(record: Record, first_day: date, over: date | None) -> bool:
    """Tell whether this very leave is on record. over: the first day after it."""
    for place, entry in enumerate(record):
        if entry == Employment(status=_ON_LEAVE, effective_from=first_day):
            after = record[place + 1] if place + 1 < len(record) else None
            if over is None:
                return after is None or after.status is _TERMINATED
            return after is not None and after.effective_from == over
    return False


def _refuse_unless_employed(record: Record, day: date) -> None:
    """Refuse a leave from a day on which nobody can go on leave, and say what to do instead."""
    entry = entry_on(record, day)
    if entry is None:
        reason = f"must be {record[0].effective_from} or later: not employed before"
    elif entry.status is _ON_LEAVE:
        reason = f"on leave from {entry.effective_from} on: record the return, which also moves the end of that leave"
    elif entry.status is _TERMINATED:
        reason = (
            f"must be before {entry.effective_from}: TERMINATED from then on, a leave is taken while employed"
        )
    else:
        return
    raise EmploymentRefusedError("first_day", reason)


def _reaches(planned: Employment, over: date | None) -> bool:
    """Tell whether a leave that is over on a day, or left open, runs into what is planned."""
    return planned.status is _ON_LEAVE if over is None else planned.effective_from < over


def _must_end_before(planned: Employment) -> str:
    latest = planned.effective_from - _DAY
    if planned.status is _TERMINATED:
        return f"must be {latest} or earlier, or left out: the employment ends with that day"
    return f"must be {latest} or earlier: another leave is planned from {planned.effective_from} on"


def _resumed(later: Record, planned: Employment | None, over: date | None) -> Record:
    """Return what follows a leave: back at work, unless the next thing planned begins that very day."""
    if over is None:
        return () if planned is None else later[later.index(planned) :]
    kept = tuple(entry for entry in later if entry.effective_from >= over)
    if kept and kept[0].effective_from == over:
        return kept
    return (Employment(status=_EMPLOYED, effective_from=over), *kept)
