"""Screens whoever has not been screened on the lists and the algorithm of now."""

import asyncio
from collections.abc import Sequence

from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork
from compliance.screening import repository
from compliance.screening.algorithm import ALGORITHM
from compliance.screening.domain import Counterparty, Screening
from compliance.screening.index import ListIndex, Subject
from compliance.screening.versions import IndexReader

AT_A_TIME = 500


class Screener:
    """Screens counterparties against the newest lists."""

    def __init__(self, indexes: IndexReader) -> None:
        self._indexes = indexes

    async def screen_stale(self, unit: UnitOfWork) -> None:
        """Screen counterparties that are new, that changed, or that were screened on older lists."""
        lists = await repository.current_lists(unit.connection)
        basis = repository.basis_of(lists, ALGORITHM)
        stale = await repository.stale_counterparties(unit.connection, basis, AT_A_TIME)
        if not stale:
            return
        lists, index = await self._indexes.current(unit.connection)
        screenings = await asyncio.to_thread(_screen, stale, lists, index)
        basis = repository.basis_of(lists, ALGORITHM)
        await repository.save_screenings(unit.connection, screenings, basis, unit.now)


def _screen(parties: Sequence[Counterparty], lists: dict[str, str], index: ListIndex) -> list[Screening]:
    return [
        Screening(
            screening_id=new_id(),
            counterparty=party,
            algorithm=ALGORITHM,
            lists=lists,
            matches=index.search(subject_of(party)),
        )
        for party in parties
    ]


def subject_of(party: Counterparty) -> Subject:
    """Return what to look for: a person or a firm, which reference data does not say."""
    return Subject(
        name=party.name, country=party.country, identifiers=(f"LEI:{party.lei}", f"BIC:{party.bic[:8]}")
    )
