"""The chaos run's hand on the network: asks the proxies' control port."""

import json
import socket
from dataclasses import asdict
from typing import Any

from backoffice_cli.chaos.proxy import GOOD, Condition
from backoffice_cli.stack.ports import LOOPBACK

_PATIENCE_SECONDS = 10


class Network:
    """The links of one stack, by the name of the server that each stands before."""

    def __init__(self, control_port: int) -> None:
        self._address = (LOOPBACK, control_port)

    def impose(self, condition: Condition, *names: str) -> None:
        """Put links into a condition; it holds when this returns."""
        for name in names:
            self._ask({"impose": asdict(condition), "on": name})

    def mend(self, *names: str) -> None:
        """Let links be good again: those named, or all."""
        self.impose(GOOD, *(names or self.seen()))

    def cut(self, name: str) -> int:
        """Reset every connection of a link, on both sides; return how many there were."""
        connections: int = self._ask({"cut": name})
        return connections

    def lose(self, name: str) -> int:
        """End every connection of a link for the server alone; its client is never told. Return how many."""
        connections: int = self._ask({"lose": name})
        return connections

    def seen(self) -> dict[str, dict[str, Any]]:
        """Return each link's condition, with `connections` and `passed`, the bytes that came through so far."""
        links: dict[str, dict[str, Any]] = self._ask({})
        return links

    def _ask(self, order: dict[str, Any]) -> Any:
        with socket.create_connection(self._address, _PATIENCE_SECONDS) as connection:
            connection.sendall(json.dumps(order).encode() + b"\n")
            with connection.makefile() as answers:
                return json.loads(answers.readline())
