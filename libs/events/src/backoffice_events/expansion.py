"""A record batch with its compression undone, within bounds: brokers limit what travels, not what that expands to."""

import gzip
import io
import mmap
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import cramjam
from aiokafka.codec import snappy_decode

MAX_EXPANDED_BYTES: Final = 67_108_864
"""What one batch may expand to: 64 times what a broker takes of it, several times what events can."""

# Kafka protocol, record batch of format 2: the codec is in the lower three bits of the attributes.
_HEADER: Final = 61
_MAGIC: Final = 16
_ATTRIBUTES: Final = 22
_CODEC: Final = 0b111

_TOO_LARGE: Final = f"it expands to more than {MAX_EXPANDED_BYTES} bytes"
_TROUBLE: Final = (cramjam.DecompressionError, OSError, EOFError, zlib.error, struct.error, IndexError)

# The system lends memory for what is touched alone; a bytearray would touch all of it, to fill it with zeros.
_room = mmap.mmap(-1, MAX_EXPANDED_BYTES)


class ExpansionError(Exception):
    """A batch expands to more than is unpacked, or cannot be unpacked at all. Its text says which, for a person."""


def expanded(batch: memoryview) -> bytes | memoryview:
    """Return a record batch whose records are not compressed: the same one, if its are not. Raises ExpansionError."""
    codec = batch[_ATTRIBUTES] & _CODEC
    if codec == 0 or batch[_MAGIC] < 2:
        return batch
    if codec not in _CODECS:
        raise ExpansionError(f"its compression, {codec}, is none that this release knows")
    try:
        records = _CODECS[codec](batch[_HEADER:])
    except _TROUBLE as error:
        raise ExpansionError(_said(error)) from None
    header = bytearray(batch[:_HEADER])
    header[_ATTRIBUTES] &= ~_CODEC
    return b"".join((header, records))


def _said(error: Exception) -> str:
    full = "whole buffer" in str(error)
    return _TOO_LARGE if full else f"its compression is broken: {error}"


def _into_room(codec: Any) -> Callable[[memoryview], memoryview]:
    """Return a function that expands into the room that there is, and fails when that is full."""

    def expand(data: memoryview) -> memoryview:
        return memoryview(_room)[: codec.decompress_into(data, _room)]

    return expand


def _gzip(data: memoryview) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return _within_bounds(file.read(MAX_EXPANDED_BYTES + 1))


def _within_bounds(found: bytes) -> bytes:
    if len(found) > MAX_EXPANDED_BYTES:
        raise ExpansionError(_TOO_LARGE)
    return found


def _snappy(data: memoryview) -> bytes:
    """Expand it as aiokafka does: nothing of this form can become more than 22 times as large."""
    return _within_bounds(snappy_decode(bytes(data)))


_CODECS: Final[Mapping[int, Callable[[memoryview], bytes | memoryview]]] = {
    1: _gzip,
    2: _snappy,
    3: _into_room(cramjam.lz4),
    4: _into_room(cramjam.zstd),
}
