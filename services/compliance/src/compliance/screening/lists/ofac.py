"""OFAC's comma-separated lists: names, addresses, aliases, and remarks that ran over.

Format: https://ofac.treasury.gov/specially-designated-nationals-list-data-formats-data-schemas. `-0-` is
empty.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compliance.screening.domain import Alias, EntityType, Entry
from compliance.screening.lists.countries import alpha2
from compliance.screening.lists.files import UnreadableListError, rows

FILES = ("primary", "addresses", "aliases", "comments")
"""Parts of a list, in OFAC's own words: primary names (SDN.CSV, CONS_PRIM.CSV), ADD.CSV, ALT.CSV, SDN_COMMENTS.CSV."""

_FIELDS = {"primary": 12, "addresses": 6, "aliases": 5, "comments": 2}
_EMPTY = "-0-"
_TYPES = {"individual": EntityType.PERSON, "vessel": EntityType.VESSEL, "aircraft": EntityType.AIRCRAFT}
_QUOTED_ALIAS = re.compile(r"\ba\.k\.a\. '([^']{2,140})'")
_HOME = re.compile(r"\b(?:nationality|citizen) ([^;.]+)")
_IDENTIFIERS = (
    ("LEI", re.compile(r"\bLegal Entity Number ([A-Z0-9]{20})\b")),
    ("BIC", re.compile(r"\bSWIFT/BIC ([A-Z]{6}[A-Z0-9]{2})(?:[A-Z0-9]{3})?\b")),
    ("PASSPORT", re.compile(r"\b[Pp]assport ([A-Z0-9]{4,20})\b")),
)


class _Primary(NamedTuple):
    """What is kept of a primary line: the other fields are of vessels, and most lines have none."""

    name: str
    kind: str
    programmes: str
    remarks: str


def read(parts: Mapping[str, bytes]) -> list[Entry]:
    """Return the entries of a list. Raises UnreadableListError, naming the file and line."""
    entries = {entry_id: _primary(values) for _, entry_id, values in _numbered(parts, "primary")}
    if not entries:
        raise UnreadableListError("primary", "holds no entry: send the list's file of primary names")
    names: dict[str, list[str]] = {}
    countries: dict[str, list[str]] = {}
    remarks = {entry_id: primary.remarks for entry_id, primary in entries.items()}
    for line, entry_id, values in _numbered(parts, "aliases"):
        _require(entry_id in entries, "aliases", line, entry_id)
        names.setdefault(entry_id, []).append(_value(values[3]))
    for line, entry_id, values in _numbered(parts, "addresses"):
        _require(entry_id in entries, "addresses", line, entry_id)
        countries.setdefault(entry_id, []).append(_value(values[4]))
    for line, entry_id, values in _numbered(parts, "comments"):
        _require(entry_id in entries, "comments", line, entry_id)
        remarks[entry_id] += values[1]
    return [
        _entry(entry_id, primary, names.get(entry_id, []), countries.get(entry_id, []), remarks[entry_id])
        for entry_id, primary in entries.items()
    ]


def _numbered(parts: Mapping[str, bytes], file: str) -> Iterator[tuple[int, str, list[str]]]:
    seen: set[str] = set()
    for line, values in rows(parts.get(file, b""), file, _FIELDS[file]):
        entry_id = values[0].strip()
        if not (entry_id.isascii() and entry_id.isdigit() and len(entry_id) <= 10):
            raise UnreadableListError(file, "does not begin with an entry number", line)
        if file == "primary" and entry_id in seen:
            raise UnreadableListError(file, f"entry {entry_id} comes twice", line)
        seen.add(entry_id)
        yield line, entry_id, values


def _require(known: bool, file: str, line: int, entry_id: str) -> None:
    if not known:
        raise UnreadableListError(file, f"entry {entry_id} is not in the file of primary names", line)


def _primary(values: list[str]) -> _Primary:
    return _Primary(*(_value(values[place]) for place in (1, 2, 3, 11)))


def _entry(entry_id: str, primary: _Primary, names: list[str], addressed: list[str], remarks: str) -> Entry:
    strong = dict.fromkeys(name for name in (primary.name, *names) if name)
    weak = [name for name in _QUOTED_ALIAS.findall(remarks) if name not in strong]
    homes = [alpha2(place) for place in (*addressed, *_HOME.findall(remarks))]
    return Entry(
        entry_id=entry_id,
        entity_type=_TYPES.get(primary.kind, EntityType.ORGANISATION),
        names=tuple([Alias(name=name) for name in strong] + [Alias(name=name, weak=True) for name in weak]),
        countries=tuple(sorted({home for home in homes if home})),
        identifiers=tuple(
            sorted(f"{kind}:{found}" for kind, form in _IDENTIFIERS for found in form.findall(remarks))
        ),
        programmes=tuple(primary.programmes.replace("[", " ").replace("]", " ").split()),
    )


def _value(field: str) -> str:
    text = " ".join(field.split())
    return "" if text == _EMPTY else text
