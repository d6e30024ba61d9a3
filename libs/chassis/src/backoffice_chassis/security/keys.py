"""The issuer's public keys: found by OpenID Connect discovery, cached, and fetched again when they rotate."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import structlog

from backoffice_chassis.http.problems import unavailable

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "ES256")
_FRESH_FOR = 600.0
_LONGEST_UNTRIED = 1200.0
_BETWEEN_TRIES = 5.0
_LONGEST_TRY = 10.0
_LARGEST_DOCUMENT = 256 * 1024


class IssuerKeys:
    """The signing keys of one issuer.

    A known key serves at once. Keys older than ten minutes are fetched again meanwhile, so that one which the issuer
    withdrew goes; where nobody asked for twenty minutes, the next who asks waits for that. While the issuer is away the
    keys last seen go on serving. An unknown key id makes it look again, but not within five seconds of the last time,
    so that forged key ids can't be used to flood the issuer.

    seconds: a clock that nobody sets, since how long ago something was says nothing by one that is set back.
    """

    def __init__(
        self, issuer_url: str, http: httpx.AsyncClient, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer_url = issuer_url
        self._http = http
        self._seconds = seconds
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = -math.inf
        self._tried_at = -math.inf
        self._trying: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """End a fetch that is under way."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait({self._trying})

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key with this id, or None when the issuer has no such key.

        Raises a 503 problem while no key could ever be read from the issuer.
        """
        if key_id not in self._keys or self._since(self._tried_at) > _LONGEST_UNTRIED:
            await self._looked_again()
        elif self._since(self._read_at) > _FRESH_FOR:
            self._look_again()
        if self._read_at == -math.inf:
            raise unavailable(
                f"The token issuer {self._issuer_url} can't be reached, so no token can be checked."
            )
        return self._keys.get(key_id)

    def _since(self, moment: float) -> float:
        return self._seconds() - moment

    async def _looked_again(self) -> None:
        """Look again and wait for that, all who ask for the same fetch: one who goes away ends it for nobody."""
        self._look_again()
        if self._trying is not None:
            await asyncio.wait({self._trying})

    def _look_again(self) -> None:
        """Fetch the keys beside, unless that is done already, or ended a moment ago."""
        under_way = self._trying is not None and not self._trying.done()
        if not under_way and self._since(self._tried_at) >= _BETWEEN_TRIES:
            self._trying = asyncio.create_task(self._try())

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(_LONGEST_TRY):
                self._keys = await self._fetch()
            self._read_at = self._seconds()
        except Exception as error:  # whatever the issuer answers, tokens are judged by the keys last seen
            log.warning("issuer keys not read", issuer=self._issuer_url, error=repr(error))
        self._tried_at = self._seconds()

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
