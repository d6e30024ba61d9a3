"""What every answer tells caches and browsers."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("path", ["/notes", "/nowhere", "/livez", "/openapi.json", "/docs"])
async def test_every_answer_says_that_it_is_not_to_be_kept_sniffed_or_framed(app: Any, path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        answer = await client.get(path)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert ("default-src 'none'" in answer.headers["content-security-policy"]) == (path != "/docs")
