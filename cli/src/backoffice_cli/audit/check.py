"""Checks one service's audit log, by nothing but what its API answers an auditor."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

import httpx

from backoffice_chassis.audit import verification
from backoffice_chassis.audit.verification import Finding, Kind
from backoffice_cli.audit.memory import Seen
from backoffice_cli.platform import body_of, every_page

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a service's log came to. unsealed: entries that have no place in the tree yet."""

    service: str
    tree_size: int
    unsealed: int
    findings: tuple[Finding, ...]
    seen: Seen


def check(client: httpx.Client, service: str, before: Seen, trusted: Set[str]) -> Checked:
    """Read the whole log and say what does not hold. before: what was seen of it last time."""
    head = newest_head(client)
    leaves = list(every_page(client, "/audit/leaves"))
    later = newest_head(client)  # entries may be sealed while we read
    unsealed = list(every_page(client, "/audit/entries", sealed="false"))
    size = 0 if head is None else head["tree_size"]
    findings = [*_slipped_in(leaves, later), *verification.check_unsealed(unsealed, head, trusted)]
    if head is not None:
        findings += verification.check_head(head, trusted)
        within = [leaf for leaf in leaves if leaf["leaf_index"] < size]
        findings += verification.check_leaves(within, head, trusted)
    findings += _continued(client, before, head)
    return Checked(service, size, len(unsealed), tuple(findings), Seen(tuple(sorted(trusted)), head))


def newest_head(client: httpx.Client) -> dict[str, Any] | None:
    """Return the newest signed tree head, None before the first entry was sealed."""
    response = client.get("/audit/head")
    head: dict[str, Any] | None = None if response.status_code == _NOT_FOUND else body_of(response)
    return head


def _slipped_in(leaves: list[dict[str, Any]], head: dict[str, Any] | None) -> list[Finding]:
    size = 0 if head is None else head["tree_size"]
    detail = "it stands behind the end of the tree that was signed"
    return [
        Finding(Kind.INSERTED, detail, leaf["entry_id"], leaf["leaf_index"])
        for leaf in leaves
        if leaf["leaf_index"] >= size
    ]


def _continued(client: httpx.Client, before: Seen, head: dict[str, Any] | None) -> list[Finding]:
    if before.head is None:
        return []
    if gone := verification.shrunk(before.head, head):
        return gone
    sizes = {"first": before.head["tree_size"], "second": None if head is None else head["tree_size"]}
    return verification.check_growth(before.head, body_of(client.get("/audit/consistency", params=sizes)))
