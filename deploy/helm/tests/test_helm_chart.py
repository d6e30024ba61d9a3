"""The chart, rendered by Helm itself, is what Kubernetes takes, what policies want, and what the platform declares.

`tools/chart` installs what this needs and runs it; `make test` does not.
"""

import copy
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from backoffice_chassis import ServiceSettings
from backoffice_cli.provisioning.access import load
from backoffice_cli.stack.catalogue import SERVICES

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
HELM = ROOT / "deploy/helm"
PYTHON = ROOT / ".backoffice/chart/bin/python"
NAMES = [service.name for service in SERVICES]
ACCESS = load()
CASES = ("servers-here", "everything")
# Policies of Checkov that the chart leaves to others, and why.
SKIPPED = {
    "CKV_K8S_15": "an image is pinned by version or digest, so it need not be pulled at each start",
    "CKV_K8S_21": "the namespace is the release's, which Helm gives and no template names",
}

Document = dict[str, Any]


def values(case: str) -> Document:
    found: Document = yaml.safe_load((HELM / f"backoffice/ci/{case}.yaml").read_text())
    return found


def helm(given: Document, *, upgrade: bool = True) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, ROOT / "tools/chart_render.py", HELM / "backoffice"]
    asked = json.dumps({"values": given, "upgrade": upgrade})
    return subprocess.run(command, input=asked, capture_output=True, text=True, check=False)


def render(given: Document, *, upgrade: bool = True) -> Document:
    done = helm(given, upgrade=upgrade)
    assert done.returncode == 0, done.stderr
    found: Document = json.loads(done.stdout)
    return found


@cache
def rendered(case: str) -> list[Document]:
    documents: list[Document] = render(values(case))["documents"]
    return documents


