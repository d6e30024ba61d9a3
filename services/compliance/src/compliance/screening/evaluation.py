"""Measures how well the algorithm finds disguised list entries, and how rarely it accuses others.

    python -m compliance.screening.evaluation data/sanctions data/parties/venue_operators_and_brokers.csv

Positives are names drawn from the lists and disguised; each must find its own entry. Negatives are the names
of real firms, taken from a CSV with a `name` or `legal_name` column; a few of them may really be listed.
"""

import csv
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from compliance.screening.additions import second_names
from compliance.screening.domain import UNREAD, EntityType, Entry
from compliance.screening.index import ListIndex, Subject
from compliance.screening.lists import ofac, un
from compliance.screening.lists.files import unpacked
from compliance.screening.names import LEGAL_FORMS, by_script, words

THRESHOLDS = tuple(Decimal(score) for score in (70, 75, 80, 85, 90, 95))
_OFAC = {
    "ofac-sdn": ("ofac_sdn", "ofac_add", "ofac_alt", "ofac_sdn_comments"),
    "ofac-consolidated": ("ofac_cons_prim", "ofac_cons_add", "ofac_cons_alt", "ofac_cons_comments"),
}

Disguise = Callable[[str, random.Random], str]


def read_lists(folder: Path) -> dict[str, list[Entry]]:
    """Return the entries of the lists in a folder laid out as `data/sanctions` is."""
    lists = {}
    for kind, names in _OFAC.items():
        parts = {
            part: _content(folder / f"{name}.csv.gz") for part, name in zip(ofac.FILES, names, strict=True)
        }
        lists[kind] = ofac.read(parts)
    lists["un-consolidated"], _ = un.read(_content(folder / "un_consolidated.xml.gz"))
    return lists


def _content(path: Path) -> bytes:
    return unpacked(path.read_bytes(), path.name)


def _mistyped(name: str, draw: random.Random) -> str:
    """Change, drop or swap one letter of the longest word."""
    word = max(words(name), key=len)
    place = draw.randrange(1, max(len(word) - 1, 2))
    changed = draw.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + draw.choice("aeiorstn") + word[place + 1 :],
            word[: place - 1] + word[place : place + 1] + word[place - 1 : place] + word[place + 1 :],
        )
    )
    return " ".join(changed if each == word else each for each in words(name))


def _reordered(name: str, draw: random.Random) -> str:
    shuffled = list(words(name))
    draw.shuffle(shuffled)
    return " ".join(shuffled)


def _initialled(name: str, draw: random.Random) -> str:
    """Keep an initial of one word other than the longest."""
    found = list(words(name))
    telling = [word for word in found if word not in LEGAL_FORMS] or found
    longest = max(telling, key=len)
    others = [
        place for place, word in enumerate(found) if word != longest and word in telling and len(word) > 2
    ]
    if others:
        place = draw.choice(others)
        found[place] = found[place][0] + "."
    return " ".join(found)


def _reformed(name: str, _: random.Random) -> str:
    """Leave out the legal form and claim another."""
    kept = [word for word in words(name) if word not in LEGAL_FORMS]
    return " ".join([*kept, "PLC"])


def _run_together(name: str, _: random.Random) -> str:
    """Write the first two words as one."""
    first, *rest = words(name)
    if not rest or LEGAL_FORMS & {first, rest[0]}:
        return name
    return " ".join([first + rest[0], *rest[1:]])


def _as_branch(name: str, draw: random.Random) -> str:
    """Say which branch it is, as branches of banks do."""
    city = draw.choice(("London", "Paris", "Dubai", "Hong Kong", "Frankfurt"))
    return draw.choice(("{}, {} branch", "{} ({} Branch)", "{}, Filiale {}", "{} {}")).format(name, city)


def _without_second_names(name: str, _: random.Random) -> str:
    """Keep a person's first given name and first surname."""
    left_out = second_names(name)
    return " ".join(word for word in words(name) if word not in left_out)


DISGUISES: Mapping[str, Disguise] = {
    "as listed": lambda name, _: name,
    "word order": _reordered,
    "one typo": _mistyped,
    "an initial": _initialled,
    "other legal form": _reformed,
    "words run together": _run_together,
    "a branch": _as_branch,
    "second names left out": _without_second_names,
}
_OF_ONE_KIND = {"a branch": EntityType.ORGANISATION, "second names left out": EntityType.PERSON}


def recall(
    index: ListIndex, lists: Mapping[str, Sequence[Entry]], size: int, seed: int = 1
) -> dict[str, Any]:
    """Return, by disguise and threshold, the share of drawn entries that were found."""
    draw = random.Random(seed)  # noqa: S311  a repeatable sample, no secret
    entries = [entry for kind in sorted(lists) for entry in lists[kind] if entry.entity_type in _SCREENED]
    sample = draw.sample(entries, size)
    return {
        name: _found(index, [entry for entry in sample if _fits(name, entry)], disguise, draw)
        for name, disguise in DISGUISES.items()
    }


def _fits(disguise: str, entry: Entry) -> bool:
    return entry.entity_type is _OF_ONE_KIND.get(disguise, entry.entity_type)


_SCREENED = frozenset({"PERSON", "ORGANISATION"})


def _found(
    index: ListIndex, sample: Sequence[Entry], disguise: Disguise, draw: random.Random
) -> dict[str, float]:
    scores = [_own_score(index, entry, disguise(entry.names[0].name, draw)) for entry in sample]
    return {
        str(threshold): sum(score >= threshold for score in scores) / len(scores) for threshold in THRESHOLDS
    }


def _own_score(index: ListIndex, entry: Entry, name: str) -> Decimal:
    scores = [match.score for match in index.search(Subject(name=name)) if match.entry_id == entry.entry_id]
    return max(scores, default=Decimal(0))


def specificity(index: ListIndex, parties: Sequence[tuple[str, str | None]]) -> dict[str, float]:
    """Return, by threshold, the share of firms (name, country) that nothing was found for.

    A name that cannot be compared with the lists accuses nobody.
    """
    tops = [top_score(index, Subject(name=name, country=country)) for name, country in parties]
    return {str(threshold): sum(top < threshold for top in tops) / len(tops) for threshold in THRESHOLDS}


def top_score(index: ListIndex, subject: Subject) -> Decimal:
    """Return the score of the entry that a subject resembles most, 0 when there is none."""
    scores = [match.score for match in index.search(subject) if match.entry_id != UNREAD]
    return max(scores, default=Decimal(0))


def read_parties(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the name and country of each firm of a CSV."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for row in csv.DictReader(content.decode().splitlines()):
        yield row.get("legal_name") or row["name"], row.get("country_gleif") or row.get("country") or None


def main() -> None:
    """Print the figures as JSON."""
    lists = read_lists(Path(sys.argv[1]))
    started = time.process_time()
    index = ListIndex(lists)
    built = time.process_time() - started
    parties = list(read_parties(Path(sys.argv[2])))
    started = time.process_time()
    negatives = specificity(index, parties)
    each = (time.process_time() - started) / len(parties)
    figures = {
        "entries": sum(map(len, lists.values())),
        "index_built_cpu_seconds": round(built, 2),
        "cpu_milliseconds_per_screening": round(each * 1000, 2),
        "firms": len(parties),
        "not_comparable": sum(not by_script(name).readable for name, _ in parties),
        "specificity": negatives,
        "recall": recall(index, lists, 500),
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
