"""Records loaded in bulk by the command, on a platform that has the shipped ones."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.platform import Stack, body_of

pytestmark = pytest.mark.e2e

INSTRUMENTS = """isin,mic,name,cfi,instrument_type,currency
US5949181045,XETR,Microsoft Corporation,ESVUFR,EQUITY,EUR
US5949181046,XETR,Wrong check digit,ESVUFR,EQUITY,EURO
US5949181045,XETR
"""
EMPLOYEE = (
    "employee_id,given_name,family_name,department,hired_on,licences\n{},Ada,Byron,Trading,2024-06-03,{}\n"
)


def load(platform: Stack, kind: str, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(
        app, ["load", kind, "--state", str(platform.folder), *arguments], input=stdin, catch_exceptions=False
    )


def loaded(platform: Stack, kind: str, stdin: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(load(platform, kind, "-", "--json", stdin=stdin).stdout)
    return found


def test_good_rows_are_taken_and_each_bad_one_is_named_with_every_reason(platform: Stack) -> None:
    result = load(platform, "instruments", "-", stdin=INSTRUMENTS)
    assert result.exit_code == Exit.FAILED
    refused = [line for line in result.stdout.splitlines() if line.startswith("line ")]
    assert [line.split(":")[0] for line in refused] == ["line 3", "line 4"]
    assert "isin" in refused[0]
    assert "currency" in refused[0]
    with platform.client("trade-capture", "operations") as client:
        assert body_of(client.get("/reference/instruments/US5949181045/XETR"))["currency"] == "EUR"


def test_a_second_load_changes_nothing(platform: Stack) -> None:
    person = EMPLOYEE.format("L00001", "EQUITY 2024-06-03;BOND 2024-06-03 2025-06-02")
    assert loaded(platform, "employees", person)["changed"] == 1
    again = loaded(platform, "employees", person)
    assert (again["changed"], again["unchanged"], again["refused"]) == (0, 1, [])


def test_what_the_second_load_of_a_person_contradicts_is_refused(platform: Stack) -> None:
    loaded(platform, "employees", EMPLOYEE.format("L00002", "EQUITY 2024-06-03"))
    (refused,) = loaded(platform, "employees", EMPLOYEE.format("L00002", "BOND 2024-06-03"))["refused"]
    assert refused["line"] == 2
    assert [error["field"] for error in refused["errors"]] == ["employee_id"]


def test_a_changed_settlement_instruction_waits_for_a_second_person(platform: Stack) -> None:
    with platform.client("trade-capture", "operations") as client:
        known = body_of(client.get("/reference/settlement-instructions", params={"limit": 1}))["items"][0]
    del known["version"]
    found = loaded(
        platform, "settlement-instructions", json.dumps({**known, "cash_account": "TEST-C-CHANGED"})
    )
    assert (found["changed"], found["proposed"]) == (0, 1)


def test_loading_what_ships_again_changes_nothing(platform: Stack) -> None:
    with platform.client("compliance", "auditor") as client:
        before = body_of(client.get("/rule-changes"))
    assert load(platform, "shipped").exit_code == Exit.OK
    with platform.client("compliance", "auditor") as client:
        assert body_of(client.get("/rule-changes")) == before