def problems(documents: list[Document]) -> list[str]:
    command = [PYTHON, ROOT / "tools/chart_validate.py", HELM / "schemas"]
    done = subprocess.run(command, input=json.dumps(documents), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def failed_policies(documents: list[Document], folder: Path) -> set[tuple[str, str]]:
    (folder / "rendered.yaml").write_text(yaml.safe_dump_all(documents))
    options = ["--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "--output", "json"]
    command = [
        PYTHON.with_name("checkov"),
        "--directory",
        folder,
        *options,
        "--skip-check",
        ",".join(SKIPPED),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["passed"], done.stderr
    return {(each["check_id"], each["resource"]) for each in report["results"]["failed_checks"]}


def of_kind(documents: list[Document], kind: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == kind}


def pod(document: Document) -> Document:
    template: Document = document["spec"]["template"]
    return template


def pods(documents: list[Document]) -> dict[str, Document]:
    """Return the pod template of every process of ours, by name."""
    return {
        name: pod(each) for kind in ("Deployment", "Job") for name, each in of_kind(documents, kind).items()
    }


def files(template: Document) -> dict[str, str]:
    """Return what a pod finds in its secrets' folder: file -> secret/key."""
    (volume,) = [each for each in template["spec"]["volumes"] if each["name"] == "secrets"]
    sources = [source["secret"] for source in volume["projected"]["sources"]]
    return {item["path"]: f"{each['name']}/{item['key']}" for each in sources for item in each["items"]}


def selects(selector: Document, labels: dict[str, str]) -> bool:
    expressions = selector.get("matchExpressions", [])
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"] for each in expressions
    )


@pytest.mark.parametrize("case", CASES)
def test_kubernetes_and_the_operators_take_all_of_it(case: str) -> None:
    assert problems(rendered(case)) == []


def test_a_first_installation_renders_too_and_so_do_the_servers_alone() -> None:
    assert problems(render(values("servers-here"), upgrade=False)["documents"]) == []
    servers = {**values("everything"), "platform": {"enabled": False}}
    documents = render(servers, upgrade=False)["documents"]
    assert problems(documents) == []
    assert not pods(documents)


def test_the_values_that_the_operators_guide_shows_make_a_platform() -> None:
    guide = (ROOT / "docs/operators.md").read_text()
    (shown,) = re.findall(r"```yaml\n(image: .*?)```", guide, re.DOTALL)
    documents = render(yaml.safe_load(shown))["documents"]
    assert problems(documents) == []
    assert len(of_kind(documents, "Deployment")) == 2 * len(SERVICES)
    wanted = {entry.split("/")[0] for each in pods(documents).values() for entry in files(each).values()}
    made_by_hand = {f"backoffice-{name}-{role}" for name in NAMES for role in ("database", "owner", "keys")}
    made_by_hand.add("backoffice-events")
    assert wanted - made_by_hand == {"backoffice-cluster-ca-cert", "backoffice-postgres-ca", *NAMES}


def test_a_value_that_is_wrong_or_unknown_is_refused() -> None:
    for wrong, said in (
        ({"image": {"repository": "backoffice", "tag": "latest"}}, "/image/tag"),
        ({"defaults": {"api": {"minReplicas": "two"}}}, "/defaults/api/minReplicas"),
        ({"defaults": {"api": {"minReplica": 2}}}, "minReplica"),
        ({"services": {"payroll": {}}}, "payroll"),
        ({"settings": {"DATABASE_URL": "postgresql://u:p@h/d"}}, "DATABASE_URL"),
        ({"settings": {}}, "ISSUER_URL"),
        ({"kafka": {"bootstrapServers": ""}}, "bootstrapServers"),
        ({"postgres": {"cloudnativepg": {"instances": 1}}}, "/postgres/cloudnativepg/instances"),
    ):
        done = helm({**values("servers-here"), **wrong})
        assert done.returncode == 1, wrong
        assert said in done.stderr, done.stderr


def test_servers_come_before_the_platform_that_is_migrated_on_them() -> None:
    done = helm(values("everything"), upgrade=False)
    assert done.returncode == 1
    assert "Servers come first" in done.stderr


def test_a_field_that_kubernetes_or_an_operator_does_not_know_is_found() -> None:
    broken = render({**values("servers-here"), "tolerations": [{"kee": "backoffice"}]})["documents"]
    found = problems(broken)
    assert len(found) == 3 * len(SERVICES)  # APIs, workers and migrations
    assert all("kee" in problem for problem in found)
    given = values("everything")
    given["postgres"]["cloudnativepg"]["plugins"] = [{"name": "backups", "archiver": True}]
    (problem,) = problems(render(given)["documents"])
    assert "Cluster backoffice-postgres" in problem
    assert "archiver" in problem
    (problem,) = problems([{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}}])
    assert "no schema" in problem


def test_policies_find_nothing_and_would_find_something(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder in (good, bad):
        folder.mkdir()
    documents = rendered("everything")
    assert failed_policies(documents, good) == set()
    deployment = copy.deepcopy(of_kind(documents, "Deployment")["backoffice-ledger-api"])
    container = pod(deployment)["spec"]["containers"][0]
    container["securityContext"]["privileged"] = True
    container["image"] = "backoffice:latest"
    del container["resources"]
    found = {check for check, _ in failed_policies([deployment], bad)}
    assert {"CKV_K8S_16", "CKV_K8S_14", "CKV_K8S_13"} <= found


@pytest.mark.parametrize("case", CASES)
def test_every_service_runs_as_an_api_and_a_worker_after_its_migration(case: str) -> None:
    deployments, jobs = of_kind(rendered(case), "Deployment"), of_kind(rendered(case), "Job")
    expected = {f"backoffice-{name}-{part}" for name in NAMES for part in ("api", "worker")}
    assert deployments.keys() == expected
    assert jobs.keys() - {"backoffice-provision"} == {f"backoffice-{name}-migrate" for name in NAMES}
    for service in SERVICES:
        for part, workload in (
            ("api", deployments[f"backoffice-{service.name}-api"]),
            ("worker", deployments[f"backoffice-{service.name}-worker"]),
            ("migrate", jobs[f"backoffice-{service.name}-migrate"]),
        ):
            (container,) = pod(workload)["spec"]["containers"]
            assert container["command"] == ["python", "-m", service.module, part]
            role = "owner" if part == "migrate" else "database"
            secret = f"backoffice-{service.name}-{role}/url"
            assert files(pod(workload))["backoffice_database_url"] == secret
            for setting, key in (("audit_key", "audit"), ("field_keys", "fields")):
                given = files(pod(workload)).get(f"backoffice_{setting}")  # the tables' owner must not
                assert given == (None if part == "migrate" else f"backoffice-{service.name}-keys/{key}")
            shares = service.shares_event_keys and part != "migrate"
            shared = files(pod(workload)).get("backoffice_event_keys")
            assert shared == ("backoffice-events/keys" if shares else None)
    for job in jobs.values():
        annotations = job["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
    weights = {name: int(job["metadata"]["annotations"]["helm.sh/hook-weight"]) for name, job in jobs.items()}
    assert min(weights, key=weights.__getitem__) == "backoffice-provision" or case == "servers-here"


def test_helm_is_told_to_wait_for_as_long_as_a_migration_may_take() -> None:
    longest = max(
        job["spec"]["activeDeadlineSeconds"] for job in of_kind(rendered("everything"), "Job").values()
    )
    told = re.findall(r"^helm upgrade .*$", (ROOT / "docs/operators.md").read_text(), re.MULTILINE)
    assert told
    for command in told:
        (minutes,) = re.findall(r" --timeout (\d+)m\b", command)
        assert int(minutes) * 60 > longest, command


@pytest.mark.parametrize("case", CASES)
def test_our_pods_may_do_nothing_but_run(case: str) -> None:
    assert pods(rendered(case))
    for template in pods(rendered(case)).values():
        spec = template["spec"]
        (container,) = spec["containers"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} == container["resources"]["limits"].keys()
        assert not container["image"].endswith(("latest", "backoffice"))


def test_only_provisioning_reads_a_secret_from_its_environment() -> None:
    with_secret = {
        name
        for name, template in pods(rendered("everything")).items()
        for entry in template["spec"]["containers"][0]["env"]
        if "valueFrom" in entry
    }
    assert with_secret == {"backoffice-provision"}


@pytest.mark.parametrize("case", CASES)
def test_an_upgrade_takes_no_pod_away_before_the_next_stands(case: str) -> None:
    for deployment in of_kind(rendered(case), "Deployment").values():
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        (container,) = pod(deployment)["spec"]["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        budgets = of_kind(rendered(case), "PodDisruptionBudget").values()
        labels = pod(deployment)["metadata"]["labels"]
        (budget,) = [each for each in budgets if selects(each["spec"]["selector"], labels)]
        assert budget["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("seconds", [None, 60])
def test_a_pod_is_given_the_time_that_it_may_take_to_stop(seconds: int | None) -> None:
    given = values("servers-here")
    if seconds is not None:
        given["services"] = {"ledger": {"settings": {"SHUTDOWN_TIMEOUT_SECONDS": seconds}}}
    default = ServiceSettings.model_fields["shutdown_timeout_seconds"].default
    consumers_and_relay, kafka, database, spans = 2 * (seconds or default), 10, 5, 5
    deployments = of_kind(render(given)["documents"], "Deployment")
    for part in ("api", "worker"):
        grace = pod(deployments[f"backoffice-ledger-{part}"])["spec"]["terminationGracePeriodSeconds"]
        assert grace >= consumers_and_relay + kafka + database + spans
    assert pod(deployments["backoffice-hr-api"])["spec"]["terminationGracePeriodSeconds"] == 45


def test_what_holds_data_outlives_the_release_and_a_value_that_is_switched_off() -> None:
    documents = rendered("everything")
    for kind in ("Cluster", "Kafka", "KafkaNodePool", "KafkaTopic"):
        assert of_kind(documents, kind)
        for name, each in of_kind(documents, kind).items():
            assert each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep", name


def test_the_database_takes_every_connection_that_pods_may_hold() -> None:
    given = values("everything")
    assert helm(given).returncode == 0
    given["services"]["ledger"]["api"]["maxReplicas"] = 30
    refused = helm(given)
    assert refused.returncode == 1
    assert "max_connections" in refused.stderr
    given["postgres"]["cloudnativepg"]["parameters"] = {"max_connections": "1000"}
    assert helm(given).returncode == 0
    smaller = values("everything") | {"settings": {**given["settings"], "DATABASE_POOL_SIZE": 40}}
    assert "max_connections" in helm(smaller).stderr


def test_apis_scale_by_cpu_and_workers_by_the_lag_of_their_own_groups() -> None:
    documents = rendered("everything")
    assert of_kind(documents, "HorizontalPodAutoscaler").keys() == {
        f"backoffice-{name}-api" for name in NAMES
    }
    scaled = {
        name: {(t["metadata"]["consumerGroup"], t["metadata"]["topic"]) for t in each["spec"]["triggers"]}
        for name, each in of_kind(documents, "ScaledObject").items()
    }
    assert scaled == {
        f"backoffice-{user.name}-worker": {
            (g, topic) for g, topics in user.consumers.items() for topic in topics
        }
        for user in ACCESS.users
        if user.consumers
    }
    targets = {
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in of_kind(documents, kind).values()
    }
    counted = {name for name, each in of_kind(documents, "Deployment").items() if "replicas" in each["spec"]}
    assert counted == of_kind(documents, "Deployment").keys() - targets == {"backoffice-hr-worker"}


def test_workers_scale_by_lag_where_brokers_encrypt_and_nobody_signs_in() -> None:
    given = values("servers-here")
    given["kafka"] |= {"securityProtocol": "SSL", "caSecret": {"name": "brokers-ca"}}
    documents = render(given)["documents"]
    (asks,) = of_kind(documents, "TriggerAuthentication").values()
    assert {each["parameter"] for each in asks["spec"]["secretTargetRef"]} == {"tls", "ca"}
    assert of_kind(documents, "Secret")["backoffice-keda-kafka"]["stringData"] == {"tls": "enable"}
    for each in of_kind(documents, "ScaledObject").values():
        named = {trigger["authenticationRef"]["name"] for trigger in each["spec"]["triggers"]}
        assert named == {asks["metadata"]["name"]}


def test_prometheus_knows_services_by_the_names_that_rules_and_dashboards_use() -> None:
    documents = rendered("everything")
    monitors = of_kind(documents, "ServiceMonitor").values()
    services = of_kind(documents, "Service").values()
    jobs = {
        service["metadata"]["labels"].get(monitor["spec"].get("jobLabel"), service["metadata"]["name"])
        for monitor in monitors
        for service in services
        if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
    }
    assert jobs == set(NAMES)
    judged_by = of_kind(documents, "PrometheusRule")
    rules = {
        path.stem: yaml.safe_load(path.read_text())
        for path in (ROOT / "deploy/prometheus/rules").glob("*.yml")
    }
    assert {name.removeprefix("backoffice-"): each["spec"] for name, each in judged_by.items()} == rules
    assert {each["metadata"]["labels"]["release"] for each in judged_by.values()} == {"prometheus"}


def test_strimzi_gets_the_topics_that_are_declared() -> None:
    topics = of_kind(rendered("everything"), "KafkaTopic")
    assert {name: (each["spec"]["partitions"], each["spec"]["config"]) for name, each in topics.items()} == {
        topic.name: (topic.partitions, {**topic.config, "min.insync.replicas": 2}) for topic in ACCESS.topics
    }


def test_strimzi_gets_the_users_and_rights_that_are_declared() -> None:
    allowed = [
        (
            name,
            rule["resource"]["type"].upper(),
            rule["resource"]["name"],
            operation.upper(),
            rule["resource"]["patternType"].upper(),
        )
        for name, user in of_kind(rendered("everything"), "KafkaUser").items()
        for rule in user["spec"]["authorization"]["acls"]
        for operation in rule["operations"]
    ]
    declared = [(b.user, b.resource, b.name, b.operation, b.pattern) for b in ACCESS.bindings()]
    assert sorted(allowed) == sorted(declared)


def test_every_process_signs_in_to_kafka_as_its_service() -> None:
    for name, deployment in of_kind(rendered("everything"), "Deployment").items():
        (container,) = pod(deployment)["spec"]["containers"]
        service = deployment["metadata"]["labels"]["app.kubernetes.io/name"]
        told = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert told["BACKOFFICE_KAFKA_USER"] == service, name
        assert files(pod(deployment))["backoffice_kafka_password"] == f"{service}/password"
        assert told["BACKOFFICE_KAFKA_CA_FILE"].removeprefix(f"{told['BACKOFFICE_SECRETS_DIR']}/") in files(
            pod(deployment)
        )


@pytest.mark.parametrize("case", CASES)
def test_a_service_knows_every_setting_that_it_is_given(case: str) -> None:
    known = {f"BACKOFFICE_{name.upper()}" for name in ServiceSettings.model_fields} | {
        "BACKOFFICE_SECRETS_DIR",
        "PGSSLROOTCERT",
    }
    own = {"trade-capture": {"BACKOFFICE_MAX_TRADE_AGE_DAYS", "BACKOFFICE_MAX_SETTLEMENT_LAG_DAYS"}}
    for name, deployment in of_kind(rendered(case), "Deployment").items():
        service = deployment["metadata"]["labels"]["app.kubernetes.io/name"]
        (container,) = pod(deployment)["spec"]["containers"]
        told = {entry["name"] for entry in container["env"]}
        assert told <= known | own.get(service, set()), name
        of_files = {path.upper() for path in files(pod(deployment)) if path.startswith("backoffice_")}
        assert of_files <= known, name


def test_settings_are_written_as_they_are_given_and_a_service_has_the_last_word() -> None:
    given = {**values("servers-here"), "services": {"ledger": {"settings": {"LOG_FORMAT": "console"}}}}
    given["settings"] |= {"MAX_BODY_BYTES": 33554432, "TRACE_SAMPLE_RATIO": 0.05}
    deployments = of_kind(render(given)["documents"], "Deployment")
    told = {
        name: {entry["name"]: entry["value"] for entry in pod(each)["spec"]["containers"][0]["env"]}
        for name, each in deployments.items()
    }
    ledger, hr = told["backoffice-ledger-worker"], told["backoffice-hr-worker"]
    assert (ledger["BACKOFFICE_LOG_FORMAT"], hr["BACKOFFICE_LOG_FORMAT"]) == ("console", "json")
    assert (hr["BACKOFFICE_MAX_BODY_BYTES"], hr["BACKOFFICE_TRACE_SAMPLE_RATIO"]) == ("33554432", "0.05")


def test_every_setting_that_is_secret_comes_from_a_file() -> None:
    named = values("servers-here") | {"secrets": {"settings": {"SIGNING_KEY": "signing"}}}
    for name, each in of_kind(render(named)["documents"], "Deployment").items():
        service = each["metadata"]["labels"]["app.kubernetes.io/name"]
        assert files(pod(each))["backoffice_signing_key"] == f"backoffice-{service}-keys/signing", name
    secret = {
        f"backoffice_{name}"
        for name, field in ServiceSettings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    shared = {"backoffice_event_keys"}  # by two services alone
    for each in of_kind(rendered("everything"), "Deployment").values():
        assert secret - shared <= files(pod(each)).keys(), "name it in secrets.settings of values.yaml"


def test_while_an_older_settlement_may_run_settlement_alone_is_given_the_keys_of_events() -> None:
    given = values("servers-here") | {"secrets": {"events": {"services": ["settlement"]}}}
    deployments = of_kind(render(given)["documents"], "Deployment")
    told = {name for name, each in deployments.items() if "backoffice_event_keys" in files(pod(each))}
    assert told == {"backoffice-settlement-api", "backoffice-settlement-worker"}


def test_connections_to_the_database_check_its_certificate() -> None:
    documents = rendered("everything")
    for name, template in pods(documents).items():
        told = {entry["name"]: entry.get("value", "") for entry in template["spec"]["containers"][0]["env"]}
        assert told["PGSSLROOTCERT"] == "/run/secrets/backoffice/postgres-ca.crt", name
        assert files(template)["postgres-ca.crt"] == "backoffice-postgres-ca/ca.crt", name
        assert told.get("BACKOFFICE_ADMIN_DATABASE_URL", "?sslmode=verify-full").endswith(
            "?sslmode=verify-full"
        )
    urls = [
        each["spec"]["target"]["template"]["data"]["url"]
        for each in of_kind(documents, "ExternalSecret").values()
        if "template" in each["spec"]["target"]
    ]
    assert len(urls) == 2 * len(SERVICES)
    assert all(url.endswith("?sslmode=verify-full") for url in urls)


def test_the_external_store_fills_every_secret_that_is_read() -> None:
    documents = rendered("everything")
    made = set(of_kind(documents, "ExternalSecret")) | set(of_kind(documents, "KafkaUser"))
    read = {
        entry.split("/")[0] for template in pods(documents).values() for entry in files(template).values()
    }
    assert read - made == {"backoffice-cluster-ca-cert", "backoffice-postgres-ca"}  # the operators' own
    hooks = {
        name
        for name, each in of_kind(documents, "ExternalSecret").items()
        if each["metadata"].get("annotations", {}).get("helm.sh/hook-weight") == "-20"
    }
    assert hooks == {f"backoffice-{name}-{role}" for name in NAMES for role in ("database", "owner")}


def arrows(documents: list[Document], direction: str) -> dict[str, list[tuple[list[Document], set[Any]]]]:
    """Return for each of our pods where it may speak to, or be spoken to from: peers and ports."""
    policies = of_kind(documents, "NetworkPolicy").values()
    others, rules = ("to", "egress") if direction == "Egress" else ("from", "ingress")
    return {
        name: [
            (rule[others], {port["port"] for port in rule["ports"]})
            for policy in policies
            if selects(policy["spec"]["podSelector"], template["metadata"]["labels"])
            for rule in policy["spec"].get(rules, [])
        ]
        for name, template in pods(documents).items()
    }


@pytest.mark.parametrize("case", CASES)
def test_everything_is_denied_to_every_pod_but_what_is_drawn(case: str) -> None:
    documents = rendered(case)
    deny = of_kind(documents, "NetworkPolicy")["backoffice-default-deny"]["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & deny.keys()
    out, into = arrows(documents, "Egress"), arrows(documents, "Ingress")
    dns, database, kafka, issuer, collector, http = 53, 5432, 9093, 443, 4318, "http"
    traced = {collector} if case == "everything" else set()
    for name, template in pods(documents).items():
        assert selects(deny["podSelector"], template["metadata"]["labels"]), name
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        ports = {port for _, each in out[name] for port in each}
        drawn = {
            "api": {dns, database, kafka, issuer, *traced},
            "worker": {dns, database, kafka, *traced},
            "job": {dns, database},
        }
        assert ports == drawn[component], name
        assert {port for _, each in into[name] for port in each} == ({http} if component != "job" else set())
        assert len(into[name]) == {"api": 2, "worker": 1, "job": 0}[component], name  # clients and Prometheus


@pytest.mark.parametrize("case", CASES)
def test_no_process_of_ours_may_call_another(case: str) -> None:
    documents = rendered(case)
    labels = [template["metadata"]["labels"] for template in pods(documents).values()]
    for direction in ("Egress", "Ingress"):
        for name, rules in arrows(documents, direction).items():
            for peer in (peer for peers, _ in rules for peer in peers):
                inside = "podSelector" in peer and "namespaceSelector" not in peer
                assert not (inside and any(selects(peer["podSelector"], each) for each in labels)), name


def test_the_notes_say_what_is_missing() -> None:
    given = values("servers-here")
    given["settings"] |= {"OTLP_ENDPOINT": "http://collector:4318"}
    for name in ("clients", "issuer", "kafka", "postgres"):
        del given["networkPolicy"][name]
    notes = render(given)["notes"]
    for name in ("clients", "issuer.peers", "kafka.peers", "postgres.peers", "collector.peers"):
        assert f"networkPolicy.{name}" in notes
    given["networkPolicy"] = {"enabled": False}
    for complete in (given, values("servers-here"), values("everything")):
        assert "networkPolicy." not in render(complete)["notes"]
