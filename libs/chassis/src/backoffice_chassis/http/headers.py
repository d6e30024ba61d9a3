"""What every answer tells caches and browsers (OWASP REST Security Cheat Sheet, Security Headers)."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000",  # browsers heed it only where TLS stands in front
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_CLOSED: Final = "default-src 'none'; frame-ancestors 'none'"
_DOCUMENTATION: Final = "frame-ancestors 'none'"  # a page with scripts of its own
_DOCUMENTATION_PATH: Final = "/docs"


class SecurityHeaders:
    """ASGI middleware: an answer is not kept, not sniffed, not framed, and loads nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = _DOCUMENTATION if scope["path"] == _DOCUMENTATION_PATH else _CLOSED

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({**_ALWAYS, "content-security-policy": policy})
            await send(message)

        await self._app(scope, receive, sending)
