"""Record headers in one column: msgpack, because header values are bytes and a name may repeat."""

import msgspec

from backoffice_events.records import Headers

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


def pack(headers: Headers) -> bytes:
    """Return the headers as bytes for a column."""
    return _pack([(name, value or b"") for name, value in headers])


def unpack(packed: bytes) -> Headers:
    """Return the headers that `pack` made bytes of."""
    return _unpack(packed)
