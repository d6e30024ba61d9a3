"""Reads records from a file: CSV with a header, or JSON lines."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backoffice_cli.reference_data.shipped import Row
from backoffice_cli.stack.errors import StackError

LIST_SEPARATOR = ";"
_TRUTH = {"true": True, "false": False}

csv.field_size_limit(1_000_000)  # a calendar's closures stand in one cell


@dataclass(slots=True)
class Records:
    """Rows with the line each begins on, and the lines that are no row, with the reason."""

    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, row: Row) -> None:
        """Take a row."""
        self.rows.append(row)
        self.lines.append(line)


def read_records(file: str) -> Records:
    """Read a file, `-` being standard input. Raises StackError when it cannot be read, or has no header or no row."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StackError(
            f"{file} is not UTF-8: byte {error.start} cannot be read.", "Save it as UTF-8."
        ) from error
    found = Records()
    if text.lstrip().startswith("{"):
        _read_json_lines(text, found)
    else:
        _read_csv(text, found)
    if not found.rows and not found.unreadable:
        raise StackError(
            "The file has no rows.", "Its first line names the columns, each further one is a record."
        )
    return found


def _read_json_lines(text: str, found: Records) -> None:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            found.add(line, json.loads(content, parse_float=str, parse_constant=_no_number))
        except (ValueError, RecursionError) as error:
            found.unreadable.append((line, f"is no JSON: {error}"))


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _read_csv(text: str, found: Records) -> None:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if not any(header):
            raise StackError("The file has no header.", "Its first line must name the columns.")
        for line, cells in _lines(reader):
            if len(cells) != len(header):
                found.unreadable.append((line, f"has {len(cells)} cells, the header {len(header)}"))
            else:
                found.add(line, _row(dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        found.unreadable.append((reader.line_num, f"is no CSV, and nothing after it was read: {error}"))


def _lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Return the lines that are not blank, each with the number of the line it begins on."""
    begins = reader.line_num + 1
    for cells in reader:
        if cells:
            yield begins, cells
        begins = reader.line_num + 1


def _row(cells: Mapping[str, str]) -> Row:
    """Return what the cells state: an empty one states nothing, a column of another type than text is converted."""
    stated = {name: cell.strip() for name, cell in cells.items() if cell.strip()}
    return {name: _CONVERSIONS.get(name, str)(text) for name, text in stated.items()}


def _whole_number(text: str) -> Any:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _licence(text: str) -> Any:
    """Return the licence that `EQUITY 2024-06-03` or, with its last day, `EQUITY 2024-06-03 2025-06-02` spells."""
    return dict(zip(("product", "valid_from", "valid_to"), text.split(), strict=False))


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split(LIST_SEPARATOR) if part.strip()]


# What cannot be converted goes as it stands: the API says what is wrong with it.
_CONVERSIONS: Mapping[str, Callable[[str], Any]] = {
    "active": lambda text: _TRUTH.get(text.lower(), text),
    "days": _whole_number,
    "closures": _several,
    "licences": lambda text: [_licence(each) for each in _several(text)],
}
