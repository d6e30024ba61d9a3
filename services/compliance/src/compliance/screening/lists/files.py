"""Uploaded files: unpacked within bounds, and read so that whoever sent a bad one learns where it is bad."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator

LARGEST = 64 * 1024 * 1024
"""Bytes of one file, unpacked. The largest real one (OFAC's advanced XML aside) has less than a sixth."""

_GZIP = b"\x1f\x8b"
_END_OF_FILE = "\x1a"


class UnreadableListError(Exception):
    """A file that is not what it should be. file: which; line: where, None when it is no matter of a line."""

    def __init__(self, file: str, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.file = file
        self.line = line


def unpacked(content: bytes, file: str) -> bytes:
    """Return the content, unzipped when it is gzip. Raises UnreadableListError; never unpacks more than LARGEST."""
    if not content.startswith(_GZIP):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as unzipped:
            plain = unzipped.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableListError(file, f"is not a whole gzip file: {error}") from error
    if len(plain) > LARGEST:
        raise UnreadableListError(file, f"unpacks to more than {LARGEST} bytes: send the list itself")
    return plain


def rows(content: bytes, file: str, fields: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, values) of a CSV without header. Raises UnreadableListError at the first bad line."""
    text = _decoded(content, file)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for values in reader:
            if not values or values == [_END_OF_FILE]:
                continue
            if len(values) != fields:
                reason = f"has {len(values)} fields where the format has {fields}"
                raise UnreadableListError(file, reason, reader.line_num)
            yield reader.line_num, values
    except csv.Error as error:
        raise UnreadableListError(file, f"is not CSV: {error}", reader.line_num) from error


def _decoded(content: bytes, file: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableListError(file, f"byte {error.start} is not UTF-8", line) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableListError(file, "contains a NUL character", line)
    return text
