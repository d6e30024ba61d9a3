"""Puts in place all that ships: reference data, people, sanctions lists, compliance's first rules."""

import json
import time
from collections.abc import Callable

import httpx

from backoffice_cli.platform import Platform, body_of, every_page
from backoffice_cli.reference_data.load import load_reference_data
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import repository_root

Say = Callable[[str], None]

_LISTS = {
    "ofac-sdn": (
        "2021-06-30",
        {
            "primary": "ofac_sdn.csv.gz",
            "addresses": "ofac_add.csv.gz",
            "aliases": "ofac_alt.csv.gz",
            "comments": "ofac_sdn_comments.csv.gz",
        },
    ),
    "ofac-consolidated": (
        "2025-12-01",
        {
            "primary": "ofac_cons_prim.csv.gz",
            "addresses": "ofac_cons_add.csv.gz",
            "aliases": "ofac_cons_alt.csv.gz",
            "comments": "ofac_cons_comments.csv.gz",
        },
    ),
    "un-consolidated": (None, {"document": "un_consolidated.xml.gz"}),
}
"""By kind: the list's date where its files do not state it, and its files."""

_SCREENING_SECONDS = 120
_DATA = repository_root() / "data"
_RULES = repository_root() / "services" / "compliance" / "defaults" / "rules.json"


def load_shipped(platform: Platform, say: Say) -> None:
    """Load all that ships; newer lists and rules in force stay. Raises StackError when anything is refused."""
    load_records(platform, say)
    load_sanctions(platform, say)
    set_rules(platform, say)


def load_records(platform: Platform, say: Say) -> None:
    """Load reference data and employees. Raises StackError when a row that ships is refused."""

    def progress(kind: str, done: int, rows: int) -> None:
        if done == rows:
            say(f"{kind}: {rows:,} loaded")

    with platform.client("trade-capture", "operations") as operations, platform.client("hr", "hr") as hr:
        for loaded in load_reference_data(operations, hr, _DATA, progress):
            if loaded.refused:
                raise StackError(
                    f"{loaded.kind}: {len(loaded.refused)} rows were refused", str(loaded.refused[0])
                )


def load_sanctions(platform: Platform, say: Say) -> None:
    """Load the sanctions lists that ship, and wait until every counterparty is screened against all of them."""
    with platform.client("compliance", "compliance-officer") as officer:
        for kind, (as_of, files) in _LISTS.items():
            parts = {name: (_DATA / "sanctions" / file).read_bytes() for name, file in files.items()}
            params = {"as_of": as_of} if as_of else {}
            response = officer.post(f"/sanctions-lists/{kind}", params=params, files=parts)
            if response.status_code == httpx.codes.CONFLICT:
                say(f"sanctions list {kind}: a newer one is loaded already")
                continue
            loaded = body_of(response)
            say(f"sanctions list {kind} as of {loaded['as_of']}: {loaded['entries']:,} entries")
    _wait_until_screened(platform, say)


def _wait_until_screened(platform: Platform, say: Say) -> None:
    with platform.client("trade-capture", "operations") as client:
        parties = sum(1 for _ in every_page(client, "/reference/counterparties"))
    deadline = time.monotonic() + _SCREENING_SECONDS
    while time.monotonic() < deadline:
        with platform.client("compliance", "auditor") as client:
            screened = sum(len(one["lists"]) == len(_LISTS) for one in every_page(client, "/screenings"))
        if screened >= parties:
            say(f"{parties} counterparties screened against {len(_LISTS)} lists")
            return
        time.sleep(0.5)
    raise StackError("Not every counterparty was screened.", "See: backoffice logs compliance")


def set_rules(platform: Platform, say: Say) -> None:
    """Put compliance's first rules in force, unless there are rules: one officer proposes, another approves."""
    with platform.client("compliance", "compliance-officer", 1) as maker:
        if body_of(maker.get("/rules", params={"limit": 1}))["items"]:
            say("compliance rules: there are some already, these stay")
            return
        proposed = body_of(maker.post("/rule-changes", json=json.loads(_RULES.read_text())))
    with platform.client("compliance", "compliance-officer", 2) as checker:
        approval = {"reason": "first rules, as shipped"}
        body_of(checker.post(f"/approvals/{proposed['approval_id']}/approve", json=approval))
    say("compliance rules: proposed by one officer, approved by another")
