"""Bearer tokens: JWTs as OpenID Connect shapes them (RFC 7519), judged by signature, issuer, audience, time."""

import math
import re
from datetime import timedelta
from typing import Any

import jwt

from backoffice_chassis.clock import Clock
from backoffice_chassis.http.problems import MISSING_TOKEN, unauthenticated
from backoffice_chassis.security.keys import ALGORITHMS, IssuerKeys
from backoffice_chassis.security.principal import Principal, Role
from backoffice_chassis.security.scope import Scope

WHOLE_FIRM_ROLE = "whole-firm"
"""What an unlimited token has among its roles where a firm wants that said: no job, and no permission by itself."""

_LONGEST_TOKEN = 8192
_ROLES = {role.value: role for role in Role}
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_BOOK = re.compile(r"[^\x00-\x1f\x7f]{1,140}")


class TokenVerifier:
    """Turns an Authorization header into the principal that it proves, or a 401 problem that says what is wrong."""

    def __init__(
        self,
        keys: IssuerKeys,
        *,
        issuer_url: str,
        audience: str,
        leeway: timedelta,
        whole_firm_by_role: bool,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._issuer_url = issuer_url
        self._audience = audience
        self._leeway = leeway.total_seconds()
        self._whole_firm_by_role = whole_firm_by_role
        self._clock = clock

    async def principal(self, authorization: str | None) -> Principal:
        """Return who the header's token speaks for. Raises 401 unless every check holds."""
        scheme, _, token = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated(MISSING_TOKEN)
        if len(token) > _LONGEST_TOKEN:
            raise unauthenticated(f"The token is longer than {_LONGEST_TOKEN} characters.")
        claims = await self._claims(token.strip())
        self._check_times(claims)
        principal = _principal_of(claims)
        if self._whole_firm_by_role and principal.scope.whole_firm:
            _check_whole_firm(claims)
        return principal

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(header)
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer_url,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise unauthenticated(_reason(error, self._audience, self._issuer_url)) from error

    async def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        if header.get("alg") not in ALGORITHMS:
            raise unauthenticated(f"The token must be signed with one of {', '.join(ALGORITHMS)}.")
        key = await self._keys.find(str(header.get("kid", "")))
        if key is None or key.algorithm_name != header["alg"]:
            raise unauthenticated("The token is signed with a key that its issuer doesn't publish.")
        return key

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now().timestamp()
        expires, starts = claims["exp"], claims.get("nbf", claims.get("iat", 0))
        if not _is_time(expires) or not _is_time(starts):
            raise unauthenticated("The token's times are not numbers.")
        if expires <= now - self._leeway:
            raise unauthenticated("The token has expired: fetch a new one.")
        if starts > now + self._leeway:
            raise unauthenticated("The token is not valid yet: check the clocks.")


def _is_time(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -math.inf < value < math.inf  # NaN is neither before nor after any moment


def _principal_of(claims: dict[str, Any]) -> Principal:
    subject, roles = claims["sub"], claims.get("roles", [])
    if not isinstance(subject, str) or not 0 < len(subject) <= 140 or not subject.isprintable():
        raise unauthenticated("The token's `sub` must name a person in 1 to 140 printable characters.")
    known = (_ROLES.get(role) for role in roles if isinstance(role, str)) if isinstance(roles, list) else ()
    return Principal(
        subject, frozenset(role for role in known if role), _client_of(claims), _scope_of(claims)
    )


def _scope_of(claims: dict[str, Any]) -> Scope:
    """Return what the token is limited to. A limit that names nothing, or not what it should, is no token at all."""
    return Scope(
        entities=_limit(claims, "entities", _LEI, "LEIs of the firm's own legal entities"),
        books=_limit(claims, "books", _BOOK, "ids of books"),
    )


def _check_whole_firm(claims: dict[str, Any]) -> None:
    roles = claims.get("roles")
    if not isinstance(roles, list) or WHOLE_FIRM_ROLE not in roles:
        raise unauthenticated(
            f"The token names neither `entities` nor `books`, and its `roles` lack {WHOLE_FIRM_ROLE!r}, by which it "
            "would be for the whole firm: ask whoever gives out roles for one or the other."
        )


def _limit(claims: dict[str, Any], name: str, form: re.Pattern[str], what: str) -> frozenset[str] | None:
    if name not in claims:
        return None
    values = claims[name]
    listed = isinstance(values, list) and len(values) > 0
    if not listed or not all(isinstance(value, str) and form.fullmatch(value) for value in values):
        raise unauthenticated(f"The token's `{name}` must list {what}: at least one, or be left out for all.")
    return frozenset(values)


def _client_of(claims: dict[str, Any]) -> str | None:
    """Return the application that the token was issued to: `azp` (OpenID Connect), or `client_id` (RFC 9068)."""
    client = claims.get("azp", claims.get("client_id"))
    return client if isinstance(client, str) and 0 < len(client) <= 140 and client.isprintable() else None


def _reason(error: jwt.PyJWTError, audience: str, issuer_url: str) -> str:
    match error:
        case jwt.InvalidAudienceError():
            return f"The token is meant for somebody else: its `aud` must contain {audience!r}."
        case jwt.InvalidIssuerError():
            return f"The token comes from another issuer: its `iss` must be {issuer_url!r}."
        case jwt.MissingRequiredClaimError():
            return f"The token lacks the claim {error.claim!r}."
        case jwt.InvalidSignatureError():
            return "The token's signature doesn't hold."
        case _:
            return "The token can't be read as a signed JWT."
