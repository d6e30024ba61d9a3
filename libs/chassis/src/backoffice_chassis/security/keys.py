"""The issuer's public keys: found by OpenID Connect discovery, cached, and fetched again when they rotate."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import structlog

from backoffice_chassis.clock import Clock
from backoffice_chassis.http.problems import unavailable

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "ES256")
_FRESH_FOR = timedelta(minutes=10)
_BETWEEN_FETCHES = timedelta(seconds=5)
_LARGEST_DOCUMENT = 256 * 1024


class IssuerKeys:
    """The signing keys of one issuer.

    An unknown key id makes it look again at once, but at most every five seconds, so that forged key ids can't be used
    to flood the issuer. While the issuer is away the keys last seen go on serving.
    """

    def __init__(self, issuer_url: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self._issuer_url = issuer_url
        self._http = http
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key with this id, or None when the issuer has no such key.

        Raises a 503 problem while no key could ever be read from the issuer.
        """
        if key_id not in self._keys or self._stale():
            await self._refresh()
        if self._fetched_at is None:
            raise unavailable(
                f"The token issuer {self._issuer_url} can't be reached, so no token can be checked."
            )
        return self._keys.get(key_id)

    def _stale(self) -> bool:
        return self._fetched_at is None or self._clock.now() - self._fetched_at > _FRESH_FOR

    async def _refresh(self) -> None:
        asked_at = self._clock.now()
        async with self._fetching:
            if self._tried_at and (self._tried_at > asked_at or asked_at - self._tried_at < _BETWEEN_FETCHES):
                return
            self._tried_at = self._clock.now()
            try:
                self._keys = await self._fetch()
                self._fetched_at = self._tried_at
            except (httpx.HTTPError, ValueError, KeyError, jwt.PyJWTError) as error:
                log.warning("issuer keys not read", issuer=self._issuer_url, error=repr(error))

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        discovery = await self._get_json(f"{self._issuer_url.rstrip('/')}/.well-known/openid-configuration")
        if discovery.get("issuer") != self._issuer_url:
            raise ValueError(f"the discovery document names another issuer: {discovery.get('issuer')!r}")
        document = await self._get_json(str(discovery["jwks_uri"]))
        usable = [key for key in document["keys"] if key.get("kid") and key.get("use", "sig") == "sig"]
        keys = [jwt.PyJWK(key) for key in usable if key.get("kty") in {"RSA", "EC"}]
        return {str(key.key_id): key for key in keys if key.algorithm_name in ALGORITHMS}

    async def _get_json(self, url: str) -> dict[str, Any]:
        response = await self._http.get(url, follow_redirects=False)
        response.raise_for_status()
        if len(response.content) > _LARGEST_DOCUMENT:
            raise ValueError(f"{url} is larger than {_LARGEST_DOCUMENT} bytes")
        document = response.json()
        if not isinstance(document, dict):
            raise TypeError(f"{url} is not a JSON object")
        return document
