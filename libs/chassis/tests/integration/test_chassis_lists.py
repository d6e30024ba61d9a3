"""Pages are complete and without repetition while rows come in; changes need the version that was read."""

import httpx
import pytest

from backoffice_events.ids import new_id

pytestmark = pytest.mark.integration


async def write(client: httpx.AsyncClient, *titles: str) -> None:
    answer = await client.post("/notes/bulk", json=[{"title": title, "amount": "1"} for title in titles])
    assert answer.status_code == 204


async def page(client: httpx.AsyncClient, cursor: str | None, limit: int = 2) -> tuple[list[str], str | None]:
    params = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
    answer = await client.get("/notes", params=params)
    assert answer.status_code == 200, answer.text
    return [note["title"] for note in answer.json()["items"]], answer.json()["next_cursor"]


async def test_pages_follow_one_another_to_the_last(client: httpx.AsyncClient) -> None:
    await write(client, "a", "b", "c", "d", "e")
    first, cursor = await page(client, None)
    second, cursor = await page(client, cursor)
    third, cursor = await page(client, cursor)
    assert (first, second, third, cursor) == (["a", "b"], ["c", "d"], ["e"], None)


async def test_a_full_last_page_has_no_next(client: httpx.AsyncClient) -> None:
    await write(client, "a", "b")
    assert await page(client, None) == (["a", "b"], None)


async def test_rows_that_come_in_meanwhile_neither_repeat_nor_hide_others(client: httpx.AsyncClient) -> None:
    await write(client, "b", "d", "f")
    _, cursor = await page(client, None)
    await write(client, "a", "e")
    assert await page(client, cursor) == (["e", "f"], None)


@pytest.mark.parametrize(
    "cursor",
    ["x", "e30", "W10", "WyJhIl0", "WzEsMl0", "WyJhIiwibm8tdXVpZCJd", "é", "W" * 1000, "eyJhIjoxLCJiIjoxfQ"],
)
async def test_a_cursor_of_no_page_of_this_list_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/notes", params={"cursor": cursor})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["/query/cursor"]


async def test_a_parameter_that_the_list_does_not_know_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/notes", params={"titel": "a", "limit": "1"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "/query/titel"
    assert error["reason"] == "not known here; there are: cursor, limit"


async def a_note(client: httpx.AsyncClient) -> str:
    return str((await client.post("/notes", json={"title": "first", "amount": "1"})).json()["id"])


CHANGED = {"title": "second", "amount": "2"}


async def test_a_change_of_the_version_that_was_read_is_taken(client: httpx.AsyncClient) -> None:
    note = await a_note(client)
    tag = (await client.get(f"/notes/{note}")).headers["etag"]
    answer = await client.put(f"/notes/{note}", json=CHANGED, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)


async def test_of_two_who_read_the_same_version_the_second_is_told(client: httpx.AsyncClient) -> None:
    note = await a_note(client)
    await client.put(f"/notes/{note}", json=CHANGED, headers={"If-Match": '"1"'})
    answer = await client.put(f"/notes/{note}", json=CHANGED, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/precondition-failed")


async def test_a_change_without_a_version_is_428(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"/notes/{await a_note(client)}", json=CHANGED)
    assert (answer.status_code, answer.json()["type"]) == (428, "/problems/precondition-required")


@pytest.mark.parametrize("tag", ["1", 'W/"1"', '"x"', '""', '"99999999999"', '"-1"', '"\u0661"'.encode()])
async def test_what_is_no_etag_of_ours_is_refused(client: httpx.AsyncClient, tag: str | bytes) -> None:
    answer = await client.put(f"/notes/{new_id()}", json=CHANGED, headers={b"If-Match": tag})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].lower() == "/header/if-match"
