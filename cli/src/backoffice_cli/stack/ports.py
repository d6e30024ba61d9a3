"""Free TCP ports on loopback."""

import socket
import sys
from collections.abc import Iterable
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def draw_ports(count: int) -> list[int]:
    """Return that many different free ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind((LOOPBACK, 0))
        return [int(listener.getsockname()[1]) for listener in sockets]


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def reserve_ports(ports: Iterable[int]) -> list[socket.socket]:
    """Keep ports for servers that start later or die now and then, as long as the sockets returned are open.

    Nobody else is given a reserved port, neither for a connection nor when asking for any free one. A server that
    allows a local address to be reused, as ours all do, can listen on it beside our socket, which does not listen.
    Linux alone has it so; elsewhere nothing is reserved.
    """
    return [_reserved(port) for port in ports] if sys.platform == "linux" else []


def _reserved(port: int) -> socket.socket:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((LOOPBACK, port))
    return holder
