"""Dashboards and alerts ask for what there is, every alert says what to do, and what is generated is up to date."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability import external, promql
from observability.__main__ import stale
from observability.dashboards import DASHBOARDS
from observability.dashboards.render import SERVICES
from observability.registry import SCRAPED, Series, declared, series

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
KNOWN = {**series(), **external.series()}


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def recorded() -> dict[str, Series]:
    """Return what the recording rules make, with the label that each keeps."""
    kept = {"late": "messaging_consumer_group_name", "api_errors": "job"}
    return {
        name: Series(name, frozenset({kept[name.split(":")[1]]}))
        for rule in rules()
        if (name := rule.get("record"))
    }


def test_metrics_page_and_dashboards_are_generated_from_the_declarations() -> None:
    assert stale() == [], "make telemetry"


def test_no_metric_is_declared_twice_and_each_says_what_it_means() -> None:
    names = Counter(metric.exposed_name for metric in declared())
    assert [name for name, times in names.items() if times > 1] == []
    assert [metric.name for metric in declared() if not metric.meaning.endswith(".")] == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_every_query_of_a_dashboard_asks_for_metrics_and_labels_that_there_are(dashboard: Any) -> None:
    committed = json.loads((GRAFANA / "dashboards" / f"{dashboard.uid}.json").read_text())
    asked = [
        target["expr"].replace("$service", SERVICES[0])
        for panel in committed["panels"]
        for target in panel.get("targets", ())
    ]
    assert len(asked) == sum(len(panel.queries) for panel in dashboard.panels) > 0
    assert {expr: found for expr in asked if (found := promql.problems(expr, KNOWN))} == {}


@pytest.mark.parametrize("rule", list(rules()), ids=lambda each: each.get("alert") or each["record"])
def test_every_rule_asks_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    assert promql.problems(rule["expr"], {**KNOWN, **recorded()}) == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sum(", "unclosed left parenthesis"),
        ("backoffice_no_such_thing", "there is no metric backoffice_no_such_thing"),
        ('pg_up{book="A"}', "pg_up has no label book"),
        ("sum by (le) (rate(pg_up[5m]))", "pg_up has no label le"),
    ],
)
def test_a_query_that_asks_for_something_else_is_found(expression: str, problem: str) -> None:
    [found] = promql.problems(expression, KNOWN)
    assert problem in found


@pytest.mark.parametrize("alert", alerts(), ids=lambda each: each["alert"])
def test_every_alert_names_a_runbook_that_exists_and_says_whom_to_call(alert: dict[str, Any]) -> None:
    runbook = Path(alert["annotations"]["runbook"])
    assert runbook.parent == Path("docs/runbooks")
    assert (ROOT / runbook).is_file()
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]


def test_every_alert_is_seen_to_fire_and_to_stay_quiet_by_a_test() -> None:
    fires, quiet = Counter[str](), Counter[str]()
    for path in (PROMETHEUS / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for each in test["alert_rule_test"]:
                (fires if each.get("exp_alerts") else quiet)[each["alertname"]] += 1
    names = {alert["alert"] for alert in alerts()}
    assert names - fires.keys() == set()
    assert names - quiet.keys() == set()


def test_prometheus_scrapes_every_service_under_the_name_that_dashboards_use() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    jobs = {each["job_name"]: each["static_configs"][0]["targets"] for each in config["scrape_configs"]}
    assert {name: [f"{name}:8000"] for name in SERVICES}.items() <= jobs.items()
    assert {"job", "instance"} == SCRAPED


def test_grafana_finds_dashboards_and_the_data_source_that_they_name() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    named = {
        panel["datasource"]["uid"]
        for path in (GRAFANA / "dashboards").glob("*.json")
        for panel in json.loads(path.read_text())["panels"]
        if panel.get("datasource")
    }
    assert named == {each["uid"] for each in source["datasources"]}
