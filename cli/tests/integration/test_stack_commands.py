"""The commands against a running stack: what they print, and how they end."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner, Result

from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.platform import Stack
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.control import bring_up
from backoffice_cli.stack.ports import LOOPBACK

pytestmark = pytest.mark.integration

BUST: dict[str, Any] = {
    "type": "backoffice.frontoffice.trade-busted.v1",
    "id": "01900000-0000-7000-8000-000000000001",
    "data": {"source_system": "eq", "trade_reference": "T1", "version": 2, "reason": "never was"},
}


@pytest.fixture(scope="module")
def up(stack_folder: Path) -> Path:
    bring_up(stack_folder, lambda _: None, servers_only=True)
    return stack_folder


@pytest.fixture(scope="module")
def elsewhere(up: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that describes the stack as if it ran elsewhere."""
    stack, folder = Stack.running(up), tmp_path_factory.mktemp("elsewhere")
    description = {
        "services": dict(stack.urls),
        "token_url": stack.token_url,
        "clients": dict(stack.secrets),
        "kafka": {"bootstrap_servers": stack.bootstrap_servers},
    }
    (folder / "platform.json").write_text(json.dumps(description))
    return folder


@pytest.fixture
def deaf_issuer() -> Iterator[str]:
    """Return where somebody gives tokens without listening to what was asked for."""

    class Issuer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"access_token": "T", "token_type": "Bearer", "expires_in": 900}')

    with HTTPServer(("127.0.0.1", 0), Issuer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/token"
        server.shutdown()
        thread.join()


def call(folder: Path, *arguments: str, stdin: str = "") -> Result:
    depth = 1 + (arguments[0] in ("events", "day")) + (arguments[1:2] in (("dlq",), ("parked",)))
    words, rest = arguments[:depth], arguments[depth:]
    return CliRunner().invoke(app, [*words, "--state", str(folder), *rest], input=stdin)


def test_status_of_a_running_stack_names_every_address(up: Path) -> None:
    result = call(up, "status", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == Exit.OK
    stack = Stack.running(up)
    addresses = {name: part["url"] for name, part in found["components"].items()}
    assert addresses["postgres"] == f"{LOOPBACK}:{stack.plan.ports['postgres']}"
    assert addresses["kafka"] == found["bootstrap_servers"] == stack.bootstrap_servers
    assert addresses["issuer"] == found["issuer_url"]
    assert httpx.get(f"{addresses['issuer']}/jwks.json", trust_env=False).status_code == 200


def test_status_of_a_folder_where_nothing_runs_ends_with_3(tmp_path: Path) -> None:
    assert call(tmp_path, "status").exit_code == Exit.NOT_RUNNING


@pytest.mark.parametrize("words", [("day", "show"), ("events", "dlq", "list"), ("token", "--role", "sre")])
def test_a_command_that_needs_the_stack_says_how_to_start_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = call(tmp_path, *words)
    assert result.exit_code == Exit.FAILED
    assert "backoffice up" in result.stderr


def test_a_token_carries_the_role_and_the_person(up: Path) -> None:
    result = call(up, "token", "--role", "compliance-officer", "--person", "2", "--json")
    assert result.exit_code == Exit.OK
    answer = json.loads(result.stdout)
    assert answer["token_type"] == "Bearer"
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["sub"] == "compliance-officer-2"
    assert claims["roles"] == ["compliance-officer"]


def test_a_token_is_limited_to_entities_and_books(up: Path) -> None:
    limits = ("--entity", "TESTBACKOFFICE000063", "--book", "EQ-US-1", "--book", "EQ-US-2")
    result = call(up, "token", "--role", "operations", *limits, "--json")
    answer = json.loads(result.stdout)
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["entities"] == ["TESTBACKOFFICE000063"]
    assert claims["books"] == ["EQ-US-1", "EQ-US-2"]
    whole = json.loads(call(up, "token", "--role", "operations", "--json").stdout)["access_token"]
    assert not {"entities", "books"} & jwt.decode(whole, options={"verify_signature": False}).keys()


def test_an_issuer_that_does_not_limit_a_token_when_asked_to_is_not_taken_at_its_word(
    elsewhere: Path, deaf_issuer: str, tmp_path: Path
) -> None:
    description = json.loads((elsewhere / "platform.json").read_text())
    (tmp_path / "platform.json").write_text(json.dumps({**description, "token_url": deaf_issuer}))
    assert call(tmp_path, "token", "--role", "sre").stdout == "T\n"
    result = call(tmp_path, "token", "--role", "sre", "--book", "EQ-US-1")
    assert (result.exit_code, result.stdout) == (Exit.FAILED, "")
    assert "not limited as asked" in result.stderr


def test_an_unknown_role_is_refused_with_those_that_exist(up: Path) -> None:
    result = call(up, "token", "--role", "boss")
    assert result.exit_code == Exit.FAILED
    assert "finance" in result.stderr


def test_a_client_fetches_one_token_for_many_requests(up: Path) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        token = {"access_token": "T", "token_type": "Bearer", "expires_in": 900}
        return httpx.Response(200, json=token if request.url.path == "/token" else {})

    auth = Stack.running(up).auth("sre")
    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth, base_url="http://service") as client:
        client.get("/a")
        client.get("/b")
    assert asked == ["/token", "/a", "/b"]


def test_good_lines_are_published_and_bad_ones_named(up: Path) -> None:
    lines = [json.dumps(BUST), json.dumps({**BUST, "data": {**BUST["data"], "version": "x"}}), "no json"]
    result = call(up, "publish", "-", "--json", stdin="\n".join(lines))
    assert result.exit_code == Exit.FAILED
    answer = json.loads(result.stdout)
    assert answer["published"] == 1
    assert [refused["line"] for refused in answer["refused"]] == [2, 3]


@pytest.mark.parametrize(
    ("options", "line", "reason"),
    [
        (("--source", ""), BUST, "header ce_source is missing"),
        (("--source", "urn:" + "x" * 252), BUST, "header ce_source is longer than 255 bytes"),
        ((), {**BUST, "id": "i" * 256}, "header ce_id is longer than 255 bytes"),
        ((), {**BUST, "id": "a\0b"}, "header ce_id holds a NUL character"),
    ],
)
def test_what_no_consumer_would_take_is_not_published(
    up: Path, options: tuple[str, ...], line: dict[str, Any], reason: str
) -> None:
    result = call(up, "publish", "-", "--json", *options, stdin=json.dumps(line))
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["published"]) == (Exit.FAILED, 0)
    assert reason in answer["refused"][0]["reason"]


