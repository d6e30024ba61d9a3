"""The issuer's HTTP surface: OpenID Connect discovery, JWKS, and the client credentials grant (RFC 6749 4.4).

Whoever asks may limit their token to some of the firm's entities and books: fields `entities` and `books`, as often as
needed. The answer says what the token is limited to.
"""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from backoffice_chassis import Clock
from backoffice_events.ids import new_id
from simulators.issuer.clients import Client, Clients
from simulators.issuer.keys import ALGORITHM, SigningKey
from simulators.issuer.settings import IssuerSettings

_NO_STORE = {"Cache-Control": "no-store"}


def create_app(settings: IssuerSettings, clock: Clock) -> FastAPI:
    """Return the issuer's application. The first call makes its signing key."""
    key = SigningKey.kept_in(settings.state_dir)
    clients = Clients(settings.clients_file)
    app = FastAPI(title="Local issuer", openapi_url=None, max_body_size=16_384)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        return _discovery(settings.url)

    @app.get("/jwks.json")
    async def jwks() -> dict[str, Any]:
        return {"keys": [key.public_jwk]}

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        fields = parse_qs((await request.body()).decode("latin-1"))
        form = {name: values[0] for name, values in fields.items()}
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "Only client_credentials is taken.")
        client_id, secret = _credentials(request.headers.get("Authorization"), form)
        client = clients.authenticate(client_id, secret)
        if client is None:
            return _refused(401, "invalid_client", "Unknown client or wrong secret.")
        limits = client.limits(fields.get("entities", []), fields.get("books", []))
        if limits is None:
            return _refused(400, "invalid_scope", "The client is limited to other entities or books.")
        access_token = key.sign({**_claims(settings, clock, client_id, client), **limits})
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": settings.token_seconds}
        return JSONResponse({**answer, **limits}, headers=_NO_STORE)

    return app


def _discovery(url: str) -> dict[str, Any]:
    base = url.rstrip("/")
    return {
        "issuer": url,
        "jwks_uri": f"{base}/jwks.json",
        "token_endpoint": f"{base}/token",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }


def _claims(settings: IssuerSettings, clock: Clock, client_id: str, client: Client) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    return {
        "iss": settings.url,
        "aud": settings.audience,
        "sub": client.subject,
        "client_id": client_id,
        "roles": client.roles,
        "iat": now,
        "nbf": now,
        "exp": now + settings.token_seconds,
        "jti": new_id(),
    }


def _credentials(authorization: str | None, form: dict[str, str]) -> tuple[str, str]:
    """Return client id and secret from HTTP Basic (RFC 6749 2.3.1) or from the form."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode("latin-1").partition(":")
    except binascii.Error:
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _refused(status: int, error: str, description: str) -> JSONResponse:
    headers = {**_NO_STORE, **({"WWW-Authenticate": 'Basic realm="issuer"'} if status == 401 else {})}
    return JSONResponse({"error": error, "error_description": description}, status, headers=headers)