def test_tail_shows_what_was_published_with_its_id_and_key(up: Path) -> None:
    assert call(up, "publish", "-", stdin=json.dumps(BUST)).exit_code == Exit.OK
    result = call(up, "events", "tail", "frontoffice.*", "--no-follow", "--key", "eq:T1", "-n", "1", "--json")
    event = json.loads(result.stdout)
    assert (event["id"], event["type"], event["error"]) == (BUST["id"], BUST["type"], None)
    assert event["data"] == BUST["data"]


def test_tail_of_a_topic_that_is_not_there_names_those_that_are(up: Path) -> None:
    result = call(up, "events", "tail", "nothing.*", "--no-follow")
    assert result.exit_code == Exit.FAILED
    assert "trading.trades.v1" in result.stderr


def test_what_is_described_is_reached_as_the_stack_itself(up: Path, elsewhere: Path) -> None:
    assert json.loads(call(elsewhere, "token", "--role", "sre", "--json").stdout)["expires_in"] > 0
    assert call(elsewhere, "publish", "-", stdin=json.dumps(BUST)).exit_code == Exit.OK
    tail = ("events", "tail", "frontoffice.*", "--no-follow", "--json")
    seen, own = (sorted(call(folder, *tail).stdout.splitlines()) for folder in (elsewhere, up))
    assert seen == own != []


def test_services_that_are_described_and_do_not_run_are_not_ready(elsewhere: Path) -> None:
    result = call(elsewhere, "status", "--json")
    assert result.exit_code == Exit.FAILED
    assert set(json.loads(result.stdout)["problems"]) == {service.name for service in SERVICES}


def test_logs_of_an_unknown_component_name_those_that_exist(up: Path) -> None:
    result = call(up, "logs", "nobody")
    assert result.exit_code == Exit.FAILED
    assert "kafka" in result.stderr


def test_tail_from_an_offset_of_a_partition_begins_there(up: Path) -> None:
    for _ in range(2):
        assert call(up, "publish", "-", stdin=json.dumps(BUST)).exit_code == Exit.OK
    all_of_it = call(up, "events", "tail", "frontoffice.*", "--no-follow", "--json", "--key", "eq:T1")
    last = json.loads(all_of_it.stdout.splitlines()[-1])
    place = ("--partition", str(last["partition"]), "--offset", str(last["offset"]))
    result = call(up, "events", "tail", "frontoffice.*", "--no-follow", "--json", *place)
    assert [json.loads(line)["offset"] for line in result.stdout.splitlines()] == [last["offset"]]


async def send_in_transactions(platform: Stack) -> None:
    """Send one record in a transaction that is taken back, and one in a transaction that holds."""
    servers = platform.bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id="a test") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait("frontoffice.trades.v1", b"{}", key=b"taken:back")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait("frontoffice.trades.v1", b"{}", key=b"it:holds")


def test_tail_does_not_show_what_its_sender_took_back(up: Path) -> None:
    asyncio.run(send_in_transactions(Stack.running(up)))
    result = call(up, "events", "tail", "frontoffice.*", "--no-follow", "--json")
    keys = {json.loads(line)["key"] for line in result.stdout.splitlines()}
    assert "it:holds" in keys
    assert "taken:back" not in keys


def test_tail_since_long_ago_shows_what_is_there(up: Path) -> None:
    assert call(up, "publish", "-", stdin=json.dumps(BUST)).exit_code == Exit.OK
    tail = ("events", "tail", "frontoffice.*", "--no-follow", "--json")
    lines = call(up, *tail, "--since", "30000d").stdout.splitlines()
    assert sorted(lines) == sorted(call(up, *tail).stdout.splitlines()) != []


def test_tail_since_a_time_that_is_still_to_come_shows_nothing(up: Path) -> None:
    since = call(up, "events", "tail", "frontoffice.*", "--no-follow", "--since", "2999-01-01T00:00:00Z")
    assert (since.exit_code, since.stdout) == (Exit.OK, "")


def test_a_time_that_is_none_is_wrong_usage(up: Path) -> None:
    assert call(up, "events", "tail", "frontoffice.*", "--since", "yesterday").exit_code == 2


def test_lag_of_a_group_that_is_not_there_ends_with_1(up: Path) -> None:
    result = call(up, "events", "lag", "--group", "nobody.*", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (Exit.FAILED, [])
    assert "No group matches" in result.stderr


def test_a_discard_without_criterion_is_wrong_usage(up: Path) -> None:
    assert call(up, "events", "dlq", "discard", "--reason", "all of it").exit_code == 2


def test_a_replay_of_what_no_service_consumes_is_refused(up: Path) -> None:
    result = call(up, "events", "replay", "front-office.trades")
    assert result.exit_code == Exit.FAILED
    assert "backoffice events lag" in result.stderr
